"""What flows change about contacts, in their turns' own commit; and whose an address is."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import sql
from app.handled import Handled, Trouble
from app.store.rows import ids, over
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
_CONTACTS_OF: Final = "SELECT id, contact_id FROM conversations WHERE id IN ({ids})"
_ADD_ADDRESSES: Final = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
    SELECT r.id, r.kind, r.value, :now, :now FROM {rows} WHERE true ORDER BY r.n ON CONFLICT (kind, value) DO NOTHING
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


def add_addresses(session: Session, group: Sequence[Handled], now: int) -> None:
    """The new addresses of a whole group, in one order for everybody: two groups that add the same ones must not wait
    for each other in a circle. Whoever was first has an address; `update` tells of those that are another's."""
    new = [
        (kind, value, one.conversation_id)
        for one in group
        for change in one.updates
        for kind, value in change.addresses.items()
    ]
    if not new:
        return
    owners = {row.id: row.contact_id for row in ids(session, _CONTACTS_OF, {conversation for *_, conversation in new})}
    rows = [
        {"n": n, "id": owners[conversation], "kind": kind, "value": value}
        for n, (kind, value, conversation) in enumerate(sorted(new))
    ]
    over(session, _ADD_ADDRESSES, {"n": "bigint", "id": "bigint", "kind": "text", "value": "text"}, rows, now=now)


def update(session: Session, one: Handled, now: int) -> None:
    """Writes the changes in their order, under the contact's lock; the addresses were added before. One that somebody
    else got meanwhile stays theirs, and people are told."""
    about = {"conversation": one.conversation_id}
    contact = session.execute(text(_FIND), about).one()
    attributes = json.loads(contact.attributes)
    for change in one.updates:
        attributes |= {name: encode(value) for name, value in change.attributes.items()}
        attributes = {name: value for name, value in attributes.items() if value is not None}
        values = {"attributes": canonical_json(attributes), "source": _source(one), "now": now, "id": contact.id}
        _write(session, change, values)
        one.problems += _others_addresses(session, contact.id, change)


def _write(session: Session, change: UpdateContact, values: Mapping[str, Any]) -> None:
    fields = {part: getattr(change, part) for part in ("name", "language", "zone", "account_manager", "consent")}
    session.execute(sql(session, _WRITE), {**fields, **values})
    for statement, segments in ((_JOIN, change.joins), (_LEAVE, change.leaves)):
        for segment in segments:
            session.execute(text(statement), {**values, "segment": segment})


def _others_addresses(session: Session, id_: int, change: UpdateContact) -> Iterable[Trouble]:
    for kind, value in sorted(change.addresses.items()):
        if session.execute(text(_OWNER), {"kind": kind, "value": value}).scalar() != id_:
            sentence = f"The address {value} became another contact's at the same moment: look at both."
            yield Trouble("address_taken", sentence)


def _source(one: Handled) -> str:
    return f"run {one.runs[-1].id}" if one.runs else "flow"
