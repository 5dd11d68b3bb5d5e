"""How messages leave: marked by their turn's own commit where that is safe, and no provider holds the others up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, event

from app.config import Settings
from app.store.sends import settle
from tests.app.api import Api, an_api
from tests.app.drawn import drawn, echo, fetches, placed, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import die_at, until
from tests.app.test_call_turns import calls, document


def contact(n: int) -> str:
    return f"+486000{n:05}"


def effects(room: Runtime) -> list[tuple[str, int]]:
    return [(row["state"], row["attempts"]) for row in room.rows("SELECT state, attempts FROM effects ORDER BY id")]


def committed_and_dead(room: Runtime, number: str) -> None:
    """A process commits the turn and dies before its first message leaves."""
    die_at("commit:after")
    process = room.start()
    room.write("hello", number)
    process.runner.wake()
    process.wait_until_dead()


# marked by the commit


@pytest.mark.parametrize(
    ("number", "born", "recheck"),
    [("keys", ("sending", 1), 3), ("lookup", ("queued", 0), 0), ("neither", ("queued", 0), 0)],
)
def test_a_turns_first_message_is_sending_by_its_commit_where_the_provider_ignores_a_repeated_key(
    room: Runtime, number: str, born: tuple[str, int], recheck: float
) -> None:
    steps = {"in": starts_with(number, "a"), "a": sends("first", to="b"), "b": sends("second")}
    room.publish(drawn("Two", steps))
    committed_and_dead(room, number)
    assert effects(room) == [born, ("queued", 0)]
    assert room.column("SELECT rank FROM messages WHERE direction = 'out' ORDER BY id") == [1 + born[1], 1]
    room.move_clock(recheck)
    room.drive()
    assert room.provider.texts == ["first", "second"]
    assert effects(room) == [("sent", born[1] + 1), ("sent", 1)], "what was resumed is marked again before it leaves"


def test_a_message_marked_by_a_commit_waits_its_time_when_another_process_finds_it(room: Runtime) -> None:
    room.publish(echo("keys"))
    committed_and_dead(room, "keys")
    room.write("again")
    room.drive()
    assert room.provider.texts == []
    room.move_clock(3)
    room.drive()
    assert room.provider.texts == ["echo hello", "echo again"]


@pytest.mark.parametrize(
    "limit",
    ["rate_per_second = 0.1, burst = 1, paced_until_at = 9000000000000000", "blocked_until_at = 9000000000000000"],
)
def test_a_paced_numbers_message_is_not_marked_before_its_turn(room: Runtime, limit: str) -> None:
    room.publish(echo("keys"))
    room.execute(f"UPDATE numbers SET {limit} WHERE name = 'keys'")  # noqa: S608 - a row of the table above
    room.write("hello")
    room.drive()
    assert effects(room) == [("queued", 0)]
    assert room.provider.attempts == []


def test_a_message_behind_another_is_not_marked_before_its_turn(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.provider.plans.append("later")
    room.write("one")
    room.drive()
    room.write("two")
    room.drive()
    assert effects(room) == [("queued", 1), ("queued", 0)]


def test_who_has_opted_out_is_sent_nothing_by_a_commit_either(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.write("hello")
    room.drive()
    room.execute("UPDATE addresses SET opted_out_at = 1")
    room.write("again")
    room.drive()
    assert effects(room) == [("sent", 1), ("dead", 0)]
    assert len(room.provider.attempts) == 1


@contextmanager
def counted(room: Runtime) -> Iterator[list[str]]:
    """Every commit of the database meanwhile."""
    commits: list[str] = []

    def note(_: Connection) -> None:
        commits.append("commit")

    event.listen(room.house.database.engine, "commit", note)
    yield commits
    event.remove(room.house.database.engine, "commit", note)


def test_a_message_costs_four_commits_and_a_fifth_only_where_its_mark_must_wait_for_a_thread(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.publish(echo("lookup", "Other"))
    spent = {}
    for number in ("keys", "lookup"):
        with counted(room) as commits:
            room.write("hello", number)
            room.drive()
            spent[number] = len(commits)
    assert spent == {"keys": 4, "lookup": 5}, "inbox, begin, the turn, the mark, what came of it"
    assert effects(room) == [("sent", 1)] * 2


# what spoils one message spoils no other


def test_a_message_whose_channel_is_gone_is_dead_and_shown(room: Runtime) -> None:
    room.publish(echo("lookup"))
    room.publish(echo("keys", "Other"))
    room.provider.plans.append("later")
    room.write("hello", "lookup")
    room.drive()
    room.processes[0].kill()  # another process does not remember the connection
    room.execute("UPDATE connections SET kind = 'gone' WHERE name = 'lookup'")
    room.move_clock(5)
    room.write("hello", "keys")
    room.drive()
    assert room.provider.texts == ["echo hello"]
    assert room.column("SELECT state FROM effects ORDER BY id") == ["dead", "sent"]
    assert room.problems() == ["channel_disconnected"]


def test_what_came_of_one_message_that_cannot_be_stored_spoils_not_its_group(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(session: Any, settled: Any) -> set[int]:
        if any(one.unsent.to == "+48600000001" and one.outcome == "sent" for one in settled):
            raise ValueError("not to be stored")
        return settle(session, settled)

    monkeypatch.setattr("app.runner.deliveries.settle", spoiled)
    room.publish(echo("keys"))
    room.write("bad", contact="+48600000001")
    room.write("good", contact="+48600000002")
    process = room.start()
    process.runner.wake()
    until(lambda: not room.due() and not process.locks.held, "nothing is due any more")
    assert process.died_of is None
    assert sorted(room.column("SELECT state FROM effects")) == ["sent", "unknown"]


# one provider does not hold up the others


def test_a_slow_provider_holds_up_no_other_and_few_conversations_wait_for_it_in_hand(
    runtime_settings: Settings, doubles: None
) -> None:
    with runtime(runtime_settings, delivery_threads=4, ask_threads=4) as room:
        room.publish(echo("keys"))
        room.publish(echo("lookup", "Other"))
        room.provider.plans.extend(["hold"] * 3)
        process = room.start()
        for n in range(20):
            room.write("slow", contact=contact(n))
        process.runner.wake()
        until(lambda: len(room.provider.attempts) == 3, "its places are taken")
        until(lambda: len(process.locks.held) == 6, "as many again wait in hand, the others were given up")
        for n in range(5):
            room.write("quick", "lookup", contact=contact(100 + n))
        process.runner.wake()
        until(lambda: room.provider.texts.count("echo quick") == 5, "the others are answered")
        assert len(room.provider.attempts) == 8
        room.provider.released.set()
        room.drive()
        assert room.provider.texts.count("echo slow") == 20
        assert room.one("SELECT max(attempts) AS most FROM effects")["most"] == 1


def test_a_call_is_answered_though_slow_apis_of_messages_have_all_threads_and_all_room(
    runtime_settings: Settings, doubles: None, api: Api
) -> None:
    with an_api() as quick:
        hosts = frozenset({("127.0.0.1", api.port), ("127.0.0.1", quick.port)})
        limits: Any = {"ask_threads": 2, "delivery_threads": 1, "call_threads": 1, "host_slots": 8}
        with runtime(runtime_settings, allowed_private_hosts=hosts, **limits) as room:
            slow = {"in": starts_with("keys", "a"), "a": fetches(api.url("/slow"), "out"), "out": sends("slow")}
            room.publish(drawn("Slow", slow))
            hotline = {
                "in": placed("incoming_call", {"numbers": ["calls"]}, next="a"),
                "a": fetches(quick.url("/callers"), "hello"),
                "hello": placed("say", {"text": {"en": "Welcome."}}, next="end"),
            }
            room.publish(drawn("Hotline", hotline))
            for n in range(8):
                room.write("hello", contact=contact(n))
            process = room.start()
            until(lambda: len(api.requests) == 2 and len(process.locks.held) == 3, "threads and room are full")
            calls(room)
            process.runner.wake()
            until(lambda: room.rows("SELECT document FROM call_documents"), "the caller is answered")
            assert "Welcome." in document(room, 0)
            assert len(api.requests) == 2
            api.released.set()
            room.drive()
