"""Creating and changing a contact: every field checked, consent noted with when and by whom, nobody's address taken."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.contacts.checked import ADDRESS_KINDS, TEXTS, checked_address, checked_fields, checked_text, stored_fields
from app.db import now
from app.errors import Conflict, Invalid, NotFound
from app.models import Address, Contact, Installation, Segment, SegmentMember
from flows.values import canonical_json


def find(session: Session, number: int, *, locked: bool = False) -> Contact:
    """The contact with this id. With `locked`, its addresses and then itself, as everywhere. Raises: NotFound."""
    if locked:
        session.execute(select(Address.id).where(Address.contact_id == number).order_by(Address.id).with_for_update())
    query = select(Contact).where(Contact.id == number)
    found = session.scalar(query.with_for_update() if locked else query)
    if found is None:
        raise NotFound(f"There is no contact {number}: GET /api/v1/contacts lists them.")
    return found


def create(session: Session, given: Mapping[str, Any], who: str) -> Contact:
    """A new contact. Raises: Invalid for a field, Conflict when an address is somebody's."""
    if not any(given.get(field) for field in (*TEXTS, *ADDRESS_KINDS)):
        raise Invalid("A contact needs at least a name or an address.", "empty", field="name")
    at = now(session)
    row = Contact(first_seen_at=at, created_at=at, zone="", consent="", consent_source="")
    session.add(row)
    session.flush()
    change(session, row, given, who)
    return row


def change(session: Session, row: Contact, given: Mapping[str, Any], who: str) -> None:
    """Changes what is given of a locked contact. Raises: as `create`; NotFound for a segment."""
    for field in TEXTS:
        if field in given:
            setattr(row, field, checked_text(field, given[field]))
    if "attributes" in given:
        row.attributes = canonical_json(checked_fields(stored_fields(row.attributes or "{}"), given["attributes"]))
    if "consent" in given and given["consent"] != row.consent:
        row.consent, row.consent_source, row.consent_at = given["consent"], who, now(session)
    for kind in sorted(ADDRESS_KINDS):  # the order in which everybody adds addresses (store.contacts)
        if given.get(kind):
            country = given.get("country") or session.scalar(select(Installation.country)) or ""
            add_address(session, row, kind, checked_address(kind, given[kind], country))
    if "segments" in given:
        set_segments(session, row.id, given["segments"])
    session.flush()


def add_address(session: Session, row: Contact, kind: str, value: str) -> None:
    """A further address of the contact. Raises: Conflict naming whose it is."""
    owner = session.scalar(select(Address.contact_id).where(Address.kind == kind, Address.value == value))
    if owner is None:
        at = now(session)
        session.add(Address(contact_id=row.id, kind=kind, value=value, last_seen_at=at, created_at=at))
    elif owner != row.id:
        sentence = f"{value} is the address of contact {owner}: merge the two contacts, or leave it out."
        raise Conflict(sentence, "address_taken", {"field": kind, "contact": owner}, field=kind)


def set_segments(session: Session, contact_id: int, names: Sequence[str]) -> None:
    """The contact is in these segments and no others. Raises: NotFound."""
    wanted = {name: segment_named(session, name).id for name in names}
    held = set(session.scalars(select(SegmentMember.segment_id).where(SegmentMember.contact_id == contact_id)))
    gone = held - set(wanted.values())
    session.execute(
        delete(SegmentMember).where(SegmentMember.contact_id == contact_id, SegmentMember.segment_id.in_(gone))
    )
    for segment_id in sorted(set(wanted.values()) - held):
        session.add(SegmentMember(contact_id=contact_id, segment_id=segment_id, added_at=now(session)))


def segment_named(session: Session, name: str) -> Segment:
    """The segment of that name. Raises: NotFound."""
    found = session.scalar(select(Segment).where(Segment.name == name))
    if found is None:
        raise NotFound(f"There is no segment “{name[:80]}”: GET /api/v1/segments lists them.")
    return found
