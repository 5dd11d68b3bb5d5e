from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from flows.ask import CalendarState, CalendarStateAnswer, HttpAnswer, QueueStateAnswer
from flows.check import InstallationNames, check
from flows.document import from_data
from flows.errors import FlowError
from flows.values import Value
from tests.steps.visits import NOW, STEPS, Visit, step_of

OFFICE: Mapping[str, Any] = {"calendar": "office"}
SWITCH = {**OFFICE, "emergency_switch": "lines"}
OPENS_AT = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
CLOSES_AT = datetime(2026, 11, 23, 16, 0, tzinfo=UTC)
CLOSED = CalendarStateAnswer(exists=True, next_opening_at=OPENS_AT, next_closing_at=CLOSES_AT)

ANSWERS: list[tuple[CalendarStateAnswer, str, str | None]] = [
    (CalendarStateAnswer(exists=True, state="open"), "open", None),
    (CLOSED, "closed", None),
    (CalendarStateAnswer(exists=True, state="holiday", reason="Christmas Day"), "holiday", None),
    (CalendarStateAnswer(exists=False), "failure", "calendar_missing"),
]


@pytest.mark.parametrize(("answer", "left_by", "kind"), ANSWERS)
def test_the_calendar_decides_the_exit(answer: CalendarStateAnswer, left_by: str, kind: str | None) -> None:
    visit = Visit("opening_hours", OFFICE)
    assert visit.asked == CalendarState("office", NOW)
    visit.feed(answer)
    assert (visit.left_by, visit.error) == (left_by, kind)
    assert visit.why["calendar"] == "office"


def test_a_calendar_that_is_not_there_is_named_in_the_sentence() -> None:
    visit = Visit("opening_hours", OFFICE).feed(CalendarStateAnswer(exists=False))
    assert visit.message == "There is no calendar “office”; make it or choose another."


def test_the_trace_says_why_and_until_when() -> None:
    visit = Visit("opening_hours", OFFICE).feed(CLOSED)
    assert visit.why == {
        "calendar": "office",
        "state": "closed",
        "reason": "",
        "next_opening": OPENS_AT.isoformat(),
        "next_closing": CLOSES_AT.isoformat(),
    }


OPEN = CalendarStateAnswer(exists=True, state="open", next_opening_at=OPENS_AT)
LATER: list[tuple[CalendarStateAnswer, Mapping[str, Value]]] = [
    (CLOSED, {"opens_at": OPENS_AT}),
    (CalendarStateAnswer(exists=True), {}),
    (OPEN, {}),
]


@pytest.mark.parametrize(("answer", "sets"), LATER)
def test_the_next_opening_is_set_where_it_is_closed_and_that_is_known(
    answer: CalendarStateAnswer, sets: Mapping[str, Value]
) -> None:
    assert Visit("opening_hours", {**OFFICE, "next_opening": "opens_at"}).feed(answer).sets == sets


SWITCHED: list[tuple[Value, str | None]] = [
    ("closed", "closed"),
    (" Open ", "open"),
    ("HOLIDAY", "holiday"),
    ("", None),
    ("timetable", None),
    (True, None),
    (None, None),
]


@pytest.mark.parametrize(("value", "left_by"), SWITCHED)
def test_a_constant_goes_before_the_calendar_while_it_holds_a_state(value: Value, left_by: str | None) -> None:
    visit = Visit("opening_hours", SWITCH, constants={"lines": value})
    assert visit.left_by == left_by
    assert (visit.asked is None) is (left_by is not None)


def test_a_constant_that_is_gone_leaves_it_to_the_calendar() -> None:
    assert Visit("opening_hours", SWITCH).feed(CLOSED).left_by == "closed"


@pytest.mark.parametrize("answer", [HttpAnswer(200), QueueStateAnswer(exists=True)])
def test_another_answer_is_refused(answer: HttpAnswer | QueueStateAnswer) -> None:
    with pytest.raises(FlowError, match="needs a CalendarStateAnswer"):
        Visit("opening_hours", OFFICE).feed(answer)


def test_a_calendar_and_a_constant_that_are_not_there_prevent_publishing() -> None:
    steps = {
        "in": {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "it"}},
        "it": {"type": "opening_hours", "config": SWITCH, "exits": dict.fromkeys(("open", "closed", "holiday"), "end")},
    }
    flow = from_data({"format": 1, "name": "Hours", "languages": ["en"], "steps": steps})
    chat = {"chat": frozenset({"messages"})}

    def found(**names: Any) -> list[tuple[str, str]]:
        findings = check(flow, STEPS, InstallationNames(numbers=chat, **names))
        return [(one.field, one.sentence) for one in findings if one.code == "missing_reference"]

    assert found(calendars=frozenset({"office"}), constants=frozenset({"lines"})) == []
    assert found() == [
        ("calendar", "“it” uses the calendar “office”, and this installation has none of that name."),
        ("emergency_switch", "“it” uses the constant “lines”, and this installation has none of that name."),
    ]


def test_the_exits_and_the_summary_are_plain() -> None:
    step = step_of("opening_hours")
    assert [way.id for way in step.exits(OFFICE)] == ["open", "closed", "holiday"]
    assert step.summary(OFFICE) == "Is office open?"
    assert step.variables({**OFFICE, "next_opening": "x"}) == [("x", "datetime", ())]
