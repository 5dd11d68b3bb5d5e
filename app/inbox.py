"""The inbox: whatever happens becomes one row with its place in the conversation, exactly once.

Keeps the first promise of RELIABILITY §3: nothing half-accepted, a repeated webhook is a duplicate and ignored. `seq`
is taken by an update of the conversation's row in the same transaction, so the order of commits is the order of `seq`.
"""

from dataclasses import replace
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.channels.arrival import Arrival, Report
from app.db import Executor, sql
from app.files import store_file, visible
from app.store import arrival_at_once, arrival_in_steps
from app.store.events import NewEvent, Put, append, append_at_once
from app.store.new_arrival import NewArrival, UnknownNumber
from flows import wire
from flows.event import Attachment, Happening, MessageReceived, Recorded
from flows.limits import Limits
from flows.values import canonical_json, clean_text, encode, in_one_line

__all__ = ["Put", "UnknownNumber", "put", "put_action", "put_at_once", "put_report"]

_LIMITS = Limits()
_LONGEST_NAME = 200


def put(session: Session, connection_id: int, arrival: Arrival, limits: Limits = _LIMITS) -> Put:
    """Finds or creates contact and conversation, takes `seq` and stores the event.

    On PostgreSQL that is one statement; docs/decisions/inbox.md tells when it is not.
    Raises: UnknownNumber, DatabaseUnavailable when all must be rolled back and may then be tried again.
    """
    new = _new_arrival(connection_id, arrival, _shortened(session, arrival.happened, limits))
    if session.get_bind().dialect.name == "sqlite":
        return arrival_in_steps.store(session, new)
    return arrival_at_once.store(session, new)


def put_at_once(session: Executor, connection_id: int, entry: Arrival | Report, limits: Limits = _LIMITS) -> Put | None:
    """The same, or a report, by one statement that is a transaction of its own (`Database.at_once`).

    None when more than that is to be done, and nothing is kept but that the contact was seen: then `put`, `put_report`.
    Raises: as these.
    """
    if isinstance(entry, Report):
        if isinstance(entry.happened, Recorded):
            return None
        event = _event_of(session, connection_id, entry)
        return append_at_once(session, event) if event else None
    happened = entry.happened
    if isinstance(happened, MessageReceived):
        if len(happened.text) > limits.inbound_text or happened.media:
            return None
        happened = replace(happened, text=clean_text(happened.text))
    return arrival_at_once.attempt(session, _new_arrival(connection_id, entry, happened))


def put_report(session: Session, connection_id: int, report: Report) -> Put | None:
    """Stores a report with the conversation it is about; None when nothing of ours is meant."""
    event = _event_of(session, connection_id, report)
    return append(session, event) if event else None


def put_action(session: Session, conversation_id: int, kind: str, key: str, happened: dict[str, Any]) -> Put:
    """Stores an agent's action (agent_replied, agent_closed, agent_took_over) under its own key, exactly once.

    Raises: LookupError when there is no such conversation.
    """
    return append(session, NewEvent(conversation_id, f"action/{key}", kind, canonical_json(_readable(happened))))


def _new_arrival(connection_id: int, arrival: Arrival, happened: Happening) -> NewArrival:
    """The arrival as its rows want it; `happened` is what is kept of it."""
    kind, written = _written(happened)
    of_message = happened if isinstance(happened, MessageReceived) else MessageReceived("")
    return NewArrival(
        connection_id=connection_id,
        provider_id=clean_text(arrival.provider_id),
        number=clean_text(arrival.number),
        call_id=clean_text(arrival.call_id),
        kind=kind,
        happened=written,
        text=of_message.text,
        media=canonical_json(_readable([wire.to_data(item) for item in of_message.media])),
        client_key=clean_text(arrival.client_key),
        address_kind=arrival.address_kind,
        address=clean_text(arrival.address),
        contact_name=in_one_line(arrival.contact_name).strip()[:_LONGEST_NAME],
        contact_language=clean_text(arrival.contact_language),
        contact_attributes=canonical_json(encode(arrival.contact_attributes)),
        contact_id=arrival.contact_id,
        phone=clean_text(arrival.phone),
    )


def _written(happened: Happening | dict[str, Any]) -> tuple[str, str]:
    """The kind and the canonical text of a happening."""
    data = happened if isinstance(happened, dict) else wire.to_data(happened)
    return str(data.get("kind", "")), canonical_json(_readable(data))


def _readable(data: Any) -> Any:
    """JSON data without what databases refuse: channels of plugins may pass on whatever a provider wrote."""
    if isinstance(data, str):
        return clean_text(data)
    if isinstance(data, dict):
        return {clean_text(name): _readable(value) for name, value in data.items()}
    return [_readable(one) for one in data] if isinstance(data, list) else data


def _event_of(session: Executor, connection_id: int, report: Report) -> NewEvent | None:
    """A report as an event of the conversation it is about."""
    about = _reported(session, connection_id, report)
    if about is None:
        return None
    happened = report.happened
    if isinstance(happened, dict) and about.id:
        happened = {**happened, "effect_id": about.id, "effect_key": about.key}
    _, written = _written(happened)
    return NewEvent(about.conversation_id, clean_text(report.provider_id), report.kind, written)


def _reported(session: Executor, connection_id: int, report: Report) -> Row[Any] | None:
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


def _shortened(session: Session, happened: Happening, limits: Limits) -> Happening:
    return shortened(session, happened, limits) if isinstance(happened, MessageReceived) else happened


def shortened(session: Session, happened: MessageReceived, limits: Limits) -> MessageReceived:
    """A message as it is kept: of a very long text the beginning is read, and the whole is a file."""
    text_ = clean_text(happened.text)
    media = tuple(replace(one, name=visible(clean_text(one.name))) for one in happened.media)  # a stranger's words
    if len(text_) > limits.inbound_text:
        stored = store_file(session, text_.encode(), "whole-message.txt")
        rest = Attachment("text/plain", "whole-message.txt", file=str(stored), size_bytes=len(text_.encode()))
        text_, media = text_[: limits.inbound_text], (*media, rest)
    return replace(happened, text=text_, media=media)
