"""What a run would send unasked at night waits for the morning: in its order, paced, and only while they agree."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from app.runner import threads
from app.store.opted_out import NO_CONSENT, OPTED_OUT
from tests.app.drawn import asks, drawn, placed, sends
from tests.app.house import Runtime
from tests.app.processes import until
from tests.app.schedules import DAILY, MONDAY, ONE_DAY, at, contact, daily, live, states, sweep, told

NIGHTS = [
    ("", "2027-01-04T22:00:00+00:00", "2027-01-05T08:00:00+00:00"),  # the installation's zone is UTC
    ("America/New_York", "2027-01-04T10:00:00+00:00", "2027-01-04T13:00:00+00:00"),  # 5 in the morning there
    ("Asia/Tokyo", "2027-01-04T12:30:00+00:00", "2027-01-04T23:00:00+00:00"),  # half past nine in the evening
]


@pytest.mark.parametrize(("zone", "due", "morning"), NIGHTS)
def test_in_quiet_hours_a_start_is_put_off_to_the_contacts_morning(
    room: Runtime, zone: str, due: str, morning: str
) -> None:
    contact(room, 1, zone=zone)
    due_at, morning_at = datetime.fromisoformat(due), datetime.fromisoformat(morning)
    live(room, (due_at - timedelta(seconds=30)).isoformat(), when=daily(due_at))
    sweep(room, 31, times=3)
    assert (told(room), states(room)) == ([], ["filled", "planned"])
    sweep(room, (morning_at - due_at).total_seconds() - 63)
    assert told(room) == []
    sweep(room, 62, times=2)
    assert len(told(room)) == 1


def test_what_a_run_says_unasked_in_the_evening_waits_for_the_morning_and_so_does_its_time_limit(room: Runtime) -> None:
    contact(room, 1)
    steps = {
        "due": placed("schedule", {"number": "keys", "when": DAILY, "audience": {"by": "segment", "segment": "all"}},
                      next="ask"),
        "ask": asks("Are you there?", to="thanks", timed_out="again", time_limit_seconds=12 * 3_600),
        "again": sends("Still?", wait_for="accepted", to="end", failure="failed"),
        "thanks": sends("Thanks"),
        "failed": sends("Failed: {{ error.kind }}"),
    }  # fmt: skip
    at(room, MONDAY)
    room.publish(drawn("Newsletter", steps))
    sweep(room)
    sweep(room, 31, times=3)
    assert room.provider.texts == ["Are you there?"]
    sweep(room, 12 * 3_600)  # 22:00
    assert room.provider.texts == ["Are you there?"]
    sweep(room, 9 * 3_600)  # 7:00, and nothing has timed out meanwhile
    assert room.provider.texts == ["Are you there?"]
    sweep(room, 3_700)
    assert room.provider.texts == ["Are you there?", "Still?"]
    assert room.outcomes() == ["completed"]


MAIL = {"credential": "mail", "to": ["anna@example.com"], "subject": {"en": "News"}, "text": {"en": "News"}}
NOTE = {"by": {"means": "email", "credential": "mail", "to": ["team@acme.example"]}, "text": "It is night"}


def writes_after_twelve_hours(room: Runtime, step: dict[str, Any]) -> None:
    """Monday, 22:00: a run that a schedule has begun in the morning comes to this step."""
    steps = {
        "due": placed("schedule", {"number": "keys", "when": DAILY, "audience": {"by": "segment", "segment": "all"}},
                      next="wait"),
        "wait": placed("wait", {"seconds": 12 * 3_600}, done="it"),
        "it": step,
    }  # fmt: skip
    contact(room, 1)
    at(room, MONDAY)
    room.publish(drawn("Newsletter", steps))
    sweep(room)
    sweep(room, 31, times=3)
    sweep(room, 12 * 3_600)


@pytest.mark.parametrize(("means", "hours"), [("customer", 10), ("team", 0)])
def test_an_e_mail_that_a_run_sends_unasked_waits_for_the_morning_too(room: Runtime, means: str, hours: int) -> None:
    to_customer = placed("send_email", MAIL, success="end")
    writes_after_twelve_hours(room, to_customer if means == "customer" else placed("notify_team", NOTE, success="end"))
    query = "SELECT next_attempt_at - created_at AS later FROM effects WHERE kind = 'send_email'"
    assert round(room.column(query)[0] / 3_600_000_000) == hours
    if hours:
        sweep(room, 3_600)
        assert room.column("SELECT status FROM runs") == ["waiting"], "its own time limit is put off as well"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE contacts SET consent = 'withdrawn'", NO_CONSENT),
        ("UPDATE addresses SET opted_out_at = 5", OPTED_OUT),
        ("UPDATE runs SET outcome = outcome", ""),
    ],
)
@pytest.mark.parametrize("way", ["e-mail", "message"])
def test_what_waits_for_the_morning_does_not_leave_when_they_withdraw_in_the_night(
    room: Runtime, monkeypatch: pytest.MonkeyPatch, way: str, change: str, why: str
) -> None:
    monkeypatch.setattr(threads, "_EVERY_SECONDS", 0.0)
    mails = placed("send_email", MAIL, success="end", failure="end")
    writes_after_twelve_hours(room, mails if way == "e-mail" else sends("News", failure="end"))
    room.execute(change)
    sweep(room, 10 * 3_600)

    def settled() -> bool:
        room.processes[0].runner.wake()
        return room.column("SELECT settled_at IS NULL AS open FROM effects") == [False]

    until(settled, "what was said is settled")
    missing = "There is no credential “mail” of the kind smtp, or its secret is missing."  # so it would have left
    assert room.column("SELECT error FROM effects") == [why or (missing if way == "e-mail" else "")]
    assert room.provider.texts == ([] if why or way == "e-mail" else ["News"])


def test_what_was_put_off_leaves_at_once_and_in_its_order_when_they_write(room: Runtime) -> None:
    writes_after_twelve_hours(room, asks("News?", to="end", time_limit_seconds=ONE_DAY))
    assert room.provider.texts == []
    room.write("Hello?", contact="+48600200001")
    room.drive()
    assert room.provider.texts == ["News?"]


def test_what_was_put_off_is_paced_in_the_morning(room: Runtime) -> None:
    room.execute("UPDATE numbers SET rate_per_second = 0.01, burst = 1 WHERE name = 'keys'")
    for n in (2, 3):
        contact(room, n)
    writes_after_twelve_hours(room, sends("News"))
    assert told(room) == []
    counts = []
    for seconds in (10 * 3_600, 101, 101):
        sweep(room, seconds)
        counts.append(len(told(room)))
    assert counts == [1, 2, 3]


def test_what_its_number_has_not_sent_by_the_evening_waits_for_the_morning(room: Runtime) -> None:
    room.execute("UPDATE numbers SET rate_per_second = 0.01, burst = 1 WHERE name = 'keys'")
    for n in range(3):
        contact(room, n)
    live(room, "2027-01-04T20:58:30+00:00", when={"by": "cron", "expression": "59 20 * * *"}, per_minute=600)
    counts = []
    for seconds in (31, 300, 11 * 3_600, 101):  # 20:59, 21:04, 8:04
        sweep(room, seconds, times=3)
        counts.append(len(told(room)))
    assert counts == [1, 1, 2, 3]


def test_who_has_answered_is_answered_at_night_too(room: Runtime) -> None:
    address = contact(room, 1)
    live(room, to="ask")
    sweep(room, 31, times=3)
    room.move_clock(12 * 3_600)
    room.write("yes", contact=address)
    room.drive()
    assert room.provider.texts == ["News?", "News"]


# a run whose state cannot be read, or not by this version


@pytest.mark.parametrize("state", ["'{}'", """replace(state, '"id":', '"hue":"red","id":')"""])
@pytest.mark.parametrize(("consent", "error"), [("given", ""), ("withdrawn", NO_CONSENT)])
def test_an_odd_run_stops_no_worker_and_still_needs_consent(
    room: Runtime, state: str, consent: str, error: str
) -> None:
    writes_after_twelve_hours(room, sends("News"))
    room.execute(f"UPDATE runs SET state = {state}")  # noqa: S608 - from above
    room.execute("UPDATE contacts SET consent = :consent", consent=consent)
    sweep(room, 10 * 3_600)
    assert room.column("SELECT error FROM effects") == [error]
    assert len(told(room)) == (not error)


# one night after the other


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
