"""Working time: when a calendar is open, how much open time lies between two instants, and when it has elapsed."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final

from app.desk.calendar import HORIZON, Calendar
from app.desk.local_time import instant_of, zone_named

_TWO_DAYS: Final = timedelta(days=2)  # a night may have begun the day before, and on a clock change a date comes twice
# People are told the next closing; one that is further away than a year is none.
_LONGEST_OPEN: Final = timedelta(days=400)


class NeverOpens(Exception):
    """The calendar has not that much open time within twelve years; the sentence says so."""


@dataclass(frozen=True)
class Opening:
    """Open from one instant to another; `ends_at` None: it does not close within a year."""

    begins_at: datetime
    ends_at: datetime | None


def due(start: datetime, duration: timedelta, calendar: Calendar) -> datetime:
    """The earliest instant at which so much open time has elapsed since `start`; it may be one at which it closes.

    Raises: NeverOpens.
    """
    if duration <= timedelta():
        return start
    left = duration
    for begins_at, ends_at in _pieces(calendar, start):
        if ends_at - begins_at >= left:
            return begins_at + left
        left -= ends_at - begins_at
    raise NeverOpens(f"This calendar has not {duration} of open time within {HORIZON.days // 365} years.")


def open_time(start: datetime, end: datetime, calendar: Calendar) -> timedelta:
    """How much open time lies between two instants; at most what lies within the horizon."""
    pieces = takewhile(lambda piece: piece[0] < end, _pieces(calendar, start))
    return sum((min(ends_at, end) - begins_at for begins_at, ends_at in pieces), timedelta())


def openings(calendar: Calendar, since: datetime) -> Iterator[Opening]:
    """Every opening that is not over at an instant, in order; the first begins no earlier than `since`."""
    begun: datetime | None = None
    ended = since
    for begins_at, ends_at in _pieces(calendar, since):
        if begun is not None and begins_at > ended:
            yield Opening(begun, ended)
            begun = None
        begun, ended = begun or begins_at, ends_at
        if ended - begun > _LONGEST_OPEN:
            yield Opening(begun, None)
            return
    if begun is not None:
        yield Opening(begun, ended)


def _pieces(calendar: Calendar, since: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Open time since an instant in pieces that do not overlap, in order; some touch."""
    zone = zone_named(calendar.zone)
    if zone is None:  # it was known when the calendar was saved; another machine's list of zones may lack it
        raise NeverOpens(f"This machine does not know the time zone “{calendar.zone}”.")
    passed = since.astimezone(UTC)
    for day in calendar.days_from((passed.astimezone(zone) - _TWO_DAYS).date()):
        for span in calendar.spans_on(day):
            begins_at, ends_at = instant_of(zone, day, span.from_minute), instant_of(zone, day, span.to_minute)
            if ends_at > passed:
                yield max(begins_at, passed), ends_at
                passed = ends_at
