"""The board says which conversation and step is computed since when, and nothing while nobody computes."""

import threading
import time
from typing import Any

import pytest

from app.board import Board, Computing, WatchedSteps
from flows.context import Context
from flows.step import Outcome
from steps.send_message import SendMessageStep
from tests.app.api import Api
from tests.app.drawn import drawn, fetches, sends, starts_with
from tests.app.house import Runtime, installed_steps
from tests.app.processes import until


def test_it_counts_from_the_entering_of_each_step() -> None:
    board = Board()
    steps = WatchedSteps(installed_steps(), board)
    assert board.now_computing() == Computing(0, 0, "")
    board.computing(7)
    assert steps.get("say") is installed_steps().get("say")
    time.sleep(0.5)
    first = board.now_computing()
    assert (first.conversation_id, first.step) == (7, "say")
    assert first.seconds >= 0.5
    assert steps.get("no_such_step") is None
    second = board.now_computing()
    assert (second.conversation_id, second.step) == (7, "no_such_step")
    assert second.seconds < first.seconds
    board.beat()
    assert board.now_computing() == Computing(0, 0, "")
    assert board.silent_seconds() < 5


def test_it_knows_what_runs_and_that_an_ask_and_a_send_are_nobodys_own_code(
    room: Runtime, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = {"in": starts_with("keys", "a"), "a": fetches(api.url("/slow"), "out"), "out": sends("done")}
    room.publish(drawn("Slow", steps))
    process = room.start()
    seen: list[Computing] = []
    real = SendMessageStep.run

    def run(step: Any, context: Context) -> Outcome:
        seen.append(process.board.now_computing())
        return real(step, context)

    monkeypatch.setattr(SendMessageStep, "run", run)
    put = room.write("hello")
    process.runner.wake()
    until(lambda: api.requests, "the request is under way")
    until(lambda: process.board.now_computing() == Computing(0, 0, ""), "nobody computes")
    room.provider.plans.append("hold")
    api.released.set()
    until(lambda: room.provider.attempts, "the message is on its way")
    until(lambda: process.board.now_computing() == Computing(0, 0, ""), "nobody computes")
    room.provider.released.set()
    room.drive()
    assert [(one.conversation_id, one.step) for one in seen] == [(put.conversation_id, "send_message")]


def test_a_step_in_another_thread_is_not_shown_as_computed_by_the_loop() -> None:
    board = Board()
    board.computing(7)
    board.beat()
    aside = threading.Thread(target=board.entering, args=("say",))
    aside.start()
    aside.join()
    assert board.now_computing().seconds == 0
    board.entering("say")
    assert board.now_computing().step == "say"
