"""Schedules: who is written to and when, each once, by day and only with consent; whatever dies in between."""

import json
from contextlib import suppress
from datetime import datetime
from typing import Any

import pytest

from app.contacts.merging import merge
from app.points import set_hook
from app.sweeper import Sweeper
from tests.app.drawn import asks, desk, drawn, starts_with
from tests.app.house import ANNA, Runtime
from tests.app.processes import Killed, die_at
from tests.app.schedules import DAILY, MONDAY, ONE_DAY, at, contact, live, newsletter, states, sweep, told


def test_each_contact_who_agrees_is_written_to_once_at_the_time(room: Runtime) -> None:
    addresses = [contact(room, n) for n in range(3)]
    live(room, per_minute=600)
    assert (told(room), states(room)) == ([], ["planned"])
    sweep(room, 31, times=4)
    assert sorted(told(room)) == addresses
    assert states(room) == ["filled", "planned"]
    sweep(room, 1, times=3)
    assert len(told(room)) == 3
    sweep(room, ONE_DAY, times=4)
    assert len(told(room)) == 6
    assert room.problems() == []


def test_no_schedule_writes_without_consent_or_to_who_has_opted_out(room: Runtime) -> None:
    contact(room, 1, consent="")
    contact(room, 2, consent="withdrawn")
    contact(room, 3, opted_out_at=5)
    contact(room, 4, kind="email")
    yes = contact(room, 5)
    live(room)
    sweep(room, 31, times=3)
    assert told(room) == [yes]
    reasons = room.column("SELECT reason FROM occurrence_contacts WHERE state = 'passed_over' ORDER BY contact_id")
    assert reasons == ["no consent", "consent withdrawn", *["no address that this number could write to"] * 2]


@pytest.mark.parametrize(
    "change", ["UPDATE contacts SET consent = 'withdrawn'", "UPDATE addresses SET opted_out_at = 5"]
)
def test_who_withdraws_between_occurrence_and_start_is_left_alone(room: Runtime, change: str) -> None:
    contact(room, 1)
    live(room)
    room.move_clock(31)
    sweeper = Sweeper(room.house)
    sweeper.sweep()  # they are written down
    room.execute(change)
    sweeper.sweep()
    room.drive()
    assert told(room) == []


def test_who_withdraws_while_their_start_waits_in_the_inbox_is_left_alone(room: Runtime) -> None:
    contact(room, 1)
    live(room)
    room.move_clock(31)
    sweeper = Sweeper(room.house)
    sweeper.sweep()
    sweeper.sweep()
    room.execute("UPDATE contacts SET consent = 'withdrawn'")
    room.drive()
    assert (told(room), room.outcomes()) == ([], [])


@pytest.mark.parametrize("when", ["before it is due", "before a contact's start"])
def test_a_schedule_that_cannot_go_on_stops_neither_sweeps_nor_others(room: Runtime, when: str) -> None:
    at(room, MONDAY)
    contact(room, 1)
    room.publish(newsletter(per_minute=1))
    contact(room, 2)
    sweep(room)
    if when == "before it is due":
        room.execute("UPDATE connections SET kind = 'uninstalled' WHERE name = 'keys'")
    sweep(room, 31, times=2)
    room.execute("UPDATE connections SET kind = 'uninstalled' WHERE name = 'keys'")
    sweeper = Sweeper(room.house)
    for _ in range(3):
        room.move_clock(61)
        sweeper.sweep()
    assert room.problems()[:1] == ["not_started"]
    assert room.column("SELECT count(*) FROM occurrence_contacts WHERE state = 'waiting'") == [0]
    room.execute("UPDATE connections SET kind = 'double_keys' WHERE name = 'keys'")


def test_a_schedule_that_cannot_be_planned_does_not_end_the_sweeper(room: Runtime, monkeypatch: Any) -> None:
    def broken(*_: object) -> None:
        raise KeyError("calendar")

    at(room, MONDAY)
    room.publish(newsletter())
    monkeypatch.setattr("app.schedules.planning.next_due", broken)
    sweep(room)
    assert states(room) == ["never"]
    monkeypatch.undo()
    sweep(room, ONE_DAY + 60)
    assert states(room)[-1:] == ["planned"]


def test_a_contact_who_was_started_is_not_started_again_as_who_they_are_merged_into(room: Runtime) -> None:
    at(room, MONDAY)
    first, _ = contact(room, 1), contact(room, 2)
    room.publish(newsletter(per_minute=1))
    sweep(room)
    sweep(room, 31, times=2)
    goes, keeps = room.column("SELECT id FROM contacts ORDER BY id")
    with room.house.database.transaction() as session:
        merge(session, keeps, goes)
    sweep(room, 121, times=3)
    assert told(room) == [first]


def test_starts_are_paced(room: Runtime) -> None:
    for n in range(5):
        contact(room, n)
    live(room, per_minute=2)
    sweep(room, 31, times=2)
    counts = []
    for _ in range(5):
        counts.append(len(told(room)))
        sweep(room, 30)
    assert counts == [1, 2, 3, 4, 5]


def test_a_contact_in_another_run_is_started_when_they_are_free(room: Runtime) -> None:
    address = contact(room, 1)
    room.publish(
        drawn("Ask", {"in": starts_with("keys", "ask"), "ask": asks("Your name?", time_limit_seconds=2_592_000)})
    )
    live(room)
    room.write("hi", contact=address)
    sweep(room, 31, times=3)
    assert room.provider.texts == ["Your name?"]
    room.write("Anna", contact=address)
    room.drive()
    assert room.provider.texts == ["Your name?", "News"]


def test_a_contact_with_people_is_left_out_where_the_schedule_says_so(room: Runtime) -> None:
    address = contact(room, 1)
    room.publish(desk("keys"))
    live(room, when_busy="reject")
    room.write("help", contact=address)
    sweep(room, 31, times=3)
    assert (room.provider.texts, room.problems()) == ([], ["already_running"])


def test_a_list_of_addresses_reaches_the_known_contacts_on_it(room: Runtime) -> None:
    addresses = [contact(room, n) for n in range(3)]
    spaced = f"{addresses[0][:3]} {addresses[0][3:6]}-{addresses[0][6:]} "  # as people write it
    live(room, audience={"by": "list", "addresses": [spaced, addresses[2], "+48999999999"]}, per_minute=600)
    sweep(room, 31, times=3)
    assert sorted(told(room)) == [addresses[0], addresses[2]]


@pytest.mark.parametrize(
    "audience", [{"by": "segment", "segment": "all"}, {"by": "list", "addresses": ["+48999999999"]}]
)
def test_an_empty_audience_is_told_to_people(room: Runtime, audience: dict[str, Any]) -> None:
    contact(room, 1, consent="")
    live(room, audience=audience)
    sweep(room, 31, times=2)
    assert (states(room), room.problems()) == (["empty", "planned"], ["empty_audience"])


@pytest.mark.parametrize(
    ("policy", "messages", "state"), [("skip", 0, "missed"), ("start", 1, "filled")], ids=["skip", "start"]
)
def test_a_window_that_was_missed_is_told_once_and_done_once_at_most_as_its_policy_says(
    room: Runtime, policy: str, messages: int, state: str
) -> None:
    contact(room, 1)
    live(room, when_missed=policy)
    sweep(room, 3 * ONE_DAY + 3 * 3_600, times=8)  # three times were due while nothing ran
    assert (len(told(room)), room.problems(), states(room)) == (messages, ["missed_window"], [state, "planned"])
    sweep(room, 21 * 3_600 + 60, times=3)  # the next morning at ten
    assert (len(told(room)), room.problems()) == (messages + 1, ["missed_window"])


EVERY_TEN_MINUTES = {"by": "cron", "expression": "*/10 * * * *"}


@pytest.mark.parametrize(
    ("when", "late_seconds", "away"), [(EVERY_TEN_MINUTES, 3_600, 3_000), (DAILY, 7 * ONE_DAY, 3 * ONE_DAY)]
)
def test_what_was_due_again_and_again_while_the_house_stood_still_is_done_once(
    room: Runtime, when: dict[str, Any], late_seconds: int, away: int
) -> None:
    contact(room, 1)
    live(room, when=when, late_seconds=late_seconds)
    sweep(room, away, times=8)
    assert (len(told(room)), states(room)) == (1, ["filled", "planned"])


def test_a_new_version_is_planned_anew_and_one_that_is_gone_starts_nothing(room: Runtime) -> None:
    contact(room, 1)
    live(room)
    room.publish(newsletter(when={"by": "cron", "expression": "0 11 * * *"}))
    sweep(room)
    assert states(room) == ["cancelled", "planned"]
    sweep(room, 31, times=2)
    assert told(room) == []
    room.execute("DELETE FROM live_numbers")
    sweep(room, 3_600, times=2)
    assert (told(room), states(room)) == ([], ["cancelled", "cancelled"])


def test_a_calendar_starts_it_each_time_it_opens(room: Runtime) -> None:
    contact(room, 1)
    day = [{"from": "10:00", "to": "12:00"}, {"from": "15:00", "to": "16:00"}]
    names = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
    _calendar(room, json.dumps({"zone": "UTC", "weekly": dict.fromkeys(names, day)}))
    live(room, when={"by": "calendar", "calendar": "shop"})
    due = room.column("SELECT due_at FROM occurrences")
    assert due == [int(datetime.fromisoformat("2027-01-04T10:00:00+00:00").timestamp()) * 1_000_000]
    sweep(room, 31, times=3)
    assert len(told(room)) == 1
    due = room.column("SELECT due_at FROM occurrences WHERE state = 'planned'")
    assert due == [int(datetime.fromisoformat("2027-01-04T15:00:00+00:00").timestamp()) * 1_000_000]


def _calendar(room: Runtime, definition: str) -> None:
    room.execute(
        "INSERT INTO calendars (name, title, definition, switched_to, switch_note, created_at)"
        " VALUES ('shop', '', :it, '', '', 1)",
        it=definition,
    )


def test_a_sweeper_killed_anywhere_and_a_second_one_start_each_contact_once(room: Runtime, monkeypatch: Any) -> None:
    monkeypatch.setattr("app.schedules.filling.BATCH", 3)
    addresses = [contact(room, n) for n in range(10)]
    live(room, per_minute=600)
    room.move_clock(31)
    for _ in range(8):
        die_at("schedule:written")
        for sweeper in (Sweeper(room.house), Sweeper(room.house)):
            with suppress(Killed):
                sweeper.sweep()
        set_hook(None)
        room.move_clock(1)
    room.drive()
    sweep(room, 1, times=3)
    assert sorted(told(room)) == addresses
    assert states(room)[0] == "filled"


def test_a_house_without_schedules_only_reads(room: Runtime) -> None:
    room.write("hello", contact=ANNA)
    sweep(room)
    assert room.rows("SELECT * FROM occurrences") == []
