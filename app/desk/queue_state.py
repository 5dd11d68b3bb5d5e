"""How a queue of ours stands: its length, its limits, and whether its calendar is open."""

import json

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import now
from app.desk.calendars import CALENDAR_COLUMNS, row_state
from flows.ask import QueueState, QueueStateAnswer


def queue_state(session: Session, request: QueueState) -> QueueStateAnswer:
    """The answer to a flow that asks; a queue without calendar is always open."""
    statement = (
        "SELECT q.maximum_length, q.maximum_wait_seconds, q.waiting_text,"  # noqa: S608 - a constant
        " (SELECT count(*) FROM queue_entries e WHERE e.queue_id = q.id AND e.state = 'waiting') AS waiting,"
        f" {CALENDAR_COLUMNS} FROM queues q LEFT JOIN calendars c ON c.id = q.calendar_id WHERE q.name = :name"
    )
    row = session.execute(text(statement), {"name": request.queue}).first()
    if row is None:
        return QueueStateAnswer(exists=False)
    hours = row_state(row, request.at or now(session)) if row.definition else None
    return QueueStateAnswer(
        exists=True,
        waiting=row.waiting,
        maximum_length=row.maximum_length,
        maximum_wait_seconds=row.maximum_wait_seconds,
        is_open=hours is None or hours.state == "open",
        waiting_text=json.loads(row.waiting_text),
        next_opening_at=hours.next_opening_at if hours else None,
    )
