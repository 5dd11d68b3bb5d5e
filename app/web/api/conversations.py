"""The API's conversations: found, read, and acted upon as an agent, through the inbox like everything else."""

import json
import secrets
from datetime import datetime
from typing import Any

from flask import request
from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from app import inbox
from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.db import now
from app.errors import Invalid
from app.file_address import file_address
from app.models import Address, Connection, Contact, Conversation, Message, Number, Queue, QueueEntry
from app.models.conversation import reference as reference_of
from app.models.desk import LIVE_ENTRY
from app.sealing import SecretKey
from app.web.api.authors import agents_of
from app.web.api.doors import SLUG, Asked, Noun, fields, one_of, text, whole
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import conversation_id
from app.web.api.run_queries import SINCE, between

noun = Noun("conversations", Right.READ_CONVERSATIONS, Right.ANSWER_CONVERSATIONS)

_FILTERS = {
    "state": one_of("open", "closed"),
    "owner": one_of("flow", "people", "none"),
    "kind": one_of("messages", "call"),
    "number": SLUG,
    "queue": SLUG,
    "address": text(200, 1),
    "category": text(200, 1),
    "contact": whole(1),
    **SINCE,
}
_STATES = {0: "received", 1: "queued", 2: "sending", 3: "unknown", 4: "sent", 5: "failed", 6: "delivered", 7: "read"}
_LONGEST_KEY = 200


@noun.get("/conversations", {**PAGE, **_FILTERS})
def list_conversations(asked: Asked) -> dict[str, Any]:
    """Conversations, the newest first; `queue` gives those that stand in it now, or are shown there to people.

    `contact` is a contact's id; `since` and `until` are about when they were opened.
    """
    query = _query().order_by(Conversation.id.desc()).limit(wanted(asked.query))
    columns = {
        "state": Conversation.state,
        "owner": Conversation.owner,
        "kind": Conversation.kind,
        "number": Number.name,
        "queue": Queue.name,
        "address": Address.value,
        "category": Conversation.category,
        "contact": Conversation.contact_id,
    }
    for name, column in columns.items():
        if name in asked.query:
            query = query.where(column == asked.query[name])
    since, until = between(asked.query)
    query = query.where(Conversation.opened_at >= since) if since else query
    query = query.where(Conversation.opened_at < until) if until else query
    if asked.query.get("after"):
        query = query.where(Conversation.id < asked.query["after"])
    with asked.house.database.reading() as session:
        rows = session.execute(query).all()
    return page(rows, asked.query, _shown, lambda row: row[0].id)


@noun.get("/conversations/<reference>")
def read_conversation(asked: Asked, reference: str) -> dict[str, Any]:
    """One conversation by its reference, such as PB-10482."""
    with asked.house.database.reading() as session:
        id_ = conversation_id(session, reference)
        return _shown(session.execute(_query().where(Conversation.id == id_)).one())


@noun.get("/conversations/<reference>/messages", PAGE)
def list_messages(asked: Asked, reference: str) -> dict[str, Any]:
    """The messages of a conversation, the oldest first, with what became of each; `by` is the agent who wrote it."""
    with asked.house.database.reading() as session:
        query = select(Message).where(
            Message.conversation_id == conversation_id(session, reference), Message.id > asked.query.get("after", 0)
        )
        rows = session.scalars(query.order_by(Message.id).limit(wanted(asked.query))).all()
        at, agents = now(session), agents_of(session, rows)

    def shown(row: Message) -> dict[str, Any]:
        media = [_file(asked.house.key, item, row.direction, at) for item in json.loads(row.media)]
        return {
            "id": row.id,
            "direction": row.direction,
            "author": row.author,
            "by": agents.get(row.id),
            "text": row.text,
            "media": media,
            "choices": json.loads(row.choices),
            "state": _STATES.get(row.rank, "received"),
            "error": row.error,
            "at": row.created_at.isoformat(),
        }

    return page(rows, asked.query, shown, lambda row: row.id)


@noun.post("/conversations/<reference>/reply", fields({"text": text(10_000, 1)}, "text"), status=202)
def reply(asked: Asked, reference: str) -> dict[str, Any]:
    """Answers as an agent, which takes the conversation over from a flow.

    The header Idempotency-Key makes it exactly one, here and at `close` and `take-over`.
    """
    if not asked.body["text"].strip():
        raise Invalid("This reply has only spaces: write a text.", "empty", field="text")
    return _act(asked, reference, "agent_replied", {"text": asked.body["text"]})


@noun.post("/conversations/<reference>/close", fields({"result": text(200)}), status=202)
def close(asked: Asked, reference: str) -> dict[str, Any]:
    """Ends people's part; a run that waits for it goes on at its exit closed."""
    return _act(asked, reference, "agent_closed", {"result": asked.body.get("result", "")})


@noun.post("/conversations/<reference>/take-over", fields({}), status=202)
def take_over(asked: Asked, reference: str) -> dict[str, Any]:
    """Gives the conversation to people now."""
    return _act(asked, reference, "agent_took_over", {})


def _file(key: SecretKey, item: dict[str, Any], direction: str, at: datetime) -> dict[str, Any]:
    """A file of a message; where a contact's still lies at the provider, nobody is led there."""
    if str(item.get("file", "")).isdecimal():
        return {**item, "url": "", "address": file_address(key, int(item["file"]), at)}
    if direction == "in" and item.get("url"):
        return {**item, "url": "", "state": "fetching"}
    return item


def _act(asked: Asked, reference: str, kind: str, happened: dict[str, Any]) -> dict[str, Any]:
    key = request.headers.get("Idempotency-Key", "") or secrets.token_hex(16)
    if len(key) > _LONGEST_KEY or not key.isprintable():
        raise Invalid(
            f"An Idempotency-Key has at most {_LONGEST_KEY} printable characters.", "bad_key", field="Idempotency-Key"
        )
    with asked.house.database.transaction() as session:
        id_ = conversation_id(session, reference)
        put = inbox.put_action(session, id_, kind, f"{asked.who}/{id_}/{kind}/{key}", {**happened, "by": asked.who})
        if not put.duplicate and (kind == "agent_took_over" or (kind == "agent_replied" and _has_flow(session, id_))):
            note_act(session, asked.who, "take_over", reference)
    asked.house.lanes.wake("turns")
    return {"event": put.event_id, "duplicate": put.duplicate, "key": key}


def _has_flow(session: Session, id_: int) -> bool:
    """Whether a flow has the conversation, so that a reply takes it over."""
    return session.get_one(Conversation, id_).owner == "flow"


def _query() -> Select[Conversation, str, str, Address, Contact, QueueEntry, str]:
    """Conversations with what people want to see beside them."""
    live = QueueEntry.state.in_(LIVE_ENTRY)
    return (
        select(Conversation, Number.name, Connection.name, Address, Contact, QueueEntry, Queue.name)
        .join(Number, Number.id == Conversation.number_id)
        .join(Connection, Connection.id == Conversation.connection_id)
        .join(Address, Address.id == Conversation.address_id)
        .join(Contact, Contact.id == Conversation.contact_id)
        .outerjoin(QueueEntry, (QueueEntry.conversation_id == Conversation.id) & live)
        .outerjoin(Queue, Queue.id == QueueEntry.queue_id)
    )


def _shown(row: Row[Conversation, str, str, Address, Contact, QueueEntry, str]) -> dict[str, Any]:
    one, number, connection, address, contact, entry, queue = row
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
