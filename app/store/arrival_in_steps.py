"""Stores an arrival on SQLite in a few statements: its write transactions exclude each other."""

from typing import Any

from sqlalchemy import RowMapping
from sqlalchemy.orm import Session

from app.db import sql
from app.store.events import INSERT_EVENT, PLACE_OF_VALUES, RETURNING_PLACE, TAKE_SEQ_AND_REOPEN, Put
from app.store.new_arrival import (
    INSERT_CONVERSATION,
    INSERT_MESSAGE,
    LEARN,
    REOPENS_WITHIN,
    RETURNING_FIRST_PLACE,
    UNLEARNT,
    NewArrival,
    UnknownNumber,
)

_LOOK = """
    SELECT {now} AS now, e.id AS before_id, e.conversation_id AS before_conversation_id,
           (SELECT id FROM numbers WHERE connection_id = :connection_id AND value = :number) AS number_id
    FROM (SELECT 1) LEFT JOIN inbound_events e ON e.connection_id = :connection_id AND e.provider_id = :provider_id
"""
_TOUCH = """
    UPDATE addresses SET last_seen_at = max(:now, last_seen_at + 1) WHERE kind = :address_kind AND value = :address
    RETURNING id AS address_id, contact_id
"""
_LEARN = LEARN + " WHERE contacts.id = :contact_id AND" + UNLEARNT
_PHONE_OWNER = "SELECT contact_id FROM addresses WHERE kind = 'phone' AND value = :phone"
_INSERT_CONTACT = """
    INSERT INTO contacts (name, language, attributes, account_manager, first_seen_at, created_at)
    VALUES (:contact_name, :contact_language, :contact_attributes, '', :now, :now) RETURNING id
"""
_INSERT_ADDRESS = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
    VALUES (:contact_id, :address_kind, :address, :now, :now) RETURNING id AS address_id, contact_id
"""
_NOTE_PHONE = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
    VALUES (:contact_id, 'phone', :phone, :now, :now) ON CONFLICT (kind, value) DO NOTHING
"""
_LATEST = """
    SELECT id, closed_at FROM conversations WHERE contact_id = :contact_id AND number_id = :number_id
    AND kind = 'messages' ORDER BY id DESC LIMIT 1
"""
_OF_CALL = "SELECT id, NULL AS closed_at FROM conversations WHERE connection_id = :connection_id AND call_id = :call_id"
_TAKE = TAKE_SEQ_AND_REOPEN + " WHERE id = :conversation_id" + RETURNING_PLACE
_OPEN = (
    INSERT_CONVERSATION.replace(
        "{address}", "(SELECT :address_id AS id, :contact_id AS contact_id, :number_id AS number_id)"
    )
    + RETURNING_FIRST_PLACE
)
_INSERT_EVENT = INSERT_EVENT.replace("{place}", PLACE_OF_VALUES) + " RETURNING id, conversation_id, created_at"
_INSERT_MESSAGE = INSERT_MESSAGE.replace(
    "{event}", "(SELECT :id AS id, :conversation_id AS conversation_id, :created_at AS created_at)"
)


def store(session: Session, new: NewArrival) -> Put:
    """The arrival's row, or the one with its provider id that is there already. Raises: UnknownNumber."""
    values = vars(new)
    found = _row(session, _LOOK, values)
    if found["number_id"] is None:
        raise UnknownNumber(new.number)
    if found["before_id"] is not None:
        return Put(found["before_id"], found["before_conversation_id"], duplicate=True)
    values = {**values, **found}
    place = _place(session, {**values, **_address(session, new, values)})
    event = _row(session, _INSERT_EVENT, {**values, **place})
    session.execute(sql(session, _INSERT_MESSAGE), {**values, **event})
    return Put(event["id"], event["conversation_id"])


def _address(session: Session, new: NewArrival, values: dict[str, Any]) -> RowMapping:
    """The arrival's address and its contact, made now unless they are there."""
    address = session.execute(sql(session, _TOUCH), values).mappings().first()
    if address is None:
        # A signed visitor's telephone number may belong to a contact who has called before: it is the same person.
        owner = session.execute(sql(session, _PHONE_OWNER), values).scalar() if new.phone else None
        contact_id = new.contact_id or owner or _row(session, _INSERT_CONTACT, values)["id"]
        address = _row(session, _INSERT_ADDRESS, {**values, "contact_id": contact_id})
    elif new.contact_name or new.contact_language:
        session.execute(sql(session, _LEARN), {**values, **address})
    if new.phone:
        session.execute(sql(session, _NOTE_PHONE), {**values, **address})
    return address


def _place(session: Session, values: dict[str, Any]) -> RowMapping:
    """The arrival's place in its conversation, which is opened or reopened."""
    latest = session.execute(sql(session, _OF_CALL if values["call_id"] else _LATEST), values).first()
    if latest is not None and (latest.closed_at is None or values["now"] - latest.closed_at <= REOPENS_WITHIN):
        return _row(session, _TAKE, {"conversation_id": latest.id})
    return _row(session, _OPEN, values)


def _row(session: Session, statement: str, values: dict[str, Any]) -> RowMapping:
    return session.execute(sql(session, statement), values).mappings().one()
