"""The calls' door: it waits for the document, helps itself, holds the line, and never answers 5xx."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.calling import Patience
from app.config import Settings
from app.house import House
from app.models import CallDocument, Clock, Conversation
from app.store.setbacks import note_hold_prompt
from app.web import hooks
from flows.effect import Say
from tests.twilio_house import (
    DOCUMENT,
    QUICK,
    TwilioHouse,
    a_call,
    a_worker,
    begin,
    document,
    is_fallback,
    twilio_house,
)

TURN = "https://patchbay.example/hooks/main/calls/turn?turn="


@pytest.fixture
def house(settings: Settings) -> Iterator[TwilioHouse]:
    with twilio_house(settings) as made:
        yield made


@dataclass
class Taker:
    """Stands in for app.runner.take_one: refuses `busy` times, then writes the documents of waiting turns."""

    busy: int = 0
    seconds: float = 0.0
    error: Exception | None = None
    asked: list[int] = field(default_factory=list)
    house: TwilioHouse | None = None

    def __call__(self, house: House, conversation_id: int) -> bool:
        """Whether it took the turn."""
        self.asked.append(conversation_id)
        time.sleep(self.seconds)
        if self.error is not None:
            raise self.error
        if len(self.asked) <= self.busy:
            return False
        assert self.house is not None
        self.house.write_document(self.house.events()[-1][1], DOCUMENT)
        return True


@contextmanager
def helped(settings: Settings, taker: Taker, patience: Patience = QUICK) -> Iterator[TwilioHouse]:
    with twilio_house(settings, taker, patience) as house:
        taker.house = house
        yield house


def test_a_call_is_answered_with_the_worker_s_document(house: TwilioHouse) -> None:
    with a_worker(house, "CA1:0"):
        assert document(house.post("calls", a_call())) == DOCUMENT
    assert house.events() == [("call_started", "CA1:0")]


def test_a_repeated_webhook_gets_the_same_document_and_runs_nothing_twice(house: TwilioHouse) -> None:
    with a_worker(house, "CA1:0"):
        house.post("calls", a_call())
    assert [document(house.post("calls", a_call(Extra=str(n)))) for n in range(3)] == [DOCUMENT] * 3
    assert house.events() == [("call_started", "CA1:0")]


def test_the_same_call_three_times_in_parallel_is_one_event_and_one_document(house: TwilioHouse) -> None:
    answers: list[TestResponse] = []
    threads = [threading.Thread(target=lambda: answers.append(house.post("calls", a_call()))) for _ in range(3)]
    with a_worker(house, "CA1:0"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert [document(answer) for answer in answers] == [DOCUMENT] * 3
    assert (house.count(Conversation), len(house.events())) == (1, 1)


def test_after_a_while_the_web_takes_the_turn_itself(settings: Settings) -> None:
    with helped(settings, Taker()) as house:
        assert document(house.post("calls", a_call())) == DOCUMENT


def test_a_busy_conversation_is_tried_again(settings: Settings) -> None:
    taker = Taker(busy=2)
    with helped(settings, taker) as house:
        assert document(house.post("calls", a_call())) == DOCUMENT
    assert len(taker.asked) >= 3
    assert len(set(taker.asked)) == 1


def test_a_worker_in_time_leaves_the_web_nothing_to_take(settings: Settings) -> None:
    taker = Taker()
    patience = Patience(help_after_seconds=3, give_up_seconds=5)
    with helped(settings, taker, patience) as house, a_worker(house, "CA1:0"):
        assert document(house.post("calls", a_call())) == DOCUMENT
    assert taker.asked == []


@pytest.mark.parametrize(
    "taker", [Taker(busy=1_000), Taker(busy=1_000, seconds=1.0), Taker(error=RuntimeError("a bug"))]
)
def test_a_turn_that_is_not_ready_holds_the_line(settings: Settings, taker: Taker) -> None:
    with helped(settings, taker) as house:
        started_at = time.monotonic()
        text = document(house.post("calls", a_call()))
        assert time.monotonic() - started_at < 10
    pause, redirect = '<Pause length="2" />', f'<Redirect method="POST">{TURN}0&amp;after=pause</Redirect>'
    assert text.endswith(f"<Response>{pause}{redirect}</Response>")


def test_the_way_back_from_holding_leads_to_the_same_turn(house: TwilioHouse) -> None:
    assert "turn=0" in document(house.post("calls", a_call()))
    house.write_document("CA1:0", DOCUMENT)
    assert document(house.post("calls/turn?turn=0&after=pause", a_call())) == DOCUMENT
    assert house.events() == [("call_started", "CA1:0")]


def test_what_a_slow_step_wants_said_is_spoken_meanwhile_in_its_language(house: TwilioHouse) -> None:
    assert "<Say" not in document(house.post("calls", a_call()))
    with house.house.database.transaction() as session:
        note_hold_prompt(session, 1, Say("Минутку.", "ru"))
    said = document(house.post("calls/turn?turn=0&after=pause", a_call()))
    assert '<Say language="ru-RU">Минутку.</Say><Pause length="2" />' in said


def test_a_turn_that_never_comes_ends_in_the_fallback(house: TwilioHouse) -> None:
    house.post("calls", a_call())
    with house.house.database.transaction() as session:
        clock = session.get(Clock, 1)
        assert clock is not None
        clock.offset_microseconds += 61_000_000
    assert is_fallback(document(house.post("calls/turn?turn=0&after=pause", a_call())))


TURNS = [
    ("turn=1&after=gather", {"Digits": "2"}, "keys_pressed"),
    ("turn=1&after=gather&empty=1", {}, "keys_pressed"),
    ("turn=1&after=dial", {"DialCallStatus": "busy"}, "dial_ended"),
    ("turn=1&after=pause", {}, "call_polled"),
]


@pytest.mark.parametrize(("query", "fields", "kind"), TURNS)
def test_a_later_turn_is_an_event_of_the_same_call(
    house: TwilioHouse, query: str, fields: dict[str, str], kind: str
) -> None:
    begin(house)
    with a_worker(house, "CA1:1", DOCUMENT.replace("Hello", "Turn 1")):
        assert "Turn 1" in document(house.post(f"calls/turn?{query}", a_call(**fields)))
    assert house.events() == [("call_started", "CA1:0"), (kind, "CA1:1")]
    assert house.count(Conversation) == 1


def test_of_a_gather_and_its_redirect_the_first_wins(house: TwilioHouse) -> None:
    begin(house)
    with a_worker(house, "CA1:1"):
        house.post("calls/turn?turn=1&after=gather", a_call(Digits="1"))
    assert document(house.post("calls/turn?turn=1&after=gather&empty=1", a_call())) == DOCUMENT
    assert len(house.events()) == 2


def test_an_old_turn_that_comes_late_gets_its_own_document(house: TwilioHouse) -> None:
    begin(house)
    for turn in (1, 2):
        with a_worker(house, f"CA1:{turn}", DOCUMENT.replace("Hello", f"Turn {turn}")):
            house.post(f"calls/turn?turn={turn}&after=pause", a_call())
    assert "Turn 1" in document(house.post("calls/turn?turn=1&after=gather", a_call(Digits="9")))
    assert document(house.post("calls", a_call())) == DOCUMENT
    assert len(house.events()) == 3


def test_a_turn_of_an_unknown_call_hears_the_fallback(house: TwilioHouse) -> None:
    assert is_fallback(document(house.post("calls/turn?turn=4&after=gather", a_call("CA404"))))
    assert house.events() == []


def test_the_end_of_a_call_may_come_before_its_beginning(house: TwilioHouse) -> None:
    assert house.post("calls/status", a_call(CallStatus="completed", CallDuration="7")).status_code == 200
    expected = [("call_started", "CA1:0"), ("caller_hung_up", "CA1:status:ended")]
    assert house.events() == expected
    house.write_document("CA1:0", DOCUMENT)
    assert document(house.post("calls", a_call())) == DOCUMENT
    assert house.events() == expected


def test_the_end_of_a_call_comes_once_however_often_it_is_told(house: TwilioHouse) -> None:
    begin(house)
    ended = document(house.post("calls/turn?turn=1&after=gather", a_call(CallStatus="completed")))
    assert "<Hangup />" in ended
    for _ in range(2):
        house.post("calls/status", a_call(CallStatus="completed"))
    assert [kind for kind, _ in house.events()] == ["call_started", "keys_pressed", "caller_hung_up"]


def test_the_door_makes_its_own_state_from_the_house(house: TwilioHouse) -> None:
    taker = Taker(house=house)
    app = Flask("another")
    app.extensions.update({"patchbay": house.house, "patchbay.take_one": taker})
    app.register_blueprint(hooks.blueprint)
    house.app = app
    assert document(house.post("calls", a_call())) == DOCUMENT
    assert len(taker.asked) == 1
    assert house.count(CallDocument) == 1
