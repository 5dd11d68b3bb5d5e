"""The web process takes a call's turn by the worker's own rules."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.inbox import Put
from app.runner import take_one, taking
from tests.app.api import Api
from tests.app.drawn import Document, drawn, fetches, placed
from tests.app.house import Runtime
from tests.app.processes import until
from tests.app.test_call_turns import calls, document


def hotline(api: Api) -> Document:
    """Asks a slow API and greets."""
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="a"),
        "a": fetches(api.url("/slow"), "hello"),
        "hello": placed("say", {"text": {"en": "Welcome."}}, next="end"),
    }
    return drawn("Hotline", steps)


@contextmanager
def being_taken(room: Runtime, put: Put) -> Iterator[list[bool]]:
    """A web process is about to take the conversation's turn; at the end, whether it did."""
    took: list[bool] = []
    thread = threading.Thread(target=lambda: took.append(take_one(room.house, put.conversation_id)))
    thread.start()
    try:
        yield took
    finally:
        thread.join(15)


def test_its_heart_beats_while_a_turn_waits(room: Runtime, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taking, "_BEAT_SECONDS", 0.02)
    room.publish(hotline(api))
    with being_taken(room, calls(room)) as took:
        until(lambda: api.requests, "the request is under way")
        first = room.one("SELECT heartbeat_at FROM workers")["heartbeat_at"]
        until(lambda: room.one("SELECT heartbeat_at FROM workers")["heartbeat_at"] > first, "it beats")
        api.released.set()
    assert took == [True]


def test_what_was_tried_twice_is_left_to_the_workers(room: Runtime, api: Api) -> None:
    room.publish(hotline(api))
    api.released.set()
    put = calls(room)
    room.execute("UPDATE inbound_events SET attempts = 2 WHERE id = :id", id=put.event_id)
    assert take_one(room.house, put.conversation_id)
    assert room.rows("SELECT document FROM call_documents") == []
    room.drive()
    assert "Welcome." in document(room, 0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_who_loses_the_locks_in_a_turn_writes_nothing_and_opens_others(room: Runtime, api: Api) -> None:
    room.publish(hotline(api))
    put = calls(room)
    with being_taken(room, put) as took:
        until(lambda: api.requests, "the request is under way")
        (pid,) = room.column("SELECT server_pid FROM workers")
        room.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=pid)
        api.released.set()
    assert took == [False]
    assert room.rows("SELECT run_id FROM turns") == []
    assert take_one(room.house, put.conversation_id)
    assert "Welcome." in document(room, 0)


def test_fifty_calls_without_any_worker_are_answered(room: Runtime) -> None:
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="hello"),
        "hello": placed("say", {"text": {"en": "Welcome."}}, next="end"),
    }
    room.publish(drawn("Hotline", steps))
    puts = [calls(room, f"CA{n}") for n in range(50)]
    took: list[bool] = []

    def take(some: list[Put]) -> None:
        took.extend([take_one(room.house, put.conversation_id) for put in some])

    threads = [threading.Thread(target=take, args=(puts[n::8],)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert took == [True] * 50
    assert sum("Welcome." in document(room, 0, f"CA{n}") for n in range(50)) == 50
