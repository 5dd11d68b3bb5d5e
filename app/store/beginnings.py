"""Where a run begins from our side: the contact's conversation on one number of ours, opened if need be.

Locks are taken as in `store.consequences`: address, contact, conversation. Who opens a conversation for an address that
others write from raises its `last_seen_at`, by which an arrival notices that it was overtaken (`arrival_at_once`).
"""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.db import sql
from app.store.new_arrival import REOPENS_WITHIN


@dataclass(frozen=True)
class Place:
    """Where a run is to begin: the contact's address and the number of ours."""

    address_id: int
    contact_id: int
    number_id: int
    connection_id: int


@dataclass(frozen=True)
class Busy:
    """Who has a conversation. `run_id`: the run under way, or the event that is about to begin one."""

    conversation_id: int
    run_id: int = 0
    with_people: bool = False


_ADDRESS: Final = "SELECT id, contact_id FROM addresses WHERE kind = :kind AND value = :value {for update}"
_NEW_CONTACT: Final = """
    INSERT INTO contacts (name, language, attributes, account_manager, first_seen_at, created_at)
    VALUES (:name, '', '{}', '', {now}, {now}) RETURNING id
"""
_NEW_ADDRESS: Final = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
    VALUES (:contact_id, :kind, :value, {now}, {now}) ON CONFLICT (kind, value) DO NOTHING RETURNING id
"""
_OVERTAKE: Final = "UPDATE addresses SET last_seen_at = last_seen_at + 1 WHERE id = :address_id"
_LOCK_CONTACT: Final = "SELECT id FROM contacts WHERE id = :contact_id {for update}"
_LATEST: Final = """
    SELECT id, {now} - coalesce(closed_at, {now}) AS closed_for FROM conversations
    WHERE contact_id = :contact_id AND number_id = :number_id AND kind = 'messages' ORDER BY id DESC LIMIT 1
"""
# Closed until the run begins: nobody has it, and nothing is to be done in it but that.
_OPEN: Final = """
    INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, state, owner, next_seq, last_at,
                               fence, call_turn, pending_verbs, opened_at, closed_at, created_at)
    VALUES (:contact_id, :address_id, :connection_id, :number_id, 'messages', 'closed', 'none', 1, {now},
            0, 0, '[]', {now}, {now}, {now}) RETURNING id
"""
_BUSY: Final = """
    SELECT c.run_id, c.owner, (
        SELECT min(e.id) FROM inbound_events e WHERE e.conversation_id = c.id AND e.state IN ('waiting', 'queued')
        AND e.kind IN ('api_called', 'schedule_due')) AS about_to
    FROM conversations c WHERE c.id = :id
"""


def address_of(session: Session, kind: str, value: str, name: str = "") -> Row[Any]:
    """The locked address with its contact, both made now unless they are there; `name` is a new contact's."""
    values = {"kind": kind, "value": value, "name": name}
    found = session.execute(sql(session, _ADDRESS), values).first()
    if found is None:
        contact_id = session.execute(sql(session, _NEW_CONTACT), values).scalar_one()
        if session.execute(sql(session, _NEW_ADDRESS), {**values, "contact_id": contact_id}).first() is None:
            session.execute(text("DELETE FROM contacts WHERE id = :id"), {"id": contact_id})  # somebody was faster
        found = session.execute(sql(session, _ADDRESS), values).one()
    return found


def conversation_at(session: Session, place: Place) -> Busy:
    """The contact's conversation there, opened unless there is one of late, and who has it; the contact is locked."""
    session.execute(text(_OVERTAKE), vars(place))
    session.execute(sql(session, _LOCK_CONTACT), vars(place))
    latest = session.execute(sql(session, _LATEST), vars(place)).first()
    if latest is None or latest.closed_for > REOPENS_WITHIN:
        return Busy(session.execute(sql(session, _OPEN), vars(place)).scalar_one())
    row = session.execute(text(_BUSY), {"id": latest.id}).one()
    return Busy(latest.id, row.run_id or row.about_to or 0, row.owner == "people")
