"""The runner's promises: who is begun, charged, left out by the fence, and in which order (RUNNER.md, "Lessons")."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import leaving
from app.config import Settings
from app.directory import Directory
from app.handled import Outgoing
from app.runner import claiming
from app.scene import set_scene
from app.store.commits import commit
from app.store.loading import Held, begin, load
from app.turns import TurnUnderWay
from flows.ask import Request
from tests.app.api import Api
from tests.app.drawn import drawn, echo, fetches, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import Killed, die_at, until

POISON = "poison"


def contact(n: int) -> str:
    return f"+486000{n:05}"


def attempts_of(room: Runtime, event_id: int) -> tuple[int, int]:
    row = room.one("SELECT attempts, charged FROM inbound_events WHERE id = :id", id=event_id)
    return row["attempts"], row["charged"]


# one bad turn


@pytest.fixture
def unstorable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers to poison cannot be stored: a lone surrogate that came past every door."""
    real = leaving.outgoing

    def outgoing(*args: Any, **kwargs: Any) -> Outgoing:
        made = real(*args, **kwargs)
        return replace(made, text="\ud800") if POISON in made.text else made

    monkeypatch.setattr(leaving, "outgoing", outgoing)


def test_one_bad_turn_spoils_not_its_group_and_gets_a_pause(room: Runtime, unstorable: None) -> None:
    room.publish(echo("keys"))
    bad = room.write(POISON, contact=contact(0))
    for n in range(1, 6):
        room.write("hello", contact=contact(n))
    room.drive()
    assert room.provider.texts == ["echo hello"] * 5
    assert attempts_of(room, bad.event_id) == (1, 1)
    assert room.conversation(bad.conversation_id)["not_before_at"] is not None


def test_an_event_that_always_fails_is_set_aside_after_three_attempts_and_people_get_it(
    room: Runtime, unstorable: None
) -> None:
    room.publish(echo("keys"))
    bad = room.write(POISON)
    for _ in range(3):
        room.drive()
        assert room.entries() == []
        room.move_clock(10)
    room.write("hello")
    room.drive()
    assert room.entries() == [("people", "waiting")]
    assert room.one("SELECT state FROM inbound_events WHERE id = :id", id=bad.event_id)["state"] == "set_aside"
    assert attempts_of(room, bad.event_id)[0] == 4, "three that failed, and the one that set it aside"
    assert room.problems() == ["set_aside"]
    assert room.said(bad.conversation_id) == [POISON, "hello"], "what came later is shown to people"
    room.act(bad.conversation_id, "agent_closed")
    room.drive()
    room.write("hello again")
    room.drive()
    assert room.provider.texts == ["echo hello again"]


@pytest.fixture
def deadly(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Poison kills its process; how many attempts under way were seen at each of its deaths."""
    real, together = TurnUnderWay.start, []

    def start(turn: TurnUnderWay) -> Request | None:
        if turn.held.charged < 3 and any(POISON in event.happened for event in turn.held.events):
            together.append(turn.held.attempts)
            raise Killed
        return real(turn)

    monkeypatch.setattr(TurnUnderWay, "start", start)
    return together


def test_a_poison_event_is_set_aside_and_innocents_are_neither_lost_nor_charged(
    room: Runtime, deadly: list[int]
) -> None:
    room.publish(echo("keys"))
    room.write(POISON, contact=contact(0))
    for n in range(1, 8):
        room.write("hello", contact=contact(n))
    for _ in range(10):
        process = room.start()
        until(lambda process=process: not process.alive or not room.due(), "it dies or has done everything")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        if process.alive:
            break
        process.kill()
    room.drive()
    assert room.provider.texts == ["echo hello"] * 7
    assert deadly == [1, 2, 3, 4, 5, 6, 7], "four kills that may be anybody's, then three of its own"
    assert room.column("SELECT state FROM inbound_events ORDER BY id") == ["set_aside"] + ["done"] * 7
    assert room.one("SELECT max(charged) AS most FROM inbound_events WHERE state = 'done'")["most"] <= 1


@pytest.mark.parametrize(("attempts", "company"), [(1, 22), (2, 16), (3, 4), (4, 1), (9, 1)])
def test_what_was_killed_more_often_begins_in_smaller_company(
    room: Runtime, monkeypatch: pytest.MonkeyPatch, attempts: int, company: int
) -> None:
    room.publish(echo("keys"))
    puts = [room.write("hello", contact=contact(n)) for n in range(22)]
    for put in puts[:20]:
        room.execute("UPDATE inbound_events SET attempts = :n WHERE id = :id", id=put.event_id, n=attempts)
    seen: dict[int, int] = {}
    real = TurnUnderWay.start

    def start(turn: TurnUnderWay) -> Request | None:
        seen[turn.held.events[0].id] = sum(work.turn is not None for work in process.runner._works.values())
        return real(turn)

    monkeypatch.setattr(TurnUnderWay, "start", start)
    monkeypatch.setattr(claiming, "_FIRST_CLAIM", 64)
    process = room.start()
    room.drive()
    assert max(seen[put.event_id] for put in puts[:20]) == company
    assert len(room.provider.texts) == 22


def test_who_must_be_alone_waits_until_the_process_has_lived_for_a_while(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.publish(echo("keys"))
    puts = [room.write("hello", contact=contact(n)) for n in range(12)]
    for put in puts[:10]:  # more than a young process claims at first
        room.execute("UPDATE inbound_events SET attempts = 4 WHERE id = :id", id=put.event_id)
    monkeypatch.setattr(claiming, "SETTLED_SECONDS", 1_000.0)
    room.start()
    until(lambda: len(room.provider.texts) == 2, "those behind them are answered")
    assert room.one("SELECT max(attempts) AS most FROM inbound_events")["most"] == 4
    monkeypatch.setattr(claiming, "SETTLED_SECONDS", 0.0)
    room.drive()
    assert len(room.provider.texts) == 12


def test_a_process_claims_few_conversations_at_first_and_then_ever_more(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.publish(echo("keys"))
    for n in range(24):
        room.write("hello", contact=contact(n))
    groups: list[int] = []
    real = load

    def load_and_note(session: Session, ids: Sequence[int], most: int) -> list[Held]:
        groups.append(len(ids))
        return real(session, ids, most)

    monkeypatch.setattr(claiming, "load", load_and_note)
    room.start()
    room.drive()
    assert groups[:2] == [8, 16], "after a crash the first answers leave soon"
    assert len(room.provider.texts) == 24


# the fence


def taken(room: Runtime, conversation_id: int) -> tuple[Held, TurnUnderWay]:
    """A turn under way, as some process has it."""
    directory = Directory(room.house.key, "http://test")
    with room.house.database.transaction() as session:
        (held,) = load(session, [conversation_id], 0)
        begin(session, [held], alone=True)
        turn = TurnUnderWay(set_scene(session, held, directory), room.house.steps, room.house.limits)
    assert turn.start() is None
    return held, turn


def test_of_two_executions_one_commits_and_the_other_leaves_no_trace(room: Runtime) -> None:
    room.publish(echo("keys"))
    put = room.write("hello")
    (_, first), (_, second) = taken(room, put.conversation_id), taken(room, put.conversation_id)
    tables = ("runs", "turns", "messages", "effects", "step_counts", "inbound_events", "conversations")
    with room.house.database.transaction() as session:
        assert commit(session, [first.handled])[0] == {put.conversation_id}
    before = {table: room.rows(f"SELECT * FROM {table}") for table in tables}  # noqa: S608 - a constant
    with room.house.database.transaction() as session:
        survivors, unsent = commit(session, [second.handled])
    assert (survivors, unsent) == (set(), [])
    assert {table: room.rows(f"SELECT * FROM {table}") for table in tables} == before  # noqa: S608 - a constant
    room.drive()
    assert room.provider.texts == ["echo hello"]


def test_in_a_group_only_who_lost_the_fence_is_left_out(room: Runtime) -> None:
    room.publish(echo("keys"))
    puts = [room.write("hello", contact=contact(n)) for n in range(3)]
    turns = [taken(room, put.conversation_id)[1] for put in puts]
    room.execute("UPDATE conversations SET fence = fence + 1 WHERE id = :id", id=puts[1].conversation_id)
    with room.house.database.transaction() as session:
        survivors, unsent = commit(session, [turn.handled for turn in turns])
    assert survivors == {puts[0].conversation_id, puts[2].conversation_id}
    assert {one.conversation_id for one in unsent} == survivors
    room.drive()
    assert len(room.provider.texts) == 3


def test_a_process_that_was_taken_over_in_the_middle_of_a_turn_changes_nothing(room: Runtime, api: Api) -> None:
    room.publish(
        drawn("Slow", {"in": starts_with("keys", "a"), "a": fetches(api.url("/slow"), "out"), "out": sends("done")})
    )
    frozen = room.start()
    put = room.write("hello")
    frozen.runner.wake()
    until(lambda: api.requests, "the request is under way")
    room.execute("UPDATE conversations SET fence = fence + 1 WHERE id = :id", id=put.conversation_id)
    api.released.set()
    room.drive()
    assert room.provider.texts == ["done"]
    assert room.outcomes() == ["completed"]
    assert len(api.requests) == 2, "the turn was walked twice and committed once"


# several processes, several conversations


def test_two_processes_take_each_conversation_once(room: Runtime) -> None:
    room.publish(echo("keys"))
    for n in range(40):
        room.write(f"m{n}", contact=contact(n))
    room.start()
    room.start()
    room.drive()
    assert sorted(room.provider.texts) == sorted(f"echo m{n}" for n in range(40))
    assert room.one("SELECT max(attempts) AS most FROM inbound_events")["most"] == 1
    assert len(room.provider.attempts) == 40


def test_fifty_messages_of_one_contact_at_once_are_answered_in_order(runtime_settings: Settings, doubles: None) -> None:
    with runtime(runtime_settings, messages_per_minute=0) as room:
        room.publish(echo("keys"))
        room.start()
        room.start()
        puts = [room.write(f"m{n}") for n in range(50)]
        room.drive()
        assert room.provider.texts == [f"echo m{n}" for n in range(50)]
        assert [put.conversation_id for put in puts] == [puts[0].conversation_id] * 50
        assert room.column("SELECT seq FROM inbound_events ORDER BY id") == list(range(1, 51))


def test_a_later_messages_answer_never_overtakes_one_that_is_tried_again(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.provider.plans.append("later")
    room.write("one")
    room.drive()
    room.write("two")
    room.drive()
    assert room.provider.texts == []
    room.move_clock(5)
    room.drive()
    assert room.provider.texts == ["echo one", "echo two"]


@pytest.mark.parametrize(
    "name",
    [
        "begin:counted",
        "commit:before",
        "commit:fenced",
        "commit:written",
        "commit:after",
        "send:marked",
        "settle:before",
        "settle:after",
    ],
)
def test_a_kill_at_any_point_of_a_turn_loses_nothing_and_repeats_nothing(room: Runtime, name: str) -> None:
    room.publish(echo("keys"))
    for n in range(3):
        room.write(f"m{n}", contact=contact(n))
    die_at(name)
    room.start().wait_until_dead()
    room.move_clock(3)
    room.drive()
    assert sorted(room.provider.texts) == ["echo m0", "echo m1", "echo m2"]
    assert room.outcomes() == ["completed"] * 3


# waiting, stopping, losing


def test_one_slow_api_does_not_take_all_threads(runtime_settings: Settings, doubles: None, api: Api) -> None:
    hosts = frozenset({("127.0.0.1", api.port)})
    with runtime(runtime_settings, allowed_private_hosts=hosts, host_slots=2, ask_threads=4) as room:
        steps = {"in": starts_with("keys", "a"), "a": fetches(api.url("/slow"), "out"), "out": sends("slow")}
        room.publish(drawn("Slow", steps))
        room.publish(echo("confirming", "Quick"))
        process = room.start()
        for n in range(6):
            room.write("hello", contact=contact(n))
        process.runner.wake()
        until(lambda: len(api.requests) == 2, "the host's slots are taken")
        room.write("hello", "confirming", contact=contact(99))
        process.runner.wake()
        until(lambda: room.provider.texts == ["echo hello"], "the other flow is answered")
        assert len(api.requests) == 2
        api.released.set()
        room.drive()
        assert room.provider.texts.count("slow") == 6


def test_a_process_told_to_stop_finishes_what_it_began_and_takes_nothing_new(room: Runtime, api: Api) -> None:
    steps = {"in": starts_with("keys", "a"), "a": fetches(api.url("/slow"), "out"), "out": sends("done")}
    room.publish(drawn("Slow", steps))
    process = room.start()
    room.write("hello")
    process.runner.wake()
    until(lambda: api.requests, "the request is under way")
    process.runner.stop()
    late = room.write("hello", contact=contact(1))
    api.released.set()
    process.stop()
    assert process.died_of is None
    assert room.outcomes() == ["completed"]
    assert attempts_of(room, late.event_id) == (0, 0)
