"""Working time: the table of due instants, its property, nights, clock changes, holidays and years' ends."""

import random
import time
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from app.desk.calendar import DAYS, Calendar, Span, SpecialDay
from app.desk.working_time import NeverOpens, due, open_time, openings
from tests.app.calendars import calendar, drawn, hours, is_open, local

OFFICE = calendar("08:00-17:00")
ALWAYS = calendar("00:00-24:00", days=DAYS)
NIGHTS = calendar("22:00-06:00+")
EVERY_NIGHT = calendar("22:00-06:00+", days=DAYS)
EARLY = calendar("01:00-02:30", days=DAYS)
LUNCH = calendar("08:00-12:00", "13:00-17:00")
POLISH = calendar("08:00-17:00", country="PL")
BERLIN, BAVARIA = (calendar("09:00-17:00", zone="Europe/Berlin", country="DE", subdivision=one) for one in ("BE", "BY"))
NEW_YORK = calendar("09:00-17:00", zone="America/New_York", country="US")

DUE: list[tuple[str, Calendar, str, float, str]] = [
    ("over a weekend", OFFICE, "2026-09-18 15:00", 3, "2026-09-21 09:00"),
    ("from Friday to Monday", calendar("09:00-17:00"), "2026-09-18 16:00", 2, "2026-09-21 10:00"),
    ("due when it closes", calendar("09:00-18:00"), "2026-09-18 15:00", 3, "2026-09-18 18:00"),
    ("begun when it closes", OFFICE, "2026-09-21 17:00", 1, "2026-09-22 09:00"),
    ("over Easter", POLISH, "2026-04-03 15:00", 3, "2026-04-07 09:00"),
    ("always open, spring", ALWAYS, "2026-03-28 20:00", 10, "2026-03-29 07:00"),
    ("always open, autumn", ALWAYS, "2026-10-24 20:00", 10, "2026-10-25 05:00"),
    ("before it opens", OFFICE, "2026-09-21 06:00", 1, "2026-09-21 09:00"),
    ("no time at all, while closed", OFFICE, "2026-09-20 12:00", 0, "2026-09-20 12:00"),
    ("through lunch", LUNCH, "2026-09-21 11:30", 1, "2026-09-21 13:30"),
    ("during lunch", LUNCH, "2026-09-21 12:15", 0.5, "2026-09-21 13:30"),
    ("a whole day with lunch", LUNCH, "2026-09-21 08:00", 8, "2026-09-21 17:00"),
    ("across midnight", NIGHTS, "2026-09-21 23:00", 3, "2026-09-22 02:00"),
    ("in the morning of a night", NIGHTS, "2026-09-22 05:00", 2, "2026-09-22 23:00"),
    ("Friday's night is worked on Saturday", NIGHTS, "2026-09-25 22:00", 8, "2026-09-26 06:00"),
    ("no night begins on Saturday", NIGHTS, "2026-09-26 07:00", 1, "2026-09-28 23:00"),
    # Clocks: 2 o'clock becomes 3 on 2026-03-29; 3 becomes 2 on 2026-10-25.
    ("a night in spring has an hour less", EVERY_NIGHT, "2026-03-28 22:00", 7, "2026-03-29 06:00"),
    ("a night in autumn has one more", EVERY_NIGHT, "2026-10-24 22:00", 9, "2026-10-25 06:00"),
    ("opens within the hour left out", calendar("02:30-06:00", days=DAYS), "2026-03-29 00:00", 1, "2026-03-29 04:00"),
    ("closes within it", EARLY, "2026-03-29 00:00", 2, "2026-03-30 02:00"),
    ("closes within the hour that comes twice", EARLY, "2026-10-25 00:00", 2, "2026-10-26 01:30"),
    ("over the end of the year", POLISH, "2026-12-31 16:00", 2, "2027-01-04 09:00"),
    ("over Christmas", POLISH, "2026-12-23 16:00", 2, "2026-12-28 09:00"),
]  # fmt: skip


@pytest.mark.parametrize(("what", "calendar", "start", "taken", "expected"), DUE, ids=[row[0] for row in DUE])
def test_a_duration_is_due_when_so_much_open_time_has_elapsed(
    what: str, calendar: Calendar, start: str, taken: float, expected: str
) -> None:
    duration = timedelta(hours=taken)
    found = due(local(start), duration, calendar)
    assert found == local(expected)
    assert open_time(local(start), found, calendar) == duration


HOLIDAYS: list[tuple[str, Calendar, str, bool]] = [
    ("Epiphany in Bavaria", BAVARIA, "2026-01-06", False),
    ("Epiphany in Berlin", BERLIN, "2026-01-06", True),
    ("Women's Day in Berlin, a Sunday", BERLIN, "2026-03-08", False),
    ("Women's Day in Berlin", BERLIN, "2027-03-08", False),
    ("Women's Day in Bavaria", BAVARIA, "2027-03-08", True),
    ("Unity Day", BAVARIA, "2029-10-03", False),
    ("Epiphany in Poland", POLISH, "2026-01-06", False),
    ("Christmas Eve in Poland, since 2025", POLISH, "2026-12-24", False),
    ("Christmas Eve in Poland before", POLISH, "2024-12-24", True),
    ("Thanksgiving", NEW_YORK, "2026-11-26", False),
    ("the day after", NEW_YORK, "2026-11-27", True),
    ("Independence Day on a Saturday is free on Friday", NEW_YORK, "2026-07-03", False),
    ("New Year's Day of 2028 is free on the last day of 2027", NEW_YORK, "2027-12-31", False),
    ("a Tuesday in Poland", POLISH, "2026-11-24", True),
]


@pytest.mark.parametrize(("what", "calendar", "day", "works"), HOLIDAYS, ids=[row[0] for row in HOLIDAYS])
def test_public_holidays_of_the_country_and_its_part_are_free(
    what: str, calendar: Calendar, day: str, works: bool
) -> None:
    noon = local(f"{day} 12:00", calendar.zone)
    assert (open_time(noon, noon + timedelta(hours=1), calendar) > timedelta()) is works


def test_an_exception_replaces_the_hours_of_its_date_and_its_holiday() -> None:
    changed: list[dict[str, Any]] = [
        {"date": "2026-12-25", "title": "Emergencies only", "hours": hours("10:00-12:00")},
        {"date": "2026-12-23", "title": "Stocktaking"},
    ]
    kept = calendar("08:00-17:00", country="PL", exceptions=changed)
    opened = [one.begins_at for one in openings(kept, local("2026-12-22 18:00"))][:2]
    assert opened == [local("2026-12-25 10:00"), local("2026-12-28 08:00")]


def test_a_night_before_a_holiday_is_worked_to_its_end_and_none_begins_on_it() -> None:
    nights = calendar("22:00-06:00+", days=DAYS, country="PL")
    assert open_time(local("2026-11-10 22:00"), local("2026-11-12 22:00"), nights) == timedelta(hours=8)


def test_hours_that_touch_are_one_opening_and_always_open_is_one_without_end() -> None:
    touching = calendar("00:00-12:00", "12:00-24:00", days=DAYS[:2])
    monday = next(openings(touching, local("2026-09-20 12:00")))
    assert (monday.begins_at, monday.ends_at) == (local("2026-09-21 00:00"), local("2026-09-23 00:00"))
    assert [one.ends_at for one in openings(ALWAYS, local("2026-09-20 12:00"))] == [None]


def test_a_day_that_a_zone_left_out_has_no_open_time() -> None:
    apia = calendar("00:00-24:00", days=DAYS, zone="Pacific/Apia")
    before = local("2011-12-29 12:00", "Pacific/Apia")
    assert due(before, timedelta(hours=24), apia) == local("2011-12-31 12:00", "Pacific/Apia")


NEVER = [
    Calendar("Europe/Warsaw"),
    Calendar("Europe/Warsaw", special_days={date(2020, 5, 4): SpecialDay((Span(480, 1020),))}),
    Calendar("Europe/Nowhere", ((Span(480, 1020),),) * 7),
]


@pytest.mark.parametrize("calendar", NEVER, ids=["without hours", "only in the past", "in a zone unknown here"])
def test_nothing_is_ever_due_in_a_calendar_that_never_opens_again(calendar: Calendar) -> None:
    with pytest.raises(NeverOpens, match=r"open time within 12 years\.|does not know the time zone"):
        due(local("2026-09-18 15:00"), timedelta(hours=1), calendar)


def test_more_than_the_open_time_there_will_be_is_never_due() -> None:
    once = calendar_of_one_day()
    assert due(local("2026-01-01 00:00"), timedelta(hours=2), once) == local("2030-05-06 12:00")
    with pytest.raises(NeverOpens):
        due(local("2026-01-01 00:00"), timedelta(hours=2, seconds=1), once)


def calendar_of_one_day() -> Calendar:
    return calendar(days=(), exceptions=[{"date": "2030-05-06", "hours": hours("10:00-12:00")}])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 2**32))
def test_the_open_time_until_due_is_the_duration_and_due_is_the_first_such_instant(seed: int) -> None:
    kept, start, duration = drawn(random.Random(seed))
    found = due(start, duration, kept)
    assert open_time(start, found, kept) == duration
    earlier = found - timedelta(microseconds=1)
    assert open_time(start, earlier, kept) == duration - timedelta(microseconds=1)


def test_ten_thousand_random_calendars_keep_the_property_within_ten_seconds() -> None:
    chance, began = random.Random(20261122), time.process_time()
    for _ in range(10_000):
        kept, start, duration = drawn(chance)
        assert open_time(start, due(start, duration, kept), kept) == duration, (kept, start, duration)
    assert time.process_time() - began < 10


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(("UTC", "Asia/Kathmandu", "Africa/Lagos")))
def test_open_time_is_what_a_clock_on_the_wall_counts_minute_by_minute(seed: int, zone: str) -> None:
    kept, start, _ = drawn(random.Random(seed))
    kept = Calendar(zone, kept.week, kept.country, "", kept.special_days)
    start = start.replace(second=0)
    minutes = 3 * 1440
    counted = sum(is_open(kept, start + timedelta(minutes=passed)) for passed in range(minutes))
    assert open_time(start, start + timedelta(minutes=minutes), kept) == timedelta(minutes=counted)


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32))
def test_openings_come_in_order_apart_from_each_other_and_hold_all_the_open_time(seed: int) -> None:
    kept, start, _ = drawn(random.Random(seed))
    found = []
    for one in openings(kept, start):
        found.append(one)
        if len(found) == 5:
            break
    assume(all(one.ends_at for one in found))
    ends = [one.ends_at or start for one in found]
    assert all(earlier < later.begins_at for earlier, later in zip(ends, found[1:], strict=False))
    held = sum((end - one.begins_at for one, end in zip(found, ends, strict=True)), timedelta())
    assert held == open_time(start, ends[-1], kept)
