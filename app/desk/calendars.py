"""The installation's calendars as its flows and queues see them: read with one statement, never written here."""

from datetime import datetime
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import from_microseconds
from app.desk.calendar_definition import stored_calendar
from app.desk.calendar_state import Switch, state_of
from app.errors import Invalid
from flows.ask import CalendarStateAnswer

CALENDAR_COLUMNS: Final = "c.definition, c.switched_to, c.switched_at, c.switched_until, c.switch_note"
"""What `row_state` needs of a calendar `c` in any statement."""


def calendar_state(session: Session, name: str, at: datetime) -> CalendarStateAnswer:
    """What the calendar of that name says at an instant."""
    statement = f"SELECT {CALENDAR_COLUMNS} FROM calendars c WHERE c.name = :name"  # noqa: S608 - a constant
    row = session.execute(text(statement), {"name": name}).first()
    return CalendarStateAnswer(exists=False) if row is None else row_state(row, at)


def row_state(row: Any, at: datetime) -> CalendarStateAnswer:
    """What a row with the columns of a calendar says at an instant."""
    try:
        calendar = stored_calendar(row.definition)
    except Invalid as problem:  # saved with other lists of zones and holidays than this machine has
        return CalendarStateAnswer(exists=True, reason=problem.sentence)
    return state_of(calendar, at, switch_of(row))


def switch_of(row: Any) -> Switch | None:
    """The emergency switch that stands in a row, read by SQL or as an object; None when it says the timetable."""
    if not row.switched_to:
        return None
    return Switch(row.switched_to, _instant(row.switched_at), _instant_or_none(row.switched_until), row.switch_note)


def _instant(stored: datetime | int) -> datetime:
    return stored if isinstance(stored, datetime) else from_microseconds(stored)


def _instant_or_none(stored: datetime | int | None) -> datetime | None:
    return None if stored is None else _instant(stored)
