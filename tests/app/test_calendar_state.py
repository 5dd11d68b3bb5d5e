"""What a calendar says at an instant, with its emergency switch, and what is refused when one is written."""

from datetime import date
from typing import Any

import pytest

from app.desk.calendar import DAYS, Calendar, Span, SpecialDay
from app.desk.calendar_definition import calendar_of, refuse_never_open
from app.desk.calendar_state import Switch, state_of
from app.errors import Invalid
from flows.ask import Hours
from tests.app.calendars import calendar, hours, local, weekly

OFFICE = calendar(
    "08:00-12:00",
    "13:00-17:00",
    country="PL",
    exceptions=[
        {"date": "2026-11-24", "title": "Stocktaking", "hours": hours("10:00-12:00")},
        {"date": "2026-11-25", "title": "Founder's day", "is_holiday": True},
    ],
)

# at, state, reason, next opening, next closing
SAID: list[tuple[str, Hours, str, str | None, str | None]] = [
    ("2026-11-23 07:59", "closed", "", "2026-11-23 08:00", "2026-11-23 12:00"),
    ("2026-11-23 08:00", "open", "", "2026-11-23 13:00", "2026-11-23 12:00"),
    ("2026-11-23 12:00", "closed", "", "2026-11-23 13:00", "2026-11-23 17:00"),
    ("2026-11-23 16:59", "open", "", "2026-11-24 10:00", "2026-11-23 17:00"),
    ("2026-11-24 09:00", "closed", "Stocktaking", "2026-11-24 10:00", "2026-11-24 12:00"),
    ("2026-11-24 11:00", "open", "Stocktaking", "2026-11-26 08:00", "2026-11-24 12:00"),
    ("2026-11-25 10:00", "holiday", "Founder's day", "2026-11-26 08:00", "2026-11-26 12:00"),
    ("2026-11-28 12:00", "closed", "", "2026-11-30 08:00", "2026-11-30 12:00"),  # QUEUES, example 11
    ("2026-12-25 10:00", "holiday", "Christmas Day", "2026-12-28 08:00", "2026-12-28 12:00"),
    ("2026-12-31 18:00", "closed", "", "2027-01-04 08:00", "2027-01-04 12:00"),
]


@pytest.mark.parametrize(("at", "state", "reason", "opening", "closing"), SAID)
def test_a_calendar_says_how_it_stands_why_and_until_when(
    at: str, state: Hours, reason: str, opening: str | None, closing: str | None
) -> None:
    said = state_of(OFFICE, local(at))
    assert (said.exists, said.state, said.reason, said.zone) == (True, state, reason, "Europe/Warsaw")
    assert (said.next_opening_at, said.next_closing_at) == (opening and local(opening), closing and local(closing))


NOW, BEFORE, LATER = "2026-11-23 10:00", "2026-11-23 09:00", "2026-11-23 12:30"
SINCE, HAND = local(BEFORE), "switched by hand"
ELEVEN, TWO, FIVE = "2026-11-23 11:00", "2026-11-23 14:00", "2026-11-23 17:00"
SWITCHED: list[tuple[Switch, str, Hours, str, str | None, str | None]] = [
    (Switch("closed", SINCE, note="Burst pipe"), NOW, "closed", "Burst pipe", None, None),
    (Switch("holiday", SINCE), NOW, "holiday", HAND, None, None),
    (Switch("open", SINCE), "2026-11-28 12:00", "open", HAND, None, None),
    (Switch("closed", SINCE, local(LATER)), NOW, "closed", HAND, "2026-11-23 13:00", FIVE),
    (Switch("closed", SINCE, local(ELEVEN)), NOW, "closed", HAND, ELEVEN, "2026-11-23 12:00"),
    (Switch("open", SINCE, local(LATER)), NOW, "open", HAND, "2026-11-23 13:00", LATER),
    (Switch("open", SINCE, local(TWO)), NOW, "open", HAND, "2026-11-24 10:00", FIVE),
    (Switch("closed", SINCE, local(NOW)), NOW, "open", "", "2026-11-23 13:00", "2026-11-23 12:00"),
    (Switch("closed", local(LATER)), NOW, "open", "", "2026-11-23 13:00", "2026-11-23 12:00"),
]


@pytest.mark.parametrize(("switch", "at", "state", "reason", "opening", "closing"), SWITCHED)
def test_the_emergency_switch_goes_before_the_timetable_as_long_as_it_holds(
    switch: Switch, at: str, state: Hours, reason: str, opening: str | None, closing: str | None
) -> None:
    said = state_of(OFFICE, local(at), switch)
    assert (said.state, said.reason) == (state, reason)
    assert (said.next_opening_at, said.next_closing_at) == (opening and local(opening), closing and local(closing))


def test_always_open_has_neither_a_next_opening_nor_a_closing() -> None:
    said = state_of(calendar("00:00-24:00", days=DAYS), local(NOW))
    assert (said.state, said.next_opening_at, said.next_closing_at) == ("open", None, None)


def test_a_calendar_that_never_opens_again_is_closed_and_tells_no_opening() -> None:
    past = Calendar("Europe/Warsaw", special_days={date(2020, 5, 4): SpecialDay((Span(480, 1020),), "Once")})
    said = state_of(past, local(NOW))
    assert (said.exists, said.state, said.next_opening_at, said.next_closing_at) == (True, "closed", None, None)


def test_a_zone_that_this_machine_does_not_know_closes_the_calendar_and_says_so() -> None:
    said = state_of(Calendar("Europe/Nowhere", ((Span(0, 1440),),) * 7), local(NOW))
    assert (said.state, said.reason) == ("closed", "This machine does not know the time zone “Europe/Nowhere”.")


OPEN = weekly("08:00-17:00")
REFUSED: list[tuple[dict[str, Any], str, str]] = [
    ({"zone": "Europe/Nowhere", "weekly": OPEN}, "zone", "no time zone “Europe/Nowhere”"),
    ({"zone": "", "weekly": OPEN}, "zone", "no time zone"),
    ({"zone": "../../etc/passwd", "weekly": OPEN}, "zone", "no time zone"),
    ({"zone": "Europe", "weekly": OPEN}, "zone", "no time zone"),
    ({"weekly": {"monday": hours("17:00-08:00")}}, "weekly.monday.0", "Monday: 17:00–08:00 ends before it begins"),
    ({"weekly": {"monday": hours("08:00-08:00")}}, "weekly.monday.0", "ends before it begins"),
    ({"weekly": {"monday": hours("08:00-09:00+")}}, "weekly.monday.0", "more than 24 hours"),
    ({"weekly": {"monday": hours("24:00-08:00+")}}, "weekly.monday.0", "begins when the day is over"),
    ({"weekly": {"monday": hours("8:00-17:00")}}, "weekly.monday.0.from", "“8:00” is no time of day"),
    ({"weekly": {"monday": hours("08:00-24:01")}}, "weekly.monday.0.to", "“24:01” is no time of day"),
    ({"weekly": {"monday": hours("٠٨:00-17:00")}}, "weekly.monday.0.from", "no time of day"),
    (
        {"weekly": {"friday": hours("12:00-17:00", "08:00-12:30")}},
        "weekly.friday",
        "Friday: 08:00–12:30 and 12:00–17:00 overlap",
    ),
    (
        {"weekly": {"monday": hours("22:00-06:00+"), "tuesday": hours("05:00-09:00")}},
        "weekly.tuesday",
        "Monday 22:00–06:00 on the next day and Tuesday 05:00–09:00 overlap",
    ),
    (
        {"weekly": {"sunday": hours("22:00-06:00+"), "monday": hours("00:00-01:00")}},
        "weekly.monday",
        "Sunday 22:00–06:00 on the next day and Monday 00:00–01:00 overlap",
    ),
    ({"weekly": OPEN, "country": "XX"}, "country", "holidays of “XX” are not known"),
    ({"weekly": OPEN, "country": "pl"}, "country", "two letters such as PL"),
    ({"weekly": OPEN, "subdivision": "BY"}, "subdivision", "needs its country"),
    (
        {"weekly": OPEN, "country": "DE", "subdivision": "CA"},
        "subdivision",
        "DE has no subdivision “CA”; known are: BB",
    ),
    ({"weekly": OPEN, "country": "PL", "subdivision": "MZ"}, "subdivision", "PL has no subdivision “MZ”; known are:"),
    ({"exceptions": [{"date": "24.12.2026"}]}, "exceptions.0.date", "“24.12.2026” is no date"),
    ({"exceptions": [{"date": "2026-02-29"}]}, "exceptions.0.date", "is no date"),
    ({"exceptions": [{"date": "20261224"}]}, "exceptions.0.date", "is no date"),
    ({"exceptions": [{"date": "0001-01-01"}]}, "exceptions.0.date", "not between the years"),
    ({"exceptions": [{"date": "2026-12-24"}, {"date": "2026-12-24"}]}, "exceptions.1.date", "stands twice"),
    (
        {"exceptions": [{"date": "2026-12-24", "hours": hours("12:00-10:00")}]},
        "exceptions.0.hours.0",
        "2026-12-24: 12:00–10:00 ends before it begins",
    ),
]


@pytest.mark.parametrize(("written", "place", "says"), REFUSED)
def test_what_makes_no_calendar_is_refused_with_its_place(written: dict[str, Any], place: str, says: str) -> None:
    with pytest.raises(Invalid) as refused:
        calendar_of({"zone": "Europe/Warsaw", **written})
    assert says in refused.value.sentence
    assert refused.value.sentence.endswith(".")
    assert [fault["path"] for fault in refused.value.details["faults"]] == [place]


ONCE = {"exceptions": [{"date": "2026-11-20", "hours": hours("10:00-12:00")}]}
NEVER_OPEN: list[tuple[dict[str, Any], str | None]] = [
    ({}, "has no open time at all"),
    ({"weekly": {"monday": []}, "exceptions": [{"date": "2026-12-24"}]}, "has no open time at all"),
    (ONCE, "never opens again"),
    ({"exceptions": [{"date": "2026-11-24", "hours": hours("10:00-12:00")}]}, None),
    ({"weekly": {"sunday": hours("10:00-11:00")}, "country": "PL"}, None),
]


@pytest.mark.parametrize(("written", "says"), NEVER_OPEN)
def test_a_calendar_that_is_never_open_from_now_on_is_refused(written: dict[str, Any], says: str | None) -> None:
    written_calendar = calendar_of({"zone": "Europe/Warsaw", **written})
    if says is None:
        refuse_never_open(written_calendar, local(NOW))
        return
    with pytest.raises(Invalid, match=says) as refused:
        refuse_never_open(written_calendar, local(NOW))
    assert refused.value.code == "never_open"
