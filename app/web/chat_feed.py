"""What a visitor sees of the conversations with them: messages, their states, and whether somebody is at work."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Row, exists, or_, select
from sqlalchemy.orm import Session

from app.db import now
from app.file_address import file_address
from app.models.contact import Address
from app.models.conversation import Conversation, EffectRow, InboundEvent, Message, reference
from app.sealing import SecretKey

PAGE: Final = 50  # messages read at once
_SHOWN_RANKS = (4, 6, 7)  # sent, delivered, read: what is queued may still be cancelled, what failed never came
_STATES: Final = {4: "sent", 6: "delivered", 7: "read"}
_TYPING_AT_MOST = timedelta(minutes=2)  # dots that never end say nothing
_CONVERSATIONS_AT_MOST = 50
_COLUMNS = (
    Message.id,
    Message.conversation_id,
    Message.author,
    Message.text,
    Message.media,
    Message.choices,
    Message.rank,
    Message.client_key,
    Message.created_at,
)


@dataclass(frozen=True)
class Place:
    """Whose messages on which of our numbers: all conversations of this address's contact there."""

    number_id: int
    kind: str
    address: str


@dataclass(frozen=True)
class Seen:
    """What a page shows: messages as JSON data, oldest first, and the present conversation (id 0: none yet)."""

    messages: Sequence[Mapping[str, Any]]
    conversation_id: int = 0
    is_open: bool = False
    with_people: bool = False
    typing: bool = False
    more: bool = False  # there are older ones

    @property
    def conversation(self) -> Mapping[str, Any]:
        """The present conversation as JSON data."""
        return {
            "reference": reference(self.conversation_id) if self.conversation_id else "",
            "open": self.is_open,
            "with_people": self.with_people,
            "typing": self.typing,
        }


def look(session: Session, key: SecretKey, place: Place, *, before: int = 0, after: int = 0) -> Seen:
    """The newest messages; `before` gives those below that id, `after` all above it together with the newest."""
    conversations = _conversations(session, place)
    if not conversations:
        return Seen(())
    present = now(session)
    rows = _rows(session, [row.id for row in conversations], before, PAGE + 1)
    more = len(rows) > PAGE
    rows = rows[-PAGE:]
    while after and more and rows[0].id > after:  # a page that was away for long gets all that it missed
        older = _rows(session, [row.id for row in conversations], rows[0].id, PAGE + 1)
        more = len(older) > PAGE
        rows = [*older[-PAGE:], *rows]
    newest = conversations[0]
    return Seen(
        [_message(key, row, present) for row in rows],
        newest.id,
        newest.state == "open",
        newest.owner == "people",
        not before and _is_typing(session, newest.id, present - _TYPING_AT_MOST),
        more,
    )


def unread(session: Session, place: Place, up_to: int, rank: int) -> Sequence[Row[int, int, int]]:
    """Message, connection and effect ids of what we sent, up to a message, that has not reached this rank."""
    ids = [row.id for row in _conversations(session, place)]
    return session.execute(
        select(Message.id, EffectRow.connection_id, EffectRow.id)
        .join(EffectRow, EffectRow.key == Message.effect_key)
        .where(Message.conversation_id.in_(ids), Message.id <= up_to, Message.rank.in_(_SHOWN_RANKS))
        .where(Message.rank < rank)
        .order_by(Message.id.desc())
        .limit(PAGE)
    ).all()


def _conversations(session: Session, place: Place) -> Sequence[Row[int, str, str]]:
    return session.execute(
        select(Conversation.id, Conversation.state, Conversation.owner)
        .join(Address, Address.contact_id == Conversation.contact_id)
        .where(Address.kind == place.kind, Address.value == place.address)
        .where(Conversation.number_id == place.number_id, Conversation.kind == "messages")
        .order_by(Conversation.id.desc())
        .limit(_CONVERSATIONS_AT_MOST)
    ).all()


def _rows(session: Session, conversation_ids: Sequence[int], before: int, most: int) -> list[Any]:
    """Oldest first."""
    query = (
        select(*_COLUMNS, InboundEvent.state.label("event_state"))
        .outerjoin(InboundEvent, InboundEvent.id == Message.event_id)
        .where(Message.conversation_id.in_(conversation_ids))
        .where(or_(Message.direction == "in", Message.rank.in_(_SHOWN_RANKS)))
        .order_by(Message.id.desc())
        .limit(most)
    )
    if before:
        query = query.where(Message.id < before)
    return list(session.execute(query).all())[::-1]


def _message(key: SecretKey, row: Row[Any], present: datetime) -> Mapping[str, Any]:
    return {
        "id": row.id,
        "conversation": reference(row.conversation_id),
        "from": row.author,
        "text": row.text,
        "media": [_attachment(key, item, present) for item in json.loads(row.media)],
        "choices": [{"id": item["id"], "label": item["label"]} for item in json.loads(row.choices)],
        "key": row.client_key,
        "at": row.created_at.isoformat(timespec="milliseconds"),
        "state": _STATES.get(row.rank, "received") if row.author != "contact" else _state_of_theirs(row.event_state),
    }


def _state_of_theirs(event_state: str | None) -> str:
    """The contact's own message: received by us, then read (by the flow or by people)."""
    return "received" if event_state == "waiting" else "read"


def _attachment(key: SecretKey, item: Mapping[str, Any], present: datetime) -> Mapping[str, Any]:
    file_id = str(item.get("file") or "")
    return {
        "name": item.get("name") or "",
        "media_type": item.get("media_type") or "",
        "size_bytes": item.get("size_bytes") or 0,
        "url": file_address(key, int(file_id), present) if file_id.isdecimal() else _public(item.get("url")),
    }


def _public(url: object) -> str:
    """A web address; anything else, such as one that would run a script, is left out."""
    return url if isinstance(url, str) and url.startswith(("https://", "http://")) else ""


def _is_typing(session: Session, conversation_id: int, since: datetime) -> bool:
    """Whether a message of theirs is not handled yet, or one of ours is on its way."""
    theirs = exists().where(
        InboundEvent.conversation_id == conversation_id,
        InboundEvent.state == "waiting",
        InboundEvent.kind == "message_received",
        InboundEvent.at > since,
    )
    ours = exists().where(
        EffectRow.conversation_id == conversation_id,
        EffectRow.state.in_(("queued", "sending")),
        EffectRow.created_at > since,
    )
    return bool(session.execute(select(or_(theirs, ours))).scalar())
