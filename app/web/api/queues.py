"""The API's queues: where conversations wait for people."""

import json
from typing import Any, TypedDict

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.accounts.roles import Right
from app.db import now
from app.models import CalendarRow, Queue, QueueEntry
from app.models.desk import LIVE_ENTRY
from app.web.api.answers import Instant, PageData
from app.web.api.doors import NAME, SLUG, TEXTS, Asked, Noun, fields, text, whole
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import named, refuse_taken
from flows.values import canonical_json

noun = Noun("queues", Right.READ_CONVERSATIONS, Right.EDIT_QUEUES)


class QueueData(TypedDict):
    """A queue, and how many conversations wait in it, are with an agent, or are shown to people while a flow has them;
    `calendar` is a calendar's name, or empty, and 0 is no limit."""

    name: str
    title: str
    maximum_length: int
    maximum_wait_seconds: int
    waiting_text: dict[str, str]
    calendar: str
    waiting: int
    active: int
    shown: int
    created_at: Instant


_CHANGES = {
    "title": NAME,
    "maximum_length": whole(0, 1_000_000),
    "maximum_wait_seconds": whole(0, 30 * 86_400),
    "waiting_text": TEXTS,
    "calendar": text(40),
}


@noun.get("/queues", {**PAGE, **SEARCH})
def list_queues(asked: Asked) -> PageData[QueueData]:
    """All queues, and how many wait in each; `shown` are those a flow has, and people see that a message waits."""
    with asked.house.database.reading() as session:
        query = select(Queue).where(Queue.id > asked.query.get("after", 0)).order_by(Queue.id)
        query = query.where(searched(asked.query, Queue.name, Queue.title))
        rows = session.scalars(query.limit(wanted(asked.query))).all()
        lengths = _lengths(session, [row.id for row in rows])
        shown = {row.id: _shown(session, row, lengths.get(row.id, {})) for row in rows}
    return page(rows, asked.query, lambda row: shown[row.id], lambda row: row.id)


@noun.post("/queues", fields({"name": SLUG, **_CHANGES}, "name", "title"), status=201)
def create_queue(asked: Asked) -> QueueData:
    """A new queue. 0 means no limit; without a calendar it is always open."""
    with asked.house.database.transaction() as session:
        refuse_taken(session, Queue, asked.body["name"])
        row = Queue(name=asked.body["name"], title=asked.body["title"], created_at=now(session))
        _change(session, row, asked.body)
        session.add(row)
        session.flush()
        return _shown(session, row, {})


@noun.get("/queues/<queue>")
def read_queue(asked: Asked, queue: str) -> QueueData:
    """One queue."""
    with asked.house.database.reading() as session:
        row = named(session, Queue, queue)
        return _shown(session, row, _lengths(session, [row.id]).get(row.id, {}))


@noun.patch("/queues/<queue>", fields(_CHANGES))
def change_queue(asked: Asked, queue: str) -> QueueData:
    """Changes what is named."""
    with asked.house.database.transaction() as session:
        row = named(session, Queue, queue)
        _change(session, row, asked.body)
        session.flush()
        return _shown(session, row, _lengths(session, [row.id]).get(row.id, {}))


def _change(session: Session, row: Queue, given: Any) -> None:
    for name in _CHANGES:
        if name == "calendar" and name in given:
            # Locked, so that it cannot be deleted between this look and the commit.
            calendar = named(session, CalendarRow, given[name], locked=True) if given[name] else None
            row.calendar_id = calendar.id if calendar else None
        elif name in given:
            setattr(row, name, canonical_json(given[name]) if name == "waiting_text" else given[name])


def _lengths(session: Session, ids: list[int]) -> dict[int, dict[str, int]]:
    found: dict[int, dict[str, int]] = {}
    for queue_id, state, count in session.execute(
        select(QueueEntry.queue_id, QueueEntry.state, func.count())
        .where(QueueEntry.queue_id.in_(ids), QueueEntry.state.in_(LIVE_ENTRY))
        .group_by(QueueEntry.queue_id, QueueEntry.state)
    ):
        found.setdefault(queue_id, {})[state] = count
    return found


def _shown(session: Session, row: Queue, lengths: dict[str, int]) -> QueueData:
    calendar = session.get(CalendarRow, row.calendar_id) if row.calendar_id else None
    return {
        "name": row.name,
        "title": row.title,
        "maximum_length": row.maximum_length,
        "maximum_wait_seconds": row.maximum_wait_seconds,
        "waiting_text": json.loads(row.waiting_text or "{}"),
        "calendar": calendar.name if calendar else "",
        "waiting": lengths.get("waiting", 0),
        "active": lengths.get("active", 0),
        "shown": lengths.get("shown", 0),
        "created_at": row.created_at.isoformat(),
    }
