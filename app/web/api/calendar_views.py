"""How the API shows calendars: their hours, their switch, and what they say."""

import json
from datetime import datetime
from typing import Any

from app.desk.calendar import DAYS, written
from app.desk.calendar_preview import PreviewedDay
from app.desk.calendars import row_state, switch_of
from app.models import CalendarRow
from flows.ask import CalendarStateAnswer


def shown_calendar(row: CalendarRow, at: datetime) -> dict[str, Any]:
    """A calendar with what it says at an instant."""
    switch = switch_of(row)
    return {
        "name": row.name,
        "title": row.title,
        **json.loads(row.definition),
        "switch": switch
        and {
            "to": switch.to,
            "since": switch.since.isoformat(),
            "until": _written(switch.until),
            "note": switch.note,
        },
        "now": said(row_state(row, at)),
        "created_at": row.created_at.isoformat(),
    }


def said(answer: CalendarStateAnswer) -> dict[str, Any]:
    """What a calendar says, and when that changes."""
    return {
        "state": answer.state,
        "reason": answer.reason,
        "zone": answer.zone,
        "next_opening_at": _written(answer.next_opening_at),
        "next_closing_at": _written(answer.next_closing_at),
    }


def shown_day(one: PreviewedDay) -> dict[str, Any]:
    """One day of a preview."""
    return {
        "date": one.day.isoformat(),
        "day": DAYS[one.day.weekday()],
        "holiday": one.holiday,
        "exception": one.exception,
        "hours": [
            {
                "words": written(hours.span),
                "begins_at": hours.begins_at.isoformat(),
                "ends_at": hours.ends_at.isoformat(),
            }
            for hours in one.hours
        ],
    }


def _written(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
