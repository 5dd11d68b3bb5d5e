"""How the API shows conversations and their messages."""

import json
from datetime import datetime
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from sqlalchemy import Row

from app.file_address import file_address
from app.models import Address, Contact, Conversation, Message, QueueEntry
from app.models.conversation import reference as reference_of
from app.models.desk import LIVE_ENTRY
from app.sealing import SecretKey
from app.web.api.answers import Instant, OneOf

Found = Row[Conversation, str, str, Address, Contact, QueueEntry, str]
"""A conversation, its number's and its connection's name, and the name of the queue where its entry stands."""

STATES: Final = ("open", "closed")
OWNERS: Final = ("flow", "people", "none")
KINDS: Final = ("messages", "call")
_MESSAGE_STATES: Final = dict(
    enumerate(("received", "queued", "sending", "unknown", "sent", "failed", "delivered", "read"))
)
"""By the message's rank."""


class ConversationContactData(TypedDict):
    """Whose conversation it is."""

    id: int
    name: str
    language: Annotated[str, "A language code such as “pl”; empty while it is unknown."]


class ConversationAddressData(TypedDict):
    """Where the contact is reached."""

    kind: Annotated[str, "Such as phone, email, visitor, user; a plugin's channel may have one of its own."]
    value: str
    opted_out: bool


class QueuePlaceData(TypedDict):
    """Where a conversation stands in a queue; `shown` is one that a flow has, and people see that a message waits."""

    name: str
    state: Annotated[str, OneOf(LIVE_ENTRY)]
    priority: Annotated[int, "The smaller comes earlier."]
    reason: Annotated[str, "Why people get it."]
    since: Instant


class ConversationData(TypedDict):
    """What a contact and we say to each other on one number; a call is always its own."""

    reference: Annotated[str, "What people read to each other, such as PB-10482."]
    state: Annotated[str, OneOf(STATES)]
    owner: Annotated[str, OneOf(OWNERS)]
    kind: Annotated[str, OneOf(KINDS)]
    number: str
    connection: str
    contact: ConversationContactData
    address: ConversationAddressData
    run: Annotated[int | None, "The run under way."]
    queue: QueuePlaceData | None
    category: Annotated[str, "What it is about, as flows and people say."]
    tags: list[str]
    result: Annotated[str, "How it went."]
    opened_at: Instant
    last_message_at: Instant | None
    closed_at: Instant | None


class AttachmentData(TypedDict):
    """A file of a message."""

    kind: Literal["attachment"]
    media_type: str
    name: str
    file: Annotated[str, "The id of a stored file, or its hash as a flow names it; empty for what is not stored here."]
    url: Annotated[str, "A public address; empty for what is stored here."]
    size_bytes: Annotated[int, "0 where it is unknown."]


class MessageFileData(AttachmentData):
    """A file of a message, as it is read in its conversation."""

    address: NotRequired[Annotated[str, "Where a stored file is read here, for 12 hours at least."]]
    state: NotRequired[Annotated[Literal["fetching"], "It still lies at the provider."]]


class MessageChoiceData(TypedDict):
    """What was offered with a message as a button or a row of a list."""

    kind: Literal["choice"]
    id: str
    label: str


class ConversationMessageData(TypedDict):
    """A message of a conversation, and what became of it."""

    id: int
    direction: Annotated[str, OneOf(("in", "out"))]
    author: Annotated[str, OneOf(("contact", "flow", "agent"))]
    by: Annotated[str | None, "The agent who wrote it: an e-mail address or a token's name."]
    text: str
    media: list[MessageFileData]
    choices: list[MessageChoiceData]
    state: Annotated[str, OneOf(tuple(_MESSAGE_STATES.values()))]
    error: Annotated[str, "Why it did not leave or arrive, else empty."]
    at: Instant


def shown_conversation(found: Found) -> ConversationData:
    """A conversation with what people want to see beside it."""
    one, number, connection, address, contact, entry, queue = found
    return {
        "reference": reference_of(one.id),
        "state": one.state,
        "owner": one.owner,
        "kind": one.kind,
        "number": number,
        "connection": connection,
        "contact": {"id": contact.id, "name": contact.name, "language": contact.language},
        "address": {"kind": address.kind, "value": address.value, "opted_out": address.opted_out_at is not None},
        "run": one.run_id,
        "queue": {
            "name": queue,
            "state": entry.state,
            "priority": entry.priority,
            "reason": entry.reason,
            "since": entry.original_enqueued_at.isoformat(),
        }
        if queue
        else None,
        "category": one.category,
        "tags": json.loads(one.tags),
        "result": one.result,
        "opened_at": one.opened_at.isoformat(),
        "last_message_at": one.last_message_at.isoformat() if one.last_message_at else None,
        "closed_at": one.closed_at.isoformat() if one.closed_at else None,
    }


def shown_message(row: Message, by: str | None, key: SecretKey, at: datetime) -> ConversationMessageData:
    """A message; `by` is the agent who wrote it, and `at` the instant from which its files' addresses count."""
    return {
        "id": row.id,
        "direction": row.direction,
        "author": row.author,
        "by": by,
        "text": row.text,
        "media": [_file(key, item, row.direction, at) for item in json.loads(row.media)],
        "choices": json.loads(row.choices),
        "state": _MESSAGE_STATES.get(row.rank, "received"),
        "error": row.error,
        "at": row.created_at.isoformat(),
    }


def _file(key: SecretKey, item: MessageFileData, direction: str, at: datetime) -> MessageFileData:
    """A file of a message; where a contact's still lies at the provider, nobody is led there."""
    if item["file"].isdecimal():
        return {**item, "url": "", "address": file_address(key, int(item["file"]), at)}
    if direction == "in" and item["url"]:
        return {**item, "url": "", "state": "fetching"}
    return item
