"""The inbox: whatever happens becomes one row with its place in the conversation, exactly once.

Keeps the first promise of RELIABILITY §3: nothing half-accepted, a repeated webhook is a duplicate and ignored. `seq`
is taken by an update of the conversation's row in the same transaction, so the order of commits is the order of `seq`.
"""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.channels.arrival import Arrival, Report
from app.contacts import Reached, reach
from app.db import now_microseconds, sql
from app.files import store_file
from app.store.events import NewEvent, append
from flows import wire
from flows.event import Attachment, CallStarted, Happening, MessageReceived
from flows.limits import Limits
from flows.values import canonical_json, clean_text

_LIMITS = Limits()
_REOPENS_WITHIN = timedelta(days=30) // timedelta(microseconds=1)


class UnknownNumber(Exception):
    """The arrival is for a number this connection does not have."""


@dataclass(frozen=True)
class Put:
    """The row an arrival became. A duplicate names the row that was there already."""

    event_id: int
    conversation_id: int
    duplicate: bool = False


def put(session: Session, connection_id: int, arrival: Arrival, limits: Limits = _LIMITS) -> Put:
    """Finds or creates contact and conversation, takes `seq` and stores the event. Raises UnknownNumber."""
    now = now_microseconds(session)
    arrival = _readable(arrival)
    number_id = _number(session, connection_id, arrival.number)
    reached = reach(session, arrival, now)
    before = _duplicate(session, connection_id, arrival.provider_id)
    if before is not None:
        return before
    happened = _cleaned(session, arrival.happened, limits)
    conversation_id = _conversation(session, _Line(connection_id, number_id, arrival.call_id), reached, now)
    new = NewEvent(conversation_id, arrival.provider_id, *_written(happened), reopens=True)
    result = _append(session, connection_id, new)
    if isinstance(happened, MessageReceived) and not result.duplicate:
        _store_message(session, result, happened, arrival)
    return result


def put_report(session: Session, connection_id: int, report: Report) -> Put | None:
    """Stores a report with the conversation it is about; None when nothing of ours is meant."""
    about = _reported(session, connection_id, report)
    if about is None:
        return None
    before = _duplicate(session, connection_id, report.provider_id)
    if before is not None:
        return before
    happened = report.happened
    if isinstance(happened, dict) and about.id:
        happened = {**happened, "effect_id": about.id, "effect_key": about.key}
    _, written = _written(happened)
    return _append(session, connection_id, NewEvent(about.conversation_id, report.provider_id, report.kind, written))


def put_action(session: Session, conversation_id: int, kind: str, key: str, happened: dict[str, Any]) -> Put:
    """Stores an agent's action (agent_replied, agent_closed, agent_took_over) under its own key, exactly once.

    Raises: LookupError when there is no such conversation.
    """
    connection_id = session.execute(
        sql(session, "SELECT connection_id FROM conversations WHERE id = :id"), {"id": conversation_id}
    ).scalar()
    if connection_id is None:
        raise LookupError(f"There is no conversation {conversation_id}.")
    provider_id = f"action/{key}"
    before = _duplicate(session, connection_id, provider_id)
    told = {name: clean_text(value) if isinstance(value, str) else value for name, value in happened.items()}
    new = NewEvent(conversation_id, provider_id, kind, canonical_json(told))
    return before or _append(session, connection_id, new)


def _number(session: Session, connection_id: int, value: str) -> int:
    number = session.execute(
        sql(session, "SELECT id FROM numbers WHERE connection_id = :connection AND value = :value"),
        {"connection": connection_id, "value": value},
    ).scalar()
    if number is None:
        raise UnknownNumber(f"This connection has no number {value!r}: add it under numbers, or correct the provider.")
    return int(number)


def _duplicate(session: Session, connection_id: int, provider_id: str) -> Put | None:
    row = session.execute(
        sql(session, "SELECT id, conversation_id FROM inbound_events WHERE connection_id = :c AND provider_id = :p"),
        {"c": connection_id, "p": provider_id},
    ).first()
    return None if row is None else Put(row.id, row.conversation_id, duplicate=True)


@dataclass(frozen=True)
class _Line:
    """The way an arrival came in: through a connection to one of our numbers, and for a call which one."""

    connection_id: int
    number_id: int
    call_id: str


def _conversation(session: Session, line: _Line, reached: Reached, now: int) -> int:
    """The conversation an arrival belongs to. The address row is locked, so nobody else makes it at the same time."""
    latest = _latest(session, line, reached)
    if latest is not None and (latest.closed_at is None or line.call_id or now - latest.closed_at <= _REOPENS_WITHIN):
        return int(latest.id)
    return int(
        session.execute(
            sql(
                session,
                "INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, call_id, state,"
                " owner, next_seq, last_at, fence, call_turn, pending_verbs, opened_at, created_at)"
                " VALUES (:contact, :address, :connection, :number, :kind, :call, 'open', 'none', 1, :now, 0, 0, '[]',"
                " :now, :now) RETURNING id",
            ),
            {
                "contact": reached.contact_id,
                "address": reached.address_id,
                "connection": line.connection_id,
                "number": line.number_id,
                "kind": "call" if line.call_id else "messages",
                "call": line.call_id or None,
                "now": now,
            },
        ).scalar_one()
    )


def _latest(session: Session, line: _Line, reached: Reached) -> Row[Any] | None:
    if line.call_id:
        return session.execute(
            sql(
                session, "SELECT id, closed_at FROM conversations WHERE connection_id = :connection AND call_id = :call"
            ),
            {"connection": line.connection_id, "call": line.call_id},
        ).first()
    return session.execute(
        sql(
            session,
            "SELECT id, closed_at FROM conversations WHERE contact_id = :contact AND number_id = :number"
            " AND kind = 'messages' ORDER BY id DESC LIMIT 1",
        ),
        {"contact": reached.contact_id, "number": line.number_id},
    ).first()


def _written(happened: Happening | dict[str, Any]) -> tuple[str, str]:
    """The kind and the canonical text of a happening."""
    data = happened if isinstance(happened, dict) else wire.to_data(happened)
    return str(data.get("kind", "")), canonical_json(data)


def _append(session: Session, connection_id: int, new: NewEvent) -> Put:
    event_id = append(session, new)
    if event_id is not None:
        return Put(event_id, new.conversation_id)
    before = _duplicate(session, connection_id, new.provider_id)  # the same report twice at the same moment
    if before is None:
        raise LookupError(f"The event {new.provider_id!r} vanished while it was stored.")
    return before


def _store_message(session: Session, put_: Put, happened: MessageReceived, arrival: Arrival) -> None:
    session.execute(
        sql(
            session,
            "INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,"
            " client_key, event_id, created_at, changed_at) SELECT :conversation, 'in', 'contact', :text, :media, '[]',"
            " 0, '', :provider, :client, :event, {now}, {now}",
        ),
        {
            "conversation": put_.conversation_id,
            "text": happened.text,
            "media": canonical_json([wire.to_data(item) for item in happened.media]),
            "provider": arrival.provider_id,
            "client": arrival.client_key,
            "event": put_.event_id,
        },
    )


def _reported(session: Session, connection_id: int, report: Report) -> Row[Any] | None:
    """The conversation a report is about, and for a message its effect's id and key."""
    if report.call_id:
        query = (
            "SELECT id AS conversation_id, 0 AS id, '' AS key FROM conversations"
            " WHERE connection_id = :c AND call_id = :x"
        )
        wanted: object = report.call_id
    elif report.effect_id:
        query = "SELECT conversation_id, id, key FROM effects WHERE connection_id = :c AND id = :x"
        wanted = report.effect_id
    else:
        query = "SELECT conversation_id, id, key FROM effects WHERE connection_id = :c AND provider_id = :x"
        wanted = report.about_provider_id or "-"
    return session.execute(sql(session, query), {"c": connection_id, "x": wanted}).first()


def _readable(arrival: Arrival) -> Arrival:
    """Every text of it without what databases refuse."""
    texts: dict[str, Any] = {name: clean_text(value) for name, value in vars(arrival).items() if isinstance(value, str)}
    return replace(arrival, **texts)


def _cleaned(session: Session, happened: Happening, limits: Limits) -> Happening:
    """Replaces what databases refuse, and keeps the part of a very long text that does not fit as a file."""
    match happened:
        case MessageReceived():
            text_ = clean_text(happened.text)
            media = happened.media
            if len(text_) > limits.inbound_text:
                stored = store_file(session, text_.encode(), "text/plain", "whole-message.txt")
                rest = Attachment("text/plain", "whole-message.txt", file=str(stored), size_bytes=len(text_.encode()))
                text_, media = text_[: limits.inbound_text], (*media, rest)
            return replace(happened, text=text_, media=media, choice=clean_text(happened.choice))
        case CallStarted():
            return replace(happened, caller=clean_text(happened.caller), called=clean_text(happened.called))
        case _:
            return happened
