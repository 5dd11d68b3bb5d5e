"""The coming days of a calendar, as people look at them before they rely on it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from app.desk.calendar import Calendar, Span
from app.desk.local_time import instant_of, zone_named


@dataclass(frozen=True)
class PreviewedHours:
    """Hours that begin on a day: as its clocks show them, and as instants."""

    span: Span
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True)
class PreviewedDay:
    """One date: its hours, the holiday it is, and the title of its exception."""

    day: date
    holiday: str
    exception: str
    hours: tuple[PreviewedHours, ...]


def preview(calendar: Calendar, since: datetime, days: int) -> Iterator[PreviewedDay]:
    """So many days, the first of them that of an instant in the calendar's zone."""
    zone = zone_named(calendar.zone) or zone_named("UTC")
    if zone is None:
        return
    first = since.astimezone(UTC).astimezone(zone).date()
    for day in (first + timedelta(days=passed) for passed in range(days)):
        special = calendar.special_days.get(day)
        hours = tuple(
            PreviewedHours(span, instant_of(zone, day, span.from_minute), instant_of(zone, day, span.to_minute))
            for span in calendar.spans_on(day)
        )
        yield PreviewedDay(day, calendar.holiday_on(day), special.title if special else "", hours)
