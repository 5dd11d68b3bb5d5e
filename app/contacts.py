"""Contacts behind addresses: found or made, one row each, whoever asks at the same moment."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.channels.arrival import Arrival
from app.db import sql
from flows.values import canonical_json, encode

# Finding is writing: the row stays locked, and one statement less is a tenth of what a webhook costs.
_TOUCH = "UPDATE addresses SET last_seen_at = :now WHERE kind = :kind AND value = :value RETURNING id, contact_id"


@dataclass(frozen=True)
class Reached:
    """The address an arrival came from and its contact; the row is locked until the transaction ends."""

    address_id: int
    contact_id: int


def reach(session: Session, arrival: Arrival, now: int) -> Reached:
    """Finds or creates the address and its contact; `now` in microseconds. Later arrivals of it wait for our commit."""
    key = {"kind": arrival.address_kind, "value": arrival.address, "now": now}
    row = session.execute(sql(session, _TOUCH), key).first()
    if row is None:
        _create(session, arrival, now)
        row = session.execute(sql(session, _TOUCH), key).one()
    else:
        _learn(session, row.contact_id, arrival)
    if arrival.phone:
        note_address(session, row.contact_id, "phone", arrival.phone, now)
    return Reached(row.id, row.contact_id)


def note_address(session: Session, contact_id: int, kind: str, value: str, now: int) -> bool:
    """Gives the contact one more address; False when somebody else has it already."""
    values = {"contact": contact_id, "kind": kind, "value": value, "now": now}
    session.execute(
        sql(
            session,
            "INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)"
            " VALUES (:contact, :kind, :value, :now, :now) ON CONFLICT (kind, value) DO NOTHING",
        ),
        values,
    )
    owner = session.execute(
        sql(session, "SELECT contact_id FROM addresses WHERE kind = :kind AND value = :value"), values
    )
    return bool(owner.scalar_one() == contact_id)


def _create(session: Session, arrival: Arrival, now: int) -> None:
    # A signed visitor's telephone number may belong to a contact who has called before: then it is the same person.
    known = arrival.contact_id or (
        session.execute(
            sql(session, "SELECT contact_id FROM addresses WHERE kind = 'phone' AND value = :value"),
            {"value": arrival.phone},
        ).scalar()
        if arrival.phone
        else None
    )
    contact_id = known or _insert_contact(session, arrival, now)
    taken = session.execute(
        sql(
            session,
            "INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)"
            " VALUES (:contact, :kind, :value, :now, :now) ON CONFLICT (kind, value) DO NOTHING RETURNING id",
        ),
        {"contact": contact_id, "kind": arrival.address_kind, "value": arrival.address, "now": now},
    ).scalar()
    if taken is None and not known:  # somebody made the address since we looked: their contact is the one
        session.execute(sql(session, "DELETE FROM contacts WHERE id = :id"), {"id": contact_id})


def _insert_contact(session: Session, arrival: Arrival, now: int) -> int:
    return int(
        session.execute(
            sql(
                session,
                "INSERT INTO contacts (name, language, attributes, account_manager, first_seen_at, created_at)"
                " VALUES (:name, :language, :attributes, '', :now, :now) RETURNING id",
            ),
            {
                "name": arrival.contact_name[:200],
                "language": arrival.contact_language,
                "attributes": canonical_json(encode(arrival.contact_attributes)),
                "now": now,
            },
        ).scalar_one()
    )


def _learn(session: Session, contact_id: int, arrival: Arrival) -> None:
    """Fills in a name or language that we did not have; what is known stays."""
    if not (arrival.contact_name or arrival.contact_language):
        return
    session.execute(
        sql(
            session,
            "UPDATE contacts SET name = CASE WHEN name = '' THEN :name ELSE name END,"
            " language = CASE WHEN language = '' THEN :language ELSE language END"
            " WHERE id = :id AND ((name = '' AND :name <> '') OR (language = '' AND :language <> ''))",
        ),
        {"id": contact_id, "name": arrival.contact_name[:200], "language": arrival.contact_language},
    )
