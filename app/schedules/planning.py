"""Planning: every live schedule has its next occurrence as a row, planned before it is due."""

import logging
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.db import DatabaseUnavailable, from_microseconds, now_microseconds, sql, to_microseconds
from app.schedules.placed import live_schedules, next_due, placed_at
from app.schedules.todo import NEVER_FOR

logger = logging.getLogger("patchbay.schedules")

_CLASS: Final = 7304  # our class of advisory locks for planning; see store.webhooks for the others
# What nobody will start any more, and what was planned for a version that is not live now. That each has a flow lets
# SQLite use the index of the few that are planned, instead of reading all there ever were.
_CANCEL: Final = """
    UPDATE occurrences SET state = 'cancelled' WHERE state IN ('planned', 'never') AND flow_id > 0 AND NOT EXISTS (
        SELECT 1 FROM live_numbers l WHERE l.kind = 'schedule' AND l.flow_id = occurrences.flow_id
        AND l.step = occurrences.step AND (occurrences.state = 'planned' AND occurrences.due_at <= :now
            OR l.version_id = occurrences.version_id AND l.number_id = occurrences.number_id)
        AND (occurrences.state = 'planned' OR occurrences.due_at > :now - :day))
"""
_LAST: Final = """
    SELECT due_at, began_at, state, version_id FROM occurrences
    WHERE flow_id = :flow AND step = :step AND state <> 'cancelled' ORDER BY due_at DESC LIMIT 1
"""
_PLAN: Final = """
    INSERT INTO occurrences (flow_id, version_id, step, number_id, due_at, state, cursor, placed, passed_over,
                             created_at)
    VALUES (:flow, :version, :step, :number, :due, :state, 0, 0, 0, :now)
    ON CONFLICT (flow_id, step, due_at) DO UPDATE SET state = excluded.state, version_id = excluded.version_id,
        number_id = excluded.number_id WHERE occurrences.state = 'cancelled'
"""


def plan(session: Session) -> None:
    """Plans what is missing and cancels what is not live any more; a further call changes nothing."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:class, 0)"), {"class": _CLASS})
    now = now_microseconds(session)
    session.execute(text(_CANCEL), {"now": now, "day": NEVER_FOR})
    for live in live_schedules(session):
        last = session.execute(text(_LAST), {"flow": live.flow_id, "step": live.step}).first()
        if last is None or last.state not in ("planned", "never"):
            _plan(session, live, last, now)


def _plan(session: Session, live: Row[Any], last: Row[Any] | None, now: int) -> None:
    due = _next(session, live, last, now)
    values = {"flow": live.flow_id, "version": live.version_id, "step": live.step, "number": live.number_id}
    timed = {"due": to_microseconds(due) if due else now, "state": "planned" if due else "never", "now": now}
    session.execute(sql(session, _PLAN), {**values, **timed})


def _next(session: Session, live: Row[Any], last: Row[Any] | None, now: int) -> datetime | None:
    try:
        return next_due(session, placed_at(live), from_microseconds(_after(live, last, now)))
    except (SQLAlchemyError, DatabaseUnavailable):
        raise
    except Exception:  # a door: one schedule that cannot be read is looked at again tomorrow, and the others go on
        logger.exception("The step %s of the flow %d cannot be planned.", live.step, live.flow_id)
        return None


def _after(live: Row[Any], last: Row[Any] | None, now: int) -> int:
    """Goes on after the last one, so that what fell into an outage is noticed; but once, and done once at most: nobody
    gets three newsletters for the three days on which the house stood still, whether that was too late or only late.
    A new version begins now."""
    if last is None:
        return now
    if last.version_id != live.version_id or last.state == "missed":
        return max(now, int(last.due_at))
    return max(int(last.due_at), int(last.began_at or 0))
