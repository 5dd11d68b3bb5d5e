"""What a flow changes about a contact, in its turn's own commit; and whose an address is."""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import sql
from app.handled import Handled, Trouble
from flows.ask import AddressState, AddressStateAnswer
from flows.effect import UpdateContact
from flows.values import canonical_json, encode

_OF = "SELECT contact_id FROM conversations WHERE id = :conversation"
_FIND: Final = f"SELECT id, attributes FROM contacts WHERE id = ({_OF})"  # noqa: S608 - from constants
_WRITE: Final = """
    UPDATE contacts SET attributes = :attributes, name = coalesce(CAST(:name AS text), name),
        language = coalesce(CAST(:language AS text), language), zone = coalesce(CAST(:zone AS text), zone),
        account_manager = coalesce(CAST(:account_manager AS text), account_manager),
        consent_at = CASE WHEN CAST(:consent AS text) NOT IN ('', consent) THEN :now ELSE consent_at END,
        consent_source = CASE WHEN CAST(:consent AS text) NOT IN ('', consent) THEN :source ELSE consent_source END,
        consent = CASE WHEN CAST(:consent AS text) = '' THEN consent ELSE :consent END
    WHERE id = :id
"""
_ADD_ADDRESS: Final = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at) VALUES (:id, :kind, :value, :now, :now)
    ON CONFLICT (kind, value) DO NOTHING
"""
_OWNER: Final = "SELECT contact_id FROM addresses WHERE kind = :kind AND value = :value"
_JOIN: Final = """
    INSERT INTO segment_members (contact_id, segment_id, added_at)
    SELECT :id, s.id, :now FROM segments s WHERE s.name = :segment ON CONFLICT (contact_id, segment_id) DO NOTHING
"""
_LEAVE: Final = """
    DELETE FROM segment_members WHERE contact_id = :id
    AND segment_id = (SELECT s.id FROM segments s WHERE s.name = :segment)
"""


def address_owner(session: Session, asked: AddressState, conversation_id: int) -> AddressStateAnswer:
    """Whose the address is, seen from the contact of a conversation."""
    values = {"kind": asked.kind, "value": asked.value, "conversation": conversation_id}
    owner = session.execute(text(_OWNER), values).scalar()
    if owner is None:
        return AddressStateAnswer("nobody")
    return AddressStateAnswer("contact" if owner == session.execute(text(_OF), values).scalar() else "another")


def update(session: Session, one: Handled, now: int) -> None:
    """Writes the changes in their order, under the contact's lock. An address that somebody else got meanwhile stays
    theirs, and people are told."""
    about = {"conversation": one.conversation_id}
    contact = session.execute(text(_FIND), about).one()
    attributes = json.loads(contact.attributes)
    for change in one.updates:
        attributes |= {name: encode(value) for name, value in change.attributes.items()}
        attributes = {name: value for name, value in attributes.items() if value is not None}
        values = {"attributes": canonical_json(attributes), "source": _source(one), "now": now, "id": contact.id}
        _write(session, change, values)
        one.problems += _add_addresses(session, contact.id, change, now)


def _write(session: Session, change: UpdateContact, values: Mapping[str, Any]) -> None:
    fields = {part: getattr(change, part) for part in ("name", "language", "zone", "account_manager", "consent")}
    session.execute(sql(session, _WRITE), {**fields, **values})
    for statement, segments in ((_JOIN, change.joins), (_LEAVE, change.leaves)):
        for segment in segments:
            session.execute(text(statement), {**values, "segment": segment})


def _add_addresses(session: Session, id_: int, change: UpdateContact, now: int) -> Iterable[Trouble]:
    for kind, value in sorted(change.addresses.items()):
        values = {"id": id_, "kind": kind, "value": value, "now": now}
        session.execute(text(_ADD_ADDRESS), values)
        if session.execute(text(_OWNER), values).scalar() != id_:
            sentence = f"The address {value} became another contact's at the same moment: look at both."
            yield Trouble("address_taken", sentence)


def _source(one: Handled) -> str:
    return f"run {one.runs[-1].id}" if one.runs else "flow"
