from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from flows.document import from_data
from flows.effect import Dial, HangUp, Reject, SendMessage
from flows.event import ApiCalled, CallStarted, Event, Happening, KeysPressed, MessageReceived, ScheduleDue
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.run import Run, Turn
from flows.step import Claim, Trigger
from flows.wire import read, write
from tests.steps.visits import CALL, NOW, STEPS, Visit, context_of, facts_of, step_of

LINE = {"numbers": ["support-line"]}


def trigger(kind: str) -> Trigger:
    found = step_of(kind)
    assert isinstance(found, Trigger)
    return found


LET_IN: list[tuple[Mapping[str, Any], str, bool]] = [
    ({}, "+48500100100", True),
    ({}, "", True),
    ({"deny": ["+48 500 100 100"]}, "+48500100100", False),
    ({"deny": ["+48500*"]}, "+48500100100", False),
    ({"deny": ["+49*"]}, "+48500100100", True),
    ({"deny": ["anonymous"]}, "", False),
    ({"deny": ["anonymous"]}, "+48500100100", True),
    ({"allow": ["+48*"]}, "+48500100100", True),
    ({"allow": ["+48*"]}, "+49301234567", False),
    ({"allow": ["+48*"]}, "", False),
    ({"allow": ["+48*"], "deny": ["+48500100100"]}, "+48500100100", False),
]


@pytest.mark.parametrize(("config", "caller", "let_in"), LET_IN)
def test_a_caller_who_is_not_let_in_is_rejected_and_the_run_ends(
    config: Mapping[str, Any], caller: str, let_in: bool
) -> None:
    visit = Visit("incoming_call", {**LINE, **config}, on_call=True).feed(CallStarted("CA1", caller, "+48221234567"))
    assert visit.left_by == ("next" if let_in else "end")
    assert visit.effects == ([] if let_in else [Reject()])
    assert visit.run.outcome == ("completed" if let_in else "rejected")


@pytest.mark.parametrize(
    ("contact", "sets"), [({}, {"language": "pl"}), ({"language": "en"}, {}), ({"language": "de"}, {"language": "pl"})]
)
def test_a_triggers_language_is_for_callers_whose_own_the_flow_does_not_speak(
    contact: Mapping[str, Any], sets: Mapping[str, Any]
) -> None:
    assert Visit("incoming_call", {**LINE, "language": "pl"}, contact, on_call=True).feed(CALL).sets == sets


KEYWORDS = ("track my order", "stop it")
WORDS = {**LINE, "match": "keywords", "keywords": list(KEYWORDS), "priority": 7}
PICTURES = {**LINE, "match": "expression", "expression": "{{ message.text | length > 20 }}"}
CALLED = {**LINE, "schema": {"type": "object", "required": ["order"]}}
NEWS: Mapping[str, Any] = {
    "number": "support-line",
    "when": {"by": "cron", "expression": "0 10 * * *"},
    "audience": {"by": "segment", "segment": "all"},
}
MATCHES: list[tuple[str, Mapping[str, Any], Happening, int | None]] = [
    ("api_call", CALLED, ApiCalled(1, {"order": "A-17"}), 0),
    ("api_call", LINE, ApiCalled(1, ["anything"]), 0),
    ("api_call", CALLED, ApiCalled(1, {"parcel": "A-17"}), None),
    ("api_call", {**CALLED, "numbers": ["other"]}, ApiCalled(1, {"order": "A-17"}), None),
    ("api_call", LINE, MessageReceived("hello"), None),
    ("schedule", NEWS, ScheduleDue(1, "it", NOW), 0),
    ("schedule", NEWS, ScheduleDue(1, "another", NOW), None),
    ("schedule", {**NEWS, "number": "other"}, ScheduleDue(1, "it", NOW), None),
    ("schedule", NEWS, MessageReceived("hello"), None),
    ("called_by_flow", {}, MessageReceived("hello"), None),
    ("incoming_call", LINE, CALL, 1),
    ("incoming_call", {"numbers": ["other"]}, CALL, None),
    ("incoming_call", LINE, MessageReceived("hello"), None),
    ("incoming_message", LINE, MessageReceived("hello"), 0),
    ("incoming_message", {"numbers": ["other"]}, MessageReceived("hello"), None),
    ("incoming_message", LINE, CALL, None),
    ("incoming_message", WORDS, MessageReceived("Please TRACK my order."), 2_007),
    ("incoming_message", WORDS, MessageReceived("„Track\nmy order”"), 2_007),
    ("incoming_message", WORDS, MessageReceived("track orders"), None),
    ("incoming_message", {**WORDS, "keywords": ["order"], "mode": "prefix"}, MessageReceived("my orders"), 2_007),
    ("incoming_message", {**WORDS, "keywords": ["order"], "mode": "word"}, MessageReceived("my orders"), None),
    ("incoming_message", PICTURES, MessageReceived("a long text about many things"), 1_000),
    ("incoming_message", PICTURES, MessageReceived("short"), None),
    ("incoming_message", {**PICTURES, "expression": "{{ message.text * 2 }}"}, MessageReceived("x"), None),
    ("incoming_message", {**LINE, "match": "expression"}, MessageReceived("x"), None),
]


@pytest.mark.parametrize(("kind", "config", "happened", "fits"), MATCHES)
def test_a_trigger_says_how_well_an_event_fits(
    kind: str, config: Mapping[str, Any], happened: Happening, fits: int | None
) -> None:
    context = context_of(config, happened, facts_of(on_call=isinstance(happened, CallStarted)))
    assert trigger(kind).matches(config, context) == fits


CLAIMS: list[tuple[str, Mapping[str, Any], Claim]] = [
    ("api_call", CALLED, Claim("api", ("support-line",))),
    ("schedule", NEWS, Claim("schedule", ("support-line",))),
    ("incoming_call", LINE, Claim("calls", ("support-line",))),
    ("incoming_message", LINE, Claim("messages", ("support-line",))),
    ("incoming_message", WORDS, Claim("messages", ("support-line",), KEYWORDS, 7)),
    ("incoming_message", {**WORDS, "interrupts": True}, Claim("messages", ("support-line",), KEYWORDS, 7, True)),
]


@pytest.mark.parametrize(("kind", "config", "claim"), CLAIMS)
def test_a_trigger_claims_what_it_answers(kind: str, config: Mapping[str, Any], claim: Claim) -> None:
    assert list(trigger(kind).claims(config)) == [claim]


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        (LINE, []),
        (WORDS, []),
        ({**LINE, "match": "keywords"}, ["keywords_missing"]),
        ({**LINE, "match": "expression"}, ["expression_missing"]),
        ({**LINE, "interrupts": True}, ["interrupts_needs_words"]),
    ],
)
def test_a_trigger_that_cannot_start_anything_is_a_finding(config: Mapping[str, Any], codes: Sequence[str]) -> None:
    assert [problem.code for problem in trigger("incoming_message").problems(config)] == codes


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        ({"inputs": [{"name": "a", "default": "1"}, {"name": "b", "required": True}]}, []),
        ({"inputs": [{"name": "a", "required": True, "default": "1"}]}, ["default_unused"]),
        ({"inputs": [{"name": "a"}, {"name": "a"}]}, ["name_twice"]),
        ({"outputs": [{"name": "a"}, {"name": "b"}, {"name": "a"}]}, ["name_twice"]),
    ],
)
def test_inputs_and_outputs_that_cannot_be_meant_are_findings(config: Mapping[str, Any], codes: Sequence[str]) -> None:
    assert [problem.code for problem in trigger("called_by_flow").problems(config)] == codes


def long_call(minutes: float, longest_seconds: float) -> Turn:
    """A call that presses a key so many minutes after its start."""
    rows: Mapping[str, tuple[str, Mapping[str, Any], Mapping[str, str]]] = {
        "call": ("incoming_call", {**LINE, "maximum_duration_seconds": longest_seconds}, {"next": "menu"}),
        "menu": ("menu", {"prompt": {"en": "Press 1."}, "choices": [{"key": "1"}]}, {"key_1": "theirs"}),
        "theirs": ("forward_to_queue", {"target": {"sip": "sip:a@example.com"}}, {}),
        "missed": ("send_message", {"text": {"en": "Sorry."}, "wait_for": "nothing"}, {"success": "end"}),
    }
    placed = {name: {"type": kind, "config": config, "exits": exits} for name, (kind, config, exits) in rows.items()}
    flow = from_data({"format": 1, "name": "Long", "languages": ["en"], "on_hang_up": "missed", "steps": placed})
    facts = facts_of(on_call=True)
    began = Event(CALL, NOW, NOW, facts, "e")
    first = advance({"v1": flow}, begin("v1", flow, "call", began, "long"), began, Limits(), STEPS)
    later = NOW + timedelta(minutes=minutes)
    pressed = Event(KeysPressed("1"), later, later, facts, "e")
    return advance({"v1": flow}, read(Run, write(first.run)), pressed, Limits(), STEPS)


def test_a_call_that_lasts_too_long_is_ended_as_if_the_caller_had_hung_up() -> None:
    turn = long_call(minutes=10, longest_seconds=600)
    assert turn.effects == (HangUp(), SendMessage("Sorry.", language="en"))
    assert (turn.run.status, turn.run.call_ended) == ("ended", True)


def test_a_forwarded_call_gets_only_the_time_that_is_left() -> None:
    turn = long_call(minutes=9, longest_seconds=600)
    assert turn.effects == (Dial(sip="sip:a@example.com", ring_seconds=60, limit_seconds=60),)
