"""How often the runner looks, what it takes in hand, and what a round costs (RUNNER.md, "The shape" and "Lessons")."""

import queue
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from app import lanes as lanes_module
from app.config import Settings
from app.lanes import LANES, Lanes
from app.locks import open_locks
from app.points import set_hook
from app.runner import Runner, loop
from app.runner.work import Delivered, Work
from app.store import claims
from app.store.commits import commit
from tests.app.api import Api, an_api
from tests.app.drawn import drawn, echo, fetches, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import Process, until


def contact(n: int) -> str:
    return f"+486000{n:05}"


def slow(url: str, number: str = "keys", name: str = "Slow") -> dict[str, Any]:
    """Asks before it answers."""
    return drawn(name, {"in": starts_with(number, "a"), "a": fetches(url, "out"), "out": sends("done")})


class Waits(queue.SimpleQueue[Any]):
    """A runner's queue of results that notes how long it is waited for, and never waits."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float | None] = []

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """Nothing."""
        self.seconds.append(timeout)
        raise queue.Empty


@pytest.mark.parametrize("busy", [False, True])
@pytest.mark.parametrize(("redis", "idle"), [("away", 0.5), ("there", 1.0), ("none", 0.5)])
def test_it_looks_every_20_ms_while_it_has_something_in_hand_else_every_second_or_half_without_redis(
    room: Runtime, redis_url: str, redis: str, idle: float, busy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = {"away": "redis://127.0.0.1:1", "there": redis_url, "none": None}[redis]
    monkeypatch.setattr(lanes_module, "_BREAKER_SECONDS", 0.0)  # it is tried again at every look, and still away
    lanes = Lanes(url)
    lanes.wake("turns")
    object.__setattr__(room.house, "lanes", lanes)
    room.processes.append(Process(room.house))
    runner = room.processes[0].runner
    waits = runner._results = Waits()
    if busy:
        runner._works[1] = Work(held=None)  # type: ignore[arg-type]  # nothing of it is looked at
    assert runner._gathered() == []
    assert waits.seconds == [0.02 if busy else idle]
    runner._works.clear()


def test_what_waits_for_nothing_but_a_message_on_its_way_makes_no_round_of_its_own(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.publish(echo("keys"))
    room.provider.plans.append("hold")
    process = room.start()
    room.write("one")
    process.runner.wake()
    until(lambda: room.provider.attempts, "the message is on its way")
    room.write("two")  # of the same contact: it is read again when the message is settled
    rounds = 0
    real = Runner.round

    def counted(runner: Runner, results: Any) -> None:
        nonlocal rounds
        rounds += 1
        real(runner, results)

    monkeypatch.setattr(Runner, "round", counted)
    time.sleep(0.5)  # rounds are counted, and a slow machine makes fewer
    assert 0 < rounds <= 30
    room.provider.released.set()
    room.drive()
    assert room.provider.texts == ["echo one", "echo two"]


class SeenLanes(Lanes):
    """Lanes that note when a flag is lowered, and with how much in hand."""

    def __init__(self) -> None:
        super().__init__(None)
        self.in_hand: Callable[[], int] = lambda: 0
        self.lowered: list[tuple[str, int]] = []

    def lower_flag(self, lane: str) -> None:
        """Notes it."""
        self.lowered.append((lane, self.in_hand()))


def test_the_flag_stays_up_while_anything_is_in_hand_and_is_lowered_before_the_read_that_may_let_it_sleep(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = SeenLanes()
    object.__setattr__(room.house, "lanes", lanes)
    room.publish(echo("keys"))
    room.provider.plans.append("hold")
    process = room.start()
    lanes.in_hand = lambda: len(process.locks.held)
    reads: list[int] = []
    real = claims.due

    def due(*args: Any) -> Any:
        reads.append(len(lanes.lowered))
        return real(*args)

    monkeypatch.setattr(claims, "due", due)
    until(lambda: reads, "it has looked")
    assert reads[0] >= len(LANES), "lowered first, read afterwards"
    room.write("hello")
    process.runner.wake()
    until(lambda: room.provider.attempts, "the message is on its way")
    before, looks = len(lanes.lowered), len(reads)
    until(lambda: len(reads) > looks + 2, "it looks by the clock")
    assert len(lanes.lowered) == before
    room.provider.released.set()
    room.drive()
    assert {count for _, count in lanes.lowered} == {0}
    assert {lane for lane, _ in lanes.lowered} == set(LANES)


def test_what_is_ready_together_is_committed_together(room: Runtime) -> None:
    room.publish(echo("keys"))
    for n in range(60):
        room.write("hello", contact=contact(n))
    passed: list[str] = []
    set_hook(passed.append)
    room.drive()
    set_hook(None)
    assert len(room.provider.texts) == 60
    assert passed.count("commit:after") <= 6
    assert passed.count("begin:counted") <= 6


@pytest.mark.parametrize(("in_hand", "gathered"), [(8, 1), (9, 2)])
def test_a_busy_runner_waits_three_milliseconds_for_what_comes_back_together(
    room: Runtime, in_hand: int, gathered: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.processes.append(Process(room.house))
    runner = room.processes[0].runner
    for n in range(in_hand):
        runner._works[n] = Work(held=None)  # type: ignore[arg-type]  # nothing of it is looked at
    first, second = Delivered(1, None), Delivered(2, None)
    runner._results.put(first)
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        runner._results.put(second)

    with monkeypatch.context() as patch:
        patch.setattr("app.machine.time.sleep", sleep)
        assert runner._gathered() == [first, second][:gathered]
    assert slept == [0.003] * (gathered - 1)
    runner._works.clear()


# what is claimed


def test_a_claim_is_stale_until_it_is_locked(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    room.publish(echo("keys"))
    put = room.write("hello")
    room.drive()
    room.processes[0].stop()
    stale = [[put.conversation_id]]  # as another process saw it a moment ago
    real = claims.due
    monkeypatch.setattr(claims, "due", lambda *given: stale.pop() if stale else real(*given))
    process = room.start()
    until(lambda: process.locks.taken, "it has taken the lock")
    until(lambda: not process.locks.held, "it has given it back")
    assert room.one("SELECT attempts, state FROM inbound_events") == {"attempts": 1, "state": "done"}
    assert len(room.provider.attempts) == 1


def test_conversations_that_others_hold_do_not_hide_the_rest(room: Runtime) -> None:
    room.publish(echo("keys"))
    others = open_locks(room.house.settings)
    held = [room.write("held", contact=contact(n)).conversation_id for n in range(150)]
    assert all(others.try_lock(one) for one in held)
    room.write("free", contact=contact(200))
    room.start()
    until(lambda: room.provider.texts == ["echo free"], "the newest is answered, the oldest are somebody's")
    others.close()
    room.drive()
    assert len(room.provider.texts) == 151


def test_a_slow_api_neither_makes_one_process_hold_all_nor_keeps_other_numbers_waiting(
    runtime_settings: Settings, doubles: None, api: Api
) -> None:
    with an_api() as other:
        hosts = frozenset({("127.0.0.1", api.port), ("127.0.0.1", other.port)})
        limits: Any = {"ask_threads": 2, "delivery_threads": 2, "host_slots": 1}
        with runtime(runtime_settings, allowed_private_hosts=hosts, **limits) as room:
            room.publish(slow(api.url("/slow")))
            room.publish(slow(other.url("/quick"), "lookup", "Quick"))
            for n in range(60):
                room.write("hello", contact=contact(n))
            process = room.start()
            until(lambda: len(api.requests) == 1, "its one slot is taken")
            until(lambda: len(process.locks.held) >= 5, "some wait for it")
            for n in range(10):
                room.write("hello", "lookup", contact=contact(100 + n))
                process.runner.wake()
                until(lambda n=n: len(room.provider.texts) > n, "the other number is answered", 5)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            assert len(process.locks.held) <= 10
            assert len(api.requests) == 1
            api.released.set()
            room.drive()
            assert len(room.provider.texts) == 70
            assert room.one("SELECT max(attempts) AS most FROM inbound_events")["most"] == 1


def test_what_one_process_holds_has_a_bound(runtime_settings: Settings, doubles: None, api: Api) -> None:
    hosts = frozenset({("127.0.0.1", api.port)})
    limits: Any = {"ask_threads": 2, "delivery_threads": 2, "host_slots": 1}
    with runtime(runtime_settings, allowed_private_hosts=hosts, **limits) as room:
        numbers = ["keys", "lookup", "neither", "confirming", "both"]
        for number in numbers:
            room.publish(slow(api.url("/slow"), number, number))
            for n in range(8):
                room.write("hello", number, contact=contact(n))
        process = room.start()
        until(lambda: len(process.locks.held) == loop._MOST_PARKED * 4, "it holds as many as it may")
        process.runner.wake()
        until(lambda: not process.runner._results.qsize(), "it has looked again")
        assert len(process.locks.held) == loop._MOST_PARKED * 4
        api.released.set()
        room.drive()


# what ends it, and what it holds


def test_a_lost_database_ends_the_process_and_charges_nobody(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    room.publish(echo("keys"))
    lost: list[int] = []

    def broken(*args: Any) -> Any:
        if not lost:
            lost.append(1)
            raise OperationalError("COMMIT", {}, OSError("the server closed the connection"))
        return commit(*args)

    monkeypatch.setattr("app.runner.endings.commit", broken)
    room.write("hello")
    process = room.start()
    process.runner.wake()
    process.wait_until_dead()
    assert isinstance(process.died_of, OperationalError)
    room.drive()
    assert room.provider.texts == ["echo hello"]
    assert room.one("SELECT attempts, charged FROM inbound_events") == {"attempts": 2, "charged": 0}


def test_a_commit_of_unknown_outcome_is_safe_to_abandon(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    room.publish(echo("lookup"))
    database = type(room.house.database)
    real, lost = database.retried, list[object]()

    def retried(self: Any, action: Any) -> Any:
        answer = real(self, action)
        if not lost:
            lost.append(answer)
            raise OperationalError("COMMIT", {}, OSError("the server closed the connection"))  # and yet it committed
        return answer

    monkeypatch.setattr(database, "retried", retried)
    room.write("hello", "lookup")
    process = room.start()
    process.runner.wake()
    process.wait_until_dead()
    room.drive()
    assert room.provider.texts == ["echo hello"]
    assert room.one("SELECT attempts, state FROM inbound_events") == {"attempts": 1, "state": "done"}


def test_no_connection_of_the_database_is_held_during_a_request_or_a_send(room: Runtime, api: Api) -> None:
    pool: Any = room.house.database.engine.pool
    room.publish(slow(api.url("/slow")))
    room.provider.plans.append("hold")
    process = room.start()
    room.write("hello")
    process.runner.wake()
    until(lambda: api.requests, "the request is under way")
    until(lambda: pool.checkedout() == 0, "nothing is held")
    api.released.set()
    until(lambda: room.provider.attempts, "the message is on its way")
    until(lambda: pool.checkedout() == 0, "nothing is held")
    room.provider.released.set()
    room.drive()
