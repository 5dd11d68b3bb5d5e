"""By which numbers of ours a contact can be written to, and the conversations that such messages belong to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.channels.contract import Channel
from app.channels.registry import channels
from app.db import sql
from app.store.new_arrival import REOPENS_WITHIN
from app.store.rows import over


@dataclass(frozen=True)
class WayFound:
    """One number of ours as a way to one contact. `error_kind` says why it is none, as send_message's error kind.

    conversation_id: the one that a message by it belongs to; 0 when there is none yet. local: committing it is sending.
    """

    name: str
    number_id: int = 0
    connection_id: int = 0
    address_id: int = 0
    to: str = ""
    conversation_id: int = 0
    local: bool = False
    error_kind: str = ""
    error: str = ""


_WRITTEN_TO = """
    SELECT n.name FROM conversations c JOIN numbers n ON n.id = c.number_id
    WHERE c.contact_id = (SELECT contact_id FROM conversations WHERE id = :id) AND c.kind = 'messages'
      AND c.last_message_at IS NOT NULL
    GROUP BY n.name ORDER BY max(c.last_message_at) DESC LIMIT 10
"""
_NUMBERS = """
    SELECT n.id, n.name, n.connection_id, n.answers_messages, k.kind, k.enabled
    FROM numbers n JOIN connections k ON k.id = n.connection_id WHERE n.name IN (SELECT r.name FROM {rows})
"""
_LATEST = """
    SELECT c.id, c.number_id, c.address_id, {now} - coalesce(c.closed_at, {now}) AS closed_for FROM conversations c
    WHERE c.kind = 'messages' AND c.contact_id = (SELECT contact_id FROM conversations WHERE id = :id)
      AND c.number_id IN (SELECT n.id FROM numbers n WHERE n.name IN (SELECT r.name FROM {rows}))
    ORDER BY c.id
"""
# The address the contact is speaking from stands first, then the one they used last.
_ADDRESSES = """
    SELECT a.id, a.kind, a.value, a.opted_out_at FROM addresses a JOIN conversations c ON c.contact_id = a.contact_id
    WHERE c.id = :id ORDER BY CASE WHEN a.id = c.address_id THEN 0 ELSE 1 END, a.last_seen_at DESC, a.id
"""


def ways_to_contact(session: Session, conversation_id: int, names: Sequence[str] = ()) -> list[WayFound]:
    """The numbers of these names, in their order, as ways to the contact of a conversation.

    Without names: those the contact has written to, the latest first.
    """
    about = {"id": conversation_id}
    wanted = list(names) or list(session.execute(sql(session, _WRITTEN_TO), about).scalars())
    named = [{"name": name} for name in wanted]
    numbers = {row.name: row for row in over(session, _NUMBERS, {"name": "text"}, named)}
    latest = {row.number_id: row for row in over(session, _LATEST, {"name": "text"}, named, **about)}
    addresses = session.execute(sql(session, _ADDRESSES), about).all()
    return [_way(name, numbers.get(name), latest, addresses) for name in wanted]


# It is closed: nobody has it, and nothing is to be done in it until the contact writes, which opens it.
_ENTER = """
    INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, state, owner, next_seq, last_at,
                               fence, call_turn, pending_verbs, opened_at, closed_at, created_at)
    SELECT c.contact_id, :address_id, :connection_id, :number_id, 'messages', 'closed', 'none', 1, {now},
           0, 0, '[]', {now}, {now}, {now} FROM conversations c WHERE c.id = :id RETURNING id
"""


def enter_conversation(session: Session, conversation_id: int, way: WayFound) -> int:
    """A conversation with the same contact on another number, in which we have the first word."""
    return int(session.execute(sql(session, _ENTER), {**vars(way), "id": conversation_id}).scalar_one())


def _way(name: str, number: Row[Any] | None, latest: Mapping[int, Row[Any]], addresses: Sequence[Row[Any]]) -> WayFound:
    channel = channels().get(number.kind) if number else None
    if number is None or channel is None or not number.answers_messages or not number.enabled:
        return WayFound(name, error_kind="channel_disconnected", error=_disconnected(name, number))
    before = latest.get(number.id)
    address = _address(channel, before, addresses)
    if address is None:
        sentence = f"The contact has no address that “{name}” could write to."
        return WayFound(name, error_kind="invalid_recipient", error=sentence)
    if address.opted_out_at is not None and channel.opts_out:
        return WayFound(name, error_kind="opted_out", error=f"The contact has opted out of messages of “{name}”.")
    shown_in = before.id if before and before.closed_for <= REOPENS_WITHIN else 0
    return WayFound(
        name, number.id, number.connection_id, address.id, address.value, shown_in, local=channel.policy.local
    )


def _address(channel: Channel, before: Row[Any] | None, addresses: Sequence[Row[Any]]) -> Row[Any] | None:
    """The one they wrote to this number from, else one of the channel's kind. Nobody finds what is left at a page."""
    if before is not None:
        return next((one for one in addresses if one.id == before.address_id), None)
    return next((one for one in addresses if one.kind == channel.address_kind and not channel.policy.local), None)


def _disconnected(name: str, number: Row[Any] | None) -> str:
    if number is None:
        return f"There is no number “{name}”."
    if not number.answers_messages:
        return f"The number “{name}” sends no messages."
    return f"The connection of the number “{name}” is turned off."
