"""The API's conversations: found, read, and acted upon as an agent, through the inbox like everything else."""

import secrets
from typing import Annotated, Any, TypedDict

from flask import request
from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from app import inbox
from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.db import now
from app.errors import Invalid
from app.models import Address, Connection, Contact, Conversation, Message, Number, Queue, QueueEntry
from app.models.desk import LIVE_ENTRY
from app.web.api.answers import PageData
from app.web.api.authors import agents_of
from app.web.api.conversation_views import (
    KINDS,
    OWNERS,
    STATES,
    ConversationData,
    ConversationMessageData,
    shown_conversation,
    shown_message,
)
from app.web.api.doors import SLUG, Asked, Noun, fields, one_of, text, whole
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import conversation_id
from app.web.api.run_queries import SINCE, between

noun = Noun("conversations", Right.READ_CONVERSATIONS, Right.ANSWER_CONVERSATIONS)

_FILTERS = {
    "state": one_of(*STATES),
    "owner": one_of(*OWNERS),
    "kind": one_of(*KINDS),
    "number": SLUG,
    "queue": SLUG,
    "address": text(200, 1),
    "category": text(200, 1),
    "contact": whole(1),
    **SINCE,
}
_LONGEST_KEY = 200


class AgentActionData(TypedDict):
    """An agent's action, put into the conversation's line."""

    event: Annotated[int, "Its number in the inbox."]
    duplicate: Annotated[bool, "Whether it was asked for before under this key; it is done once."]
    key: Annotated[str, "The Idempotency-Key, also where the request had none."]


@noun.get("/conversations", {**PAGE, **_FILTERS})
def list_conversations(asked: Asked) -> PageData[ConversationData]:
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
    return page(rows, asked.query, shown_conversation, lambda row: row[0].id)


@noun.get("/conversations/<reference>")
def read_conversation(asked: Asked, reference: str) -> ConversationData:
    """One conversation by its reference, such as PB-10482."""
    with asked.house.database.reading() as session:
        id_ = conversation_id(session, reference)
        return shown_conversation(session.execute(_query().where(Conversation.id == id_)).one())


@noun.get("/conversations/<reference>/messages", PAGE)
def list_messages(asked: Asked, reference: str) -> PageData[ConversationMessageData]:
    """The messages of a conversation, the oldest first, with what became of each; `by` is the agent who wrote it."""
    with asked.house.database.reading() as session:
        query = select(Message).where(
            Message.conversation_id == conversation_id(session, reference), Message.id > asked.query.get("after", 0)
        )
        rows = session.scalars(query.order_by(Message.id).limit(wanted(asked.query))).all()
        at, agents = now(session), agents_of(session, rows)
    return page(
        rows,
        asked.query,
        lambda row: shown_message(row, agents.get(row.id), asked.house.key, at),
        lambda row: row.id,
    )


@noun.post("/conversations/<reference>/reply", fields({"text": text(10_000, 1)}, "text"), status=202)
def reply(asked: Asked, reference: str) -> AgentActionData:
    """Answers as an agent, which takes the conversation over from a flow.

    The header Idempotency-Key makes it exactly one, here and at `close` and `take-over`.
    """
    if not asked.body["text"].strip():
        raise Invalid("This reply has only spaces: write a text.", "empty", field="text")
    return _act(asked, reference, "agent_replied", {"text": asked.body["text"]})


@noun.post("/conversations/<reference>/close", fields({"result": text(200)}), status=202)
def close(asked: Asked, reference: str) -> AgentActionData:
    """Ends people's part; a run that waits for it goes on at its exit closed."""
    return _act(asked, reference, "agent_closed", {"result": asked.body.get("result", "")})


@noun.post("/conversations/<reference>/take-over", fields({}), status=202)
def take_over(asked: Asked, reference: str) -> AgentActionData:
    """Gives the conversation to people now."""
    return _act(asked, reference, "agent_took_over", {})


def _act(asked: Asked, reference: str, kind: str, happened: dict[str, Any]) -> AgentActionData:
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
