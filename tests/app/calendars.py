"""Calendars for tests: written as people write them, and drawn at random."""

import random
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.desk.calendar import DAY_MINUTES, DAYS, Calendar, Span, SpecialDay
from app.desk.calendar_definition import calendar_of

WORKING_DAYS = DAYS[:5]
# Half hours, whole days, clock changes at midnight and by half an hour, none at all, and the year's other half.
ZONES = (
    "Europe/Warsaw",
    "America/New_York",
    "UTC",
    "Asia/Kathmandu",
    "Asia/Beirut",
    "Australia/Lord_Howe",
    "Pacific/Apia",
)


def hours(*spans: str) -> list[dict[str, Any]]:
    """08:00-17:00, or 22:00-06:00+ for a night."""
    rows = []
    for span in spans:
        begins, _, ends = span.partition("-")
        rows.append({"from": begins, "to": ends.rstrip("+"), **({"next_day": True} if ends.endswith("+") else {})})
    return rows


def weekly(*spans: str, days: tuple[str, ...] = WORKING_DAYS) -> dict[str, Any]:
    """The same hours on several days."""
    return {day: hours(*spans) for day in days}


def calendar(*spans: str, days: tuple[str, ...] = WORKING_DAYS, zone: str = "Europe/Warsaw", **more: Any) -> Calendar:
    """A calendar with the same hours on several days."""
    return calendar_of({"zone": zone, "weekly": weekly(*spans, days=days), **more})


def local(written: str, zone: str = "Europe/Warsaw", *, second_time: bool = False) -> datetime:
    """The instant of a local time such as 2026-09-18 15:00."""
    return datetime.fromisoformat(written).replace(tzinfo=ZoneInfo(zone), fold=int(second_time)).astimezone(UTC)


def drawn(chance: random.Random) -> tuple[Calendar, datetime, timedelta]:
    """A random calendar that opens every week, a start and a duration."""
    week: list[tuple[Span, ...]] = [_spans(chance) if chance.random() < 0.7 else () for _ in DAYS]
    week[chance.randrange(7)] = (Span(540, 1020),)
    year = chance.randrange(2000, 2090)
    start = datetime(year, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(366 * 86_400))
    special = {
        start.date() + timedelta(days=chance.randrange(-3, 12)): SpecialDay(
            _spans(chance), "special", chance.random() < 0.5
        )
        for _ in range(chance.randrange(4))
    }
    country = chance.choice(("", "", "PL", "DE", "US"))
    found = Calendar(chance.choice(ZONES), tuple(week), country, "", special)
    return found, start, timedelta(seconds=chance.randrange(1, chance.choice((3_600, 86_400, 10 * 86_400))))


def _spans(chance: random.Random) -> tuple[Span, ...]:
    marks = sorted(chance.sample(range(DAY_MINUTES), 2 * chance.randrange(3)))
    spans = [Span(*pair) for pair in zip(marks[::2], marks[1::2], strict=True)]
    if spans and chance.random() < 0.2:
        spans[-1] = Span(spans[-1].from_minute, spans[-1].from_minute + chance.randrange(1, DAY_MINUTES))
    return tuple(spans)


def is_open(calendar: Calendar, at: datetime) -> bool:
    """What a clock on the wall says; only where no clock is changed near."""
    wall = at.astimezone(ZoneInfo(calendar.zone))
    minute = wall.hour * 60 + wall.minute

    def worked(day: date, minute: int) -> bool:
        return any(span.from_minute <= minute < span.to_minute for span in calendar.spans_on(day))

    return worked(wall.date(), minute) or worked(wall.date() - timedelta(days=1), minute + DAY_MINUTES)
