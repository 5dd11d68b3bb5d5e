"""How the API shows calendars: their hours, their switch, and what they say."""

import json
from datetime import datetime
from typing import Annotated, NotRequired, TypedDict

from app.desk.calendar import DAYS, written
from app.desk.calendar_preview import PreviewedDay
from app.desk.calendars import row_state, switch_of
from app.models import CalendarRow
from app.web.api.answers import Format, Instant, OneOf
from flows.ask import CalendarStateAnswer

Date = Annotated[str, Format("date")]
Day = Annotated[str, OneOf(DAYS)]

# "from" is a word of Python, so this one is no class.
CalendarSpanData = TypedDict("CalendarSpanData", {"from": str, "to": str, "next_day": NotRequired[bool]})


class CalendarExceptionData(TypedDict):
    """A day with hours of its own; without hours it is closed."""

    date: Date
    title: NotRequired[str]
    hours: NotRequired[list[CalendarSpanData]]
    is_holiday: NotRequired[bool]


class CalendarSwitchData(TypedDict):
    """The emergency switch, as it was last set; `until` may be past, and is null for until further notice."""

    to: Annotated[str, OneOf(("open", "closed", "holiday"))]
    since: Instant
    until: Instant | None
    note: str


class SaidData(TypedDict):
    """What a calendar says, why, and when that changes; null where it never does."""

    state: Annotated[str, OneOf(("open", "closed", "holiday"))]
    reason: str
    zone: str
    next_opening_at: Instant | None
    next_closing_at: Instant | None


class CalendarData(TypedDict):
    """A calendar: its timetable, its switch, and what it says now."""

    name: str
    title: str
    zone: str
    weekly: Annotated[dict[str, list[CalendarSpanData]], "The hours of each day, by its English name in small letters."]
    country: Annotated[str, "Whose public holidays it keeps; empty for none."]
    subdivision: str
    exceptions: list[CalendarExceptionData]
    switch: CalendarSwitchData | None
    now: SaidData
    created_at: Instant


class OpenSpanData(TypedDict):
    """When it is open on a day, also in words."""

    words: str
    begins_at: Instant
    ends_at: Instant


class CalendarDayData(TypedDict):
    """One day of a preview; `holiday` and `exception` are their names, or empty."""

    date: Date
    day: Day
    holiday: str
    exception: str
    hours: list[OpenSpanData]


class CalendarStateData(SaidData):
    """What a calendar says at an instant, and the days from there on."""

    at: Instant
    days: list[CalendarDayData]


def shown_calendar(row: CalendarRow, at: datetime) -> CalendarData:
    """A calendar with what it says at an instant."""
    switch, definition = switch_of(row), json.loads(row.definition)
    return {
        "name": row.name,
        "title": row.title,
        "zone": definition["zone"],
        "weekly": definition["weekly"],
        "country": definition["country"],
        "subdivision": definition["subdivision"],
        "exceptions": definition["exceptions"],
        "switch": None
        if switch is None
        else {
            "to": switch.to,
            "since": switch.since.isoformat(),
            "until": _written(switch.until),
            "note": switch.note,
        },
        "now": said(row_state(row, at)),
        "created_at": row.created_at.isoformat(),
    }


def said(answer: CalendarStateAnswer) -> SaidData:
    """What a calendar says, and when that changes."""
    return {
        "state": answer.state,
        "reason": answer.reason,
        "zone": answer.zone,
        "next_opening_at": _written(answer.next_opening_at),
        "next_closing_at": _written(answer.next_closing_at),
    }


def shown_day(one: PreviewedDay) -> CalendarDayData:
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
