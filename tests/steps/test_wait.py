"""Waiting: for a while, until a date, until a calendar opens; what a message and a call do meanwhile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flows.ask import CalendarState, CalendarStateAnswer
from flows.effect import Pause
from flows.event import CallPolled, MessageReceived, TimerFired
from flows.values import Value, convert
from tests.steps.visits import NOW, Visit, step_of

OPENS = NOW + timedelta(hours=44)


def until(visit: Any) -> datetime | None:
    """The instant the run waits for."""
    return visit.run.waiting.until if visit.run.waiting else None


@pytest.mark.parametrize(
    ("config", "value", "instant"),
    [
        ({"seconds": 90}, None, NOW + timedelta(seconds=90)),
        ({"until": "{{ x }}"}, convert("2026-11-23T09:00:00+01:00", "datetime"), datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ({"until": "{{ x }}"}, convert("2026-11-23", "date"), datetime(2026, 11, 23, tzinfo=UTC)),
        (
            {"until": "{{ x }}", "zone": "Europe/Warsaw"},
            convert("2026-11-23", "date"),
            datetime(2026, 11, 22, 23, tzinfo=UTC),
        ),
        ({"until": "2026-11-23 09:30", "zone": "Europe/Warsaw"}, None, datetime(2026, 11, 23, 8, 30, tzinfo=UTC)),
        ({"until": "2026-11-23T09:30Z", "zone": "Europe/Warsaw"}, None, datetime(2026, 11, 23, 9, 30, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_it_waits_until_the_instant_that_is_meant(config: dict[str, Any], value: Value, instant: datetime) -> None:
    visit = Visit("wait", config, variables={"x": value} if value is not None else {})
    assert (visit.run.status, until(visit)) == ("waiting", instant)
    assert visit.feed(TimerFired()).left_by == "done"


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"until": "2026-11-21T11:59:59Z"}, "date_in_past"),
        ({"until": "2026-11-21T12:00:00Z"}, "date_in_past"),
        ({"until": "next week"}, "not_a_date"),
        ({"until": "{{ nothing }}"}, "not_a_date"),
        ({"until": "{{ [1] }}"}, "not_a_date"),
        ({"until": "2026-12-24", "zone": "Moon/Crater"}, "not_a_date"),
        ({"until": "2027-12-24"}, "wait_too_long"),
        ({"until": "{{ 1 / 0 }}"}, "expression_error"),
    ],
)
def test_a_date_that_cannot_be_waited_for_is_a_failure(config: dict[str, Any], kind: str) -> None:
    assert Visit("wait", config).error == kind


def test_a_message_is_kept_or_leads_on_as_the_author_wants() -> None:
    patient = Visit("wait", {"seconds": 60}).feed(MessageReceived("hi"))
    assert (patient.run.status, patient.left_by) == ("waiting", None)
    assert Visit("wait", {"seconds": 60, "leaves_by_message": True}).feed(MessageReceived("hi")).left_by == "message"
    assert [way.id for way in step_of("wait").exits({})] == ["done"]


def test_a_caller_hears_silence_and_the_time_is_kept_by_the_carriers_questions() -> None:
    visit = Visit("wait", {"seconds": 150}, on_call=True)
    assert visit.effects == [Pause(10)]
    assert visit.feed(CallPolled()).left_by is None  # the visit's clock goes on by a minute with each event
    assert visit.feed(CallPolled()).effects[-1] == Pause(10)
    assert visit.feed(CallPolled()).left_by == "done"


@pytest.mark.parametrize(
    ("answer", "instant"),
    [
        (CalendarStateAnswer(exists=True, state="closed", next_opening_at=OPENS), OPENS),
        (CalendarStateAnswer(exists=True, state="holiday", next_opening_at=OPENS), OPENS),
        (CalendarStateAnswer(exists=True, state="open", next_opening_at=OPENS), NOW),
    ],
)
def test_it_waits_until_the_calendar_opens_and_not_at_all_where_it_is_open(
    answer: CalendarStateAnswer, instant: datetime
) -> None:
    visit = Visit("wait", {"calendar": "office"})
    assert visit.asked == CalendarState("office", NOW)
    assert until(visit.feed(answer)) == instant
    assert visit.feed(TimerFired()).feed(CalendarStateAnswer(exists=True, state="open")).left_by == "done"


def test_a_holiday_that_is_added_meanwhile_is_waited_for_too() -> None:
    visit = Visit("wait", {"calendar": "office"})
    visit.feed(CalendarStateAnswer(exists=True, state="closed", next_opening_at=OPENS)).feed(TimerFired())
    later = OPENS + timedelta(days=1)
    visit.feed(CalendarStateAnswer(exists=True, state="holiday", next_opening_at=later))
    assert (visit.left_by, until(visit)) == (None, later)
    assert visit.feed(TimerFired()).feed(CalendarStateAnswer(exists=True)).error == "never_opens"


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (CalendarStateAnswer(exists=False), "calendar_missing"),
        (CalendarStateAnswer(exists=True), "never_opens"),
        (CalendarStateAnswer(exists=True, next_opening_at=NOW + timedelta(days=31)), "wait_too_long"),
    ],
)
def test_a_calendar_that_cannot_be_waited_for_is_a_failure(answer: CalendarStateAnswer, kind: str) -> None:
    assert Visit("wait", {"calendar": "office"}).feed(answer).error == kind


def test_its_summary_its_limit_and_its_findings() -> None:
    wait = step_of("wait")
    told: list[dict[str, Any]] = [
        {"seconds": 90},
        {"seconds": 7200},
        {"seconds": 45},
        {"until": "{{ day }}"},
        {"calendar": "office"},
    ]
    assert [wait.summary(config) for config in told] == ["1.5 min", "2 h", "45 s", "Until day", "Until office opens"]
    assert [wait.effective_limit(config) for config in told[2:4]] == [45.0, 2_592_000.0]
    assert [one.code for one in wait.problems({"until": "x", "zone": "Moon/Crater"})] == ["zone_unknown"]
