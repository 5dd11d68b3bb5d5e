"""What leaves, how often, and what is known of it: the provider's own log is the witness (RELIABILITY §2, "Outbox")."""

import time
from dataclasses import replace

import pytest

from app import outbox
from app.channels.contract import OutgoingMessage, Sent
from app.db import now_microseconds
from app.machine import Machine
from app.outgoing import NotConnected
from app.points import set_hook
from tests.app.drawn import drawn, echo, sends, starts_with, three
from tests.app.house import Runtime
from tests.app.processes import Process, die_at, until
from tests.app.provider import Plan, Provider

DAY = 86_400.0
RECHECK = {"keys": 3.0, "lookup": 31.0, "neither": 31.0}


def states(room: Runtime) -> list[str]:
    return room.column("SELECT state FROM effects ORDER BY id")


def ranks(room: Runtime) -> list[int]:
    return room.column("SELECT rank FROM messages WHERE direction = 'out' ORDER BY id")


# an attempt without an answer

NO_ANSWER: list[tuple[str, Plan, int, str]] = [
    ("keys", "lose_answer", 1, "sent"),
    ("keys", "drop", 1, "sent"),
    ("lookup", "lose_answer", 1, "sent"),
    ("lookup", "drop", 1, "sent"),
    ("neither", "lose_answer", 1, "unknown"),
    ("neither", "drop", 0, "unknown"),
]


@pytest.mark.parametrize(("number", "plan", "taken", "state"), NO_ANSWER)
def test_a_message_without_an_answer_is_never_sent_twice(
    room: Runtime, number: str, plan: Plan, taken: int, state: str
) -> None:
    room.publish(echo(number))
    room.provider.plans.append(plan)
    room.write("hello", number)
    room.drive()
    room.move_clock(RECHECK[number])
    room.drive()
    assert len(room.provider.texts) == taken
    assert states(room) == [state]
    if number == "neither":
        assert room.problems() == ["outcome_unknown"]
        assert len(room.provider.attempts) == 1


@pytest.mark.parametrize(
    ("number", "taken", "state"), [("keys", 1, "sent"), ("lookup", 1, "sent"), ("neither", 1, "unknown")]
)
def test_a_kill_between_sending_and_the_answer_duplicates_nothing(
    room: Runtime, number: str, taken: int, state: str
) -> None:
    room.publish(echo(number))
    room.provider.plans.append("hold")  # the provider has it, its answer is under way
    process = room.start()
    room.write("hello", number)
    process.runner.wake()
    until(lambda: room.provider.taken, "the provider has the message")
    process.kill()
    room.drive()
    assert states(room) == ["sending"], "nobody may touch it yet"
    room.move_clock(RECHECK[number])
    room.drive()
    assert len(room.provider.taken) == taken
    assert states(room) == [state]


@pytest.mark.parametrize(
    ("number", "taken", "state"), [("keys", 1, "sent"), ("lookup", 1, "sent"), ("neither", 0, "unknown")]
)
def test_a_kill_before_the_request_left_loses_nothing_that_can_be_known(
    room: Runtime, number: str, taken: int, state: str
) -> None:
    room.publish(echo(number))
    die_at("send:marked")
    process = room.start()
    room.write("hello", number)
    process.runner.wake()
    process.wait_until_dead()
    assert states(room) == ["sending"]
    room.move_clock(RECHECK[number])
    room.drive()
    assert (len(room.provider.taken), states(room)) == (taken, [state])


def test_a_key_is_trusted_only_as_long_as_the_provider_keeps_it(room: Runtime) -> None:
    room.publish(echo("keys"))
    die_at("send:marked")
    process = room.start()
    room.write("hello")
    process.runner.wake()
    process.wait_until_dead()
    room.move_clock(3_700)
    room.drive()
    assert (states(room), room.provider.attempts) == (["unknown"], [])


def test_a_key_that_outlived_its_repeats_makes_no_duplicate(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.provider.plans.extend(["lose_answer", "drop", "drop", "drop", "drop", "drop", "drop", "drop"])
    room.write("hello")
    room.drive()
    for _ in range(8):
        room.move_clock(1_300)
        room.drive()
    assert states(room) == ["unknown"]
    first, last = room.provider.attempts[0], room.provider.attempts[-1]
    assert first.key == last.key
    assert len(room.provider.attempts) <= 4


def test_a_look_up_passes_by_what_other_messages_own(room: Runtime) -> None:
    room.publish(drawn("Same", {"in": starts_with("lookup", "out"), "out": sends("the same words")}))
    room.write("one", "lookup")
    room.drive()
    room.provider.plans.append("drop")
    room.write("two", "lookup")
    room.drive()
    room.move_clock(31)
    room.drive()
    assert room.provider.texts == ["the same words"] * 2
    assert len(set(room.column("SELECT provider_id FROM effects"))) == 2


def test_a_look_up_is_believed_only_after_thirty_seconds(room: Runtime) -> None:
    room.publish(echo("lookup"))
    room.provider.plans.append("drop")
    room.write("hello", "lookup")
    room.drive()
    room.move_clock(20)
    room.drive()
    assert (room.provider.lookups, len(room.provider.attempts)) == (0, 1)
    room.move_clock(11)
    room.drive()
    assert (room.provider.lookups, len(room.provider.attempts)) == (1, 2)


def test_a_provider_that_never_answers_gets_a_message_eight_times_at_most(room: Runtime) -> None:
    room.publish(echo("lookup"))
    room.provider.plans.extend(["drop"] * 20)
    room.write("hello", "lookup")
    for _ in range(20):
        room.drive()
        room.move_clock(31)
    room.drive()
    assert (len(room.provider.attempts), states(room)) == (8, ["unknown"])


def test_a_look_up_that_always_fails_holds_up_the_later_messages_for_five_minutes_only(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def find(*_: object) -> None:
        raise NotConnected("The list cannot be reached.", may_have_arrived=False)

    monkeypatch.setattr(Provider, "find", find)
    room.publish(three("lookup"))
    room.provider.plans.append("drop")
    room.write("hello", "lookup")
    for _ in range(9):
        room.drive()
        assert room.provider.texts == []
        room.move_clock(31)
    for _ in range(3):
        room.drive()
        room.move_clock(31)
    assert (states(room), room.provider.texts) == (["unknown", "sent", "sent"], ["second", "third"])


def test_one_look_up_that_comes_late_and_fails_is_not_the_last(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    find, away = Provider.find, [True, True]

    def find_later(provider: Provider, asked: OutgoingMessage, owned: frozenset[str]) -> Sent | None:
        if away:
            away.pop()
            raise NotConnected("The list cannot be reached.", may_have_arrived=False)
        return find(provider, asked, owned)

    monkeypatch.setattr(Provider, "find", find_later)
    room.publish(echo("lookup"))
    room.provider.plans.append("lose_answer")
    room.write("hello", "lookup")
    room.drive()
    room.move_clock(1_000)  # nobody was there to look it up
    for _ in range(3):
        room.drive()
        room.move_clock(31)
    assert (states(room), len(room.provider.taken), away) == (["sent"], 1, [])


def test_a_stale_mark_is_made_again_before_anything_leaves(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    room.publish(echo("neither"))
    marks = iter([True, True])

    def is_stale(age_seconds: float) -> bool:
        return next(marks, False)

    monkeypatch.setattr(outbox, "is_stale", is_stale)
    room.write("hello", "neither")
    room.drive()
    assert len(room.provider.attempts) == 1
    assert room.one("SELECT attempts, state FROM effects") == {"attempts": 3, "state": "sent"}


def test_a_process_that_stood_still_after_marking_marks_anew(room: Runtime) -> None:
    room.publish(echo("lookup"))
    machine, stood_still = Machine(), [0.0]
    machine.monotonic = lambda: time.monotonic() + stood_still[0]

    def stand_still(name: str) -> None:
        if name == "send:marked" and not stood_still[0]:
            stood_still[0] = 6.0

    set_hook(stand_still)
    room.write("hello", "lookup")
    room.processes.append(Process(replace(room.house, machine=machine)).start())
    room.drive()
    assert len(room.provider.attempts) == 1
    assert room.one("SELECT attempts, state FROM effects") == {"attempts": 2, "state": "sent"}


def test_a_mark_is_stale_after_five_seconds() -> None:
    assert not outbox.is_stale(4)
    assert outbox.is_stale(6)


# refusals and repeats


def test_a_refused_message_is_dead_and_raised_when_its_run_is_over(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.provider.plans.append("refuse")
    put = room.write("hello")
    room.drive()
    assert (states(room), ranks(room)) == (["dead"], [5])
    assert room.problems() == ["invalid_recipient"]
    assert room.entries() == [("people", "waiting")]
    assert room.conversation(put.conversation_id)["owner"] == "people"


def test_a_temporary_refusal_is_repeated_eight_times_over_a_day_and_then_dead(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.provider.plans.extend(["later"] * 20)
    room.write("hello")
    waited = 0.0
    while "dead" not in states(room):
        room.drive()
        due = room.one("SELECT (next_attempt_at - created_at) / 1000000.0 AS seconds FROM effects")["seconds"]
        room.move_clock(max(float(due) - waited, 0) + 0.01)
        waited = max(float(due), waited)
        assert waited < 2 * DAY
    assert len(room.provider.attempts) == 8
    assert 0.8 * DAY < waited < 1.2 * DAY
    assert room.problems() == ["provider_code"]


def test_a_provider_that_cannot_be_reached_is_tried_again_soon(room: Runtime) -> None:
    room.publish(echo("neither"))
    room.provider.plans.append("unreachable")
    room.write("hello", "neither")
    room.drive()
    room.move_clock(1)
    room.drive()
    assert (room.provider.texts, states(room)) == (["echo hello"], ["sent"])


def test_a_channel_that_breaks_spoils_only_its_message(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.provider.plans.append("break")
    room.write("one", contact="+48600000001")
    room.drive()
    room.write("two", contact="+48600000002")
    room.drive()
    assert states(room) == ["unknown", "sent"]


def test_a_page_of_ours_has_its_message_by_the_commit(room: Runtime) -> None:
    room.publish(echo("chat"))
    room.write("hello", "chat", contact="visitor-1")
    room.drive()
    assert (states(room), ranks(room), room.provider.attempts) == (["sent"], [4], [])


# our own crashes


def crash(room: Runtime) -> int:
    """The process dies when it has marked the message; in how many seconds that will be looked at again."""
    die_at("send:marked")
    room.start().wait_until_dead()
    with room.house.database.reading() as session:
        at = now_microseconds(session)
    return round((int(room.one("SELECT next_attempt_at FROM effects")["next_attempt_at"]) - at) / 1_000_000)


def test_our_own_crashes_do_not_lengthen_the_pause_after_a_refusal(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.write("hello")
    for _ in range(4):
        room.move_clock(crash(room) + 0.1)
    room.provider.plans.append("later")
    room.drive()
    assert room.one("SELECT attempts, failures, state FROM effects") == {
        "attempts": 5,
        "failures": 1,
        "state": "queued",
    }
    room.move_clock(1)
    room.drive()
    assert room.provider.texts == ["echo hello"], "the provider has refused it once only"


ENDLESS_CRASHES = [
    ("keys", [2] * 6 + [10, 60, 600, 3_600]),  # then the provider has forgotten its key
    ("lookup", [30] * 7 + [60, 600, 3_600, 21_600, 60_500, 60_500]),
]


@pytest.mark.parametrize(("number", "expected"), ENDLESS_CRASHES)
def test_a_message_that_ends_every_process_gets_the_pauses_and_in_the_end_people_decide(
    room: Runtime, number: str, expected: list[int]
) -> None:
    room.publish(echo(number))
    room.write("hello", number)
    pauses = []
    while (pause := crash(room)) and states(room) == ["sending"]:
        pauses.append(pause)
        room.move_clock(pause + 1)
    assert pauses == pytest.approx(expected, abs=1)
    assert (states(room), room.problems(), room.provider.attempts) == (["unknown"], ["outcome_unknown"], [])
