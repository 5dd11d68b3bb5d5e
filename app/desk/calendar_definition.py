"""A calendar as people write it and as it is stored: JSON in, a Calendar out, with a sentence for everything wrong.

{"zone": "Europe/Warsaw", "country": "PL", "subdivision": "",
 "weekly": {"monday": [{"from": "08:00", "to": "12:00"}, {"from": "22:00", "to": "06:00", "next_day": true}], …},
 "exceptions": [{"date": "2026-12-24", "title": "Christmas Eve", "hours": [], "is_holiday": true}]}
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any, Final

from app.desk.calendar import DAY_MINUTES, DAYS, Calendar, Span, SpecialDay, written
from app.desk.local_time import zone_named
from app.desk.public_holidays import subdivisions
from app.desk.working_time import NeverOpens, openings
from app.errors import Invalid

Json = Any
MOST_EXCEPTIONS: Final = 500
MOST_SPANS_A_DAY: Final = 20
_CLOCK: Final = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00", re.ASCII)
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_FIRST_YEAR, _LAST_YEAR = 1970, 2200


@lru_cache(maxsize=64)  # read with every question; a text means the same calendar for ever
def stored_calendar(text: str) -> Calendar:
    """The calendar of a stored definition."""
    return calendar_of(json.loads(text))


def calendar_of(definition: Mapping[str, Json]) -> Calendar:
    """The calendar that a definition of the right shape describes. Raises: Invalid."""
    zone, country = definition["zone"], definition.get("country", "")
    if zone_named(zone) is None:
        raise _invalid("zone", f"There is no time zone “{zone}”: name one such as Europe/Warsaw.")
    subdivision = definition.get("subdivision", "")
    _check_place(country, subdivision)
    weekly = definition.get("weekly", {})
    week = tuple(_spans(weekly.get(day, ()), day.capitalize(), f"weekly.{day}") for day in DAYS)
    _check_week(week)
    return Calendar(zone, week, country, subdivision, dict(_special_days(definition.get("exceptions", ()))))


def refuse_never_open(calendar: Calendar, since: datetime) -> None:
    """Raises: Invalid for a calendar that is never open from an instant on, in which every wait would be endless."""
    try:
        opens = next(openings(calendar, since), None) is not None
    except NeverOpens as problem:
        raise _invalid("zone", str(problem)) from None
    if opens:
        return
    if any(calendar.week) or any(day.spans for day in calendar.special_days.values()):
        sentence = "This calendar never opens again: all its hours are over. Add weekly hours, or a date to come."
    else:
        sentence = "This calendar has no open time at all: add weekly hours, or a date with hours."
    raise Invalid(sentence, "never_open", field="weekly")


def _check_place(country: str, subdivision: str) -> None:
    if subdivision and not country:
        raise _invalid("subdivision", f"The subdivision “{subdivision}” needs its country beside it, such as DE.")
    if not country:
        return
    if country not in subdivisions():
        raise _invalid("country", f"The holidays of “{country}” are not known: give two letters such as PL, DE or US.")
    if subdivision and subdivision not in subdivisions()[country]:
        known = ", ".join(subdivisions()[country]) or "none"
        raise _invalid("subdivision", f"{country} has no subdivision “{subdivision}”; known are: {known}.")


def _special_days(rows: Sequence[Mapping[str, Json]]) -> Iterator[tuple[date, SpecialDay]]:
    seen: set[date] = set()
    for index, row in enumerate(rows):
        place, written = f"exceptions.{index}", row["date"]
        day = _date(written, f"{place}.date")
        if day in seen:
            raise _invalid(f"{place}.date", f"{written} stands twice among the exceptions: keep one of them.")
        seen.add(day)
        spans = _spans(row.get("hours", ()), written, f"{place}.hours")
        yield day, SpecialDay(spans, row.get("title", ""), row.get("is_holiday", False))


def _date(written: str, place: str) -> date:
    try:
        day = date.fromisoformat(written) if _DATE.fullmatch(written) else None
    except ValueError:
        day = None
    if day is None:
        raise _invalid(place, f"“{written}” is no date: write it as 2026-12-24.")
    if not _FIRST_YEAR <= day.year <= _LAST_YEAR:
        raise _invalid(place, f"{written} is not between the years {_FIRST_YEAR} and {_LAST_YEAR}.")
    return day


def _spans(rows: Sequence[Mapping[str, Json]], day: str, place: str) -> tuple[Span, ...]:
    spans = sorted(_span(row, day, f"{place}.{index}") for index, row in enumerate(rows))
    for earlier, later in pairwise(spans):
        if later.from_minute < earlier.to_minute:
            raise _invalid(place, f"{day}: {written(earlier)} and {written(later)} overlap; make one of them.")
    return tuple(spans)


def _span(row: Mapping[str, Json], day: str, place: str) -> Span:
    begins, ends = _minute(row["from"], f"{place}.from"), _minute(row["to"], f"{place}.to")
    words = f"{day}: {row['from']}–{row['to']}"
    if begins == DAY_MINUTES:
        raise _invalid(place, f"{words} begins when the day is over: begin at 00:00 of the next day.")
    if row.get("next_day", False):
        if ends > begins:
            raise _invalid(place, f"{words} on the next day is more than 24 hours: divide it.")
        return Span(begins, ends + DAY_MINUTES)
    if ends <= begins:
        night = "for a night that ends on the next day say so (next_day)"
        raise _invalid(place, f"{words} ends before it begins: turn it round, or {night}.")
    return Span(begins, ends)


def _minute(written: str, place: str) -> int:
    if not _CLOCK.fullmatch(written):
        raise _invalid(place, f"“{written}” is no time of day: write it as 08:00, at most 24:00.")
    return int(written[:2]) * 60 + int(written[3:])


def _check_week(week: Sequence[Sequence[Span]]) -> None:
    """Nights may reach into the hours of the next day, Sunday's into Monday's."""
    for number, day in enumerate(DAYS):
        following = DAYS[(number + 1) % 7]
        if not week[number] or not week[(number + 1) % 7]:
            continue
        night, morning = week[number][-1], week[(number + 1) % 7][0]
        if night.to_minute - DAY_MINUTES > morning.from_minute:
            names = f"{day.capitalize()} {written(night)} and {following.capitalize()} {written(morning)}"
            raise _invalid(f"weekly.{following}", f"{names} overlap: let one begin where the other ends.")


def _invalid(place: str, sentence: str) -> Invalid:
    return Invalid(sentence, "bad_calendar", field=place)
