"""A flow that other flows run is begun by itself: with the inputs it takes, as far as the outputs it gives back."""

from datetime import UTC, datetime
from typing import Any

import pytest

from flows.check import InstallationNames, check
from flows.document import Flow, from_data
from flows.player import Player, play
from flows.registry import Registry
from flows.testing import run_one
from flows.testing.running import Given

REGISTRY = Registry.discover(["steps"])
INPUTS = [
    {"name": "order", "type": "number", "required": True},
    {"name": "reason", "default": "this"},
    {"name": "day", "type": "date"},
]
REPLY = {
    "outcome": "told",
    "outputs": [{"name": "next", "value": "{{ order + 1 }}"}, {"name": "day", "value": "{{ day }}"}],
}
Turn = tuple[dict[str, Any], list[dict[str, Any]]]


def flow(media: str = "both", *turns: Turn, **more: Any) -> Flow:
    """Asks about an order, and gives back the number of the next one; told by voice on a call."""
    steps = {
        "begin": {
            "type": "called_by_flow",
            "name": "Begin",
            "config": {"inputs": INPUTS, "media": media},
            "exits": {"next": "where"},
        },
        "where": {
            "type": "branch",
            "config": {"cases": [_case("call", "{{ conversation.kind }}"), _case("tell", "{{ message.text }}")]},
            "exits": {"call": "say", "tell": "over", "otherwise": "ask"},
        },
        "say": {
            "type": "say",
            "config": {"text": {"en": "Order {{ order }} of {{ call.from }}"}},
            "exits": {"next": "over"},
        },
        "ask": {
            "type": "ask_question",
            "config": {"text": {"en": "Why {{ reason }}?"}, "answer": {"kind": "text"}, "variable": "why"},
            "exits": {"reply": "over", "invalid": "end", "timed_out": "end"},
        },
        "over": {"type": "end", "config": REPLY, "exits": {}},
    }
    test = {
        "id": "one",
        "name": "One",
        "turns": [{"event": event, "expect": expect} for event, expect in turns],
        **more,
    }
    return from_data({"format": 1, "name": "Asks", "languages": ["en"], "steps": steps, "tests": [test]})


def _case(word: str, value: str) -> dict[str, Any]:
    return {"id": word, "conditions": [{"value": value, "as": "text", "operator": "is", "operand": word}]}


ORDER = {"called": {"order": "41", "day": "2026-01-05"}}
GIVES: list[dict[str, Any]] = [{"ends": "told"}, {"outputs": {"next": 42, "day": "2026-01-05"}}]
PASSING: list[tuple[str, str, list[Turn]]] = [
    (
        "in a chat",
        "both",
        [(ORDER, [{"sent": ["Why this?"]}, {"waits": "ask"}]), ({"message": "so"}, [{"exit": "ask.reply"}, *GIVES])],
    ),
    ("an input instead of its default", "both", [({"called": {"order": 1, "reason": "x"}}, [{"sent": "Why x?"}])]),
    ("with what was written last", "messages", [({**ORDER, "latest_message": "tell"}, [{"silent": True}, *GIVES])]),
    ("on a call that the test says", "both", [({**ORDER, "medium": "call"}, [{"said": "Order 41 of +48600100200"}])]),
    ("on a call that the trigger says", "call", [(ORDER, [{"said": {"contains": "41"}}, {"visits": "begin"}])]),
    ("an outcome of none", "both", [(ORDER, []), ({"passes": "to the time limit"}, [{"ends": "completed"}])]),
    ("while it runs", "both", [(ORDER, []), (ORDER, [{"ignored": True}])]),
    ("twice", "both", [({**ORDER, "latest_message": "tell"}, GIVES), (ORDER, [{"waits": "ask"}])]),
]


@pytest.mark.parametrize(("media", "turns"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING])
def test_a_called_flow_is_tested_by_itself(media: str, turns: list[Turn]) -> None:
    told = run_one(flow(media, *turns), 0, Given(REGISTRY)).difference
    assert told is None, told.sentence


BROKEN: list[tuple[str, dict[str, Any], str, str]] = [
    ("both", {"called": {}}, "called.order", "The flow cannot begin without its input “order”: give it a value."),
    ("both", {"called": {"order": None}}, "called.order", "The flow cannot begin without its input “order”"),
    ("both", {"called": {"order": "many"}}, "called.order", "The input “order” does not fit: “many” is"),
    ("both", {"called": {"order": 1, "day": 5}}, "called.day", "The input “day” does not fit: “5” is"),
    ("both", {"called": {"order": 1, "hue": 5}}, "called.hue", "no such input; it takes order, reason, day."),
    ("both", {"called": {"order": 1, "x" * 90: 5}}, f"called.{'x' * 59}…", "The flow has no such input"),
    ("both", {"called": "order"}, "called", "needs to be a group of settings"),
    ("both", {"called": {"order": 1}, "medium": "mail"}, "medium", "needs to be one of “call”, “messages”"),
    ("messages", {**ORDER, "medium": "call"}, "medium", "“Begin” does not work on calls."),
    ("call", {**ORDER, "medium": "messages"}, "medium", "“Begin” does not work on messages."),
    ("moon", ORDER, "called", "“Begin” is not filled in: "),
]


@pytest.mark.parametrize(("media", "event", "place", "sentence"), BROKEN)
def test_what_a_called_flow_cannot_begin_with_is_a_sentence_with_its_place(
    media: str, event: dict[str, Any], place: str, sentence: str
) -> None:
    drawn = flow(media, (event, []))
    told = run_one(drawn, 0, Given(REGISTRY)).difference
    assert told is not None
    assert told.path == f"tests.0.turns.0.event.{place}"
    assert sentence in told.sentence
    found = [one for one in check(drawn, REGISTRY, InstallationNames()) if one.code == "test_broken"]
    assert [(one.field, sentence in one.sentence) for one in found] == [(told.path, True)]


def test_other_outputs_and_flows_that_nobody_runs_are_told() -> None:
    wrong = run_one(flow("call", (ORDER, [{"outputs": {"next": 43}}])), 0, Given(REGISTRY)).difference
    assert wrong is not None
    assert "expected the values given back next = 43, but there was next = 42." in wrong.sentence
    begin = {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "end"}}
    test = {"id": "one", "name": "One", "turns": [{"event": ORDER}]}
    plain = from_data({"format": 1, "name": "Plain", "languages": ["en"], "steps": {"in": begin}, "tests": [test]})
    started = run_one(plain, 0, Given(REGISTRY)).difference
    assert started is not None
    assert "because no trigger of the flow takes it" in started.sentence


def test_a_called_flow_is_played_by_itself() -> None:
    player = Player(flow(), REGISTRY, datetime(2026, 1, 5, 9, tzinfo=UTC))
    typed = ["/run [", '/run {"order": "many"}', '/run {"order": 41}', "so"]
    shown = list(play(player, typed))
    assert any("Other flows run this one: type /run" in line for line in shown)
    assert '! Inputs are an object, such as /run {"order": "A-17"}.' in shown
    assert any(line.startswith("! The input “order” does not fit") for line in shown)
    assert shown[-3:] == ["< Why this?", "(The run has ended: told.)", "(It gives back next = 42, day = .)"]
