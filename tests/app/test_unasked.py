"""The last door before what a schedule's run says leaves: it holds however odd the run, and night after night."""

from datetime import UTC, datetime

import pytest

from app.store import opted_out
from app.store.opted_out import NO_CONSENT
from flows import wire
from flows.run import Run
from tests.app.drawn import drawn, placed, sends
from tests.app.house import Runtime
from tests.app.test_schedules import at, contact, sweep, told, writes_after_twelve_hours

DAMAGED = "UPDATE runs SET state = '{}'"
OF_A_NEWER_PATCHBAY = """UPDATE runs SET state = replace(state, '"id":', '"hue":"red","id":')"""
LIKE_ITS_FIELD = """UPDATE runs SET state = replace(state, '"variables":{', '"variables":{"a":{"quiet_hours":""}')"""
WITHDRAWN = "UPDATE contacts SET consent = 'withdrawn'"


@pytest.mark.parametrize(
    ("changes", "error"),
    [((DAMAGED,), ""), ((OF_A_NEWER_PATCHBAY, WITHDRAWN), NO_CONSENT), ((LIKE_ITS_FIELD, WITHDRAWN), NO_CONSENT)],
    ids=["damaged", "of a newer Patchbay", "with a variable like its own field"],
)
def test_an_odd_run_stops_no_worker_and_still_needs_consent(
    room: Runtime, changes: tuple[str, ...], error: str
) -> None:
    writes_after_twelve_hours(room, sends("News"))
    for change in changes:
        room.execute(change)
    sweep(room, 10 * 3_600)
    assert room.column("SELECT error FROM effects") == [error]
    assert len(told(room)) == (not error)


def paced(room: Runtime, contacts: int, wait_for: str = "nothing") -> None:
    """One minute before nine in the evening a newsletter begins, by a number that sends every hundred seconds."""
    room.execute("UPDATE numbers SET rate_per_second = 0.01, burst = 1 WHERE name = 'keys'")
    for n in range(contacts):
        contact(room, n)
    due = {"when": {"by": "cron", "expression": "59 20 4 1 *"}, "audience": {"by": "segment", "segment": "all"}}
    steps = {
        "due": placed("schedule", {"number": "keys", **due, "per_minute": 600}, next="tell"),
        "tell": sends("News", wait_for=wait_for),
    }
    at(room, "2027-01-04T20:58:30+00:00")
    room.publish(drawn("Newsletter", steps))
    sweep(room)
    sweep(room, 31, times=3)


def test_what_has_not_left_by_the_second_evening_waits_for_the_second_morning(room: Runtime) -> None:
    paced(room, 2)
    sweep(room, 300)  # 21:04
    assert len(told(room)) == 1
    room.execute("UPDATE numbers SET blocked_until_at = (SELECT next_attempt_at FROM effects WHERE state = 'queued')")
    room.execute("UPDATE numbers SET blocked_until_at = blocked_until_at + :more", more=13 * 3_600_000_000 + 1)
    counts = []
    for seconds in (11 * 3_600, 13 * 3_600 + 60, 11 * 3_600):  # 8:04, 21:05, 8:05
        sweep(room, seconds)
        counts.append(len(told(room)))
    assert counts == [1, 1, 2]


def test_the_time_limit_of_what_waits_for_the_morning_waits_with_it(room: Runtime) -> None:
    paced(room, 3, wait_for="accepted")  # for ten minutes
    counts = []
    for seconds in (300, 101, 39_276, 101):  # 21:04, 21:05, 8:00, 8:01
        sweep(room, seconds)
        counts.append(len(told(room)))
    assert (counts, room.problems()) == ([1, 1, 2, 3], [])
    assert room.outcomes() == ["completed"] * 3


def test_no_run_but_a_schedules_is_read_when_its_message_leaves() -> None:
    ordinary = wire.write(Run("1", (), datetime.now(UTC)))
    assert opted_out._OF_SCHEDULE.split("%")[1] in ordinary
