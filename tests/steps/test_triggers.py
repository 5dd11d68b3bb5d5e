from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flows.effect import Reject
from flows.event import CallStarted, Happening, MessageReceived
from flows.step import Claim, Trigger
from tests.steps.visits import CALL, Visit, context_of, facts_of, step_of

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
MATCHES: list[tuple[str, Mapping[str, Any], Happening, int | None]] = [
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
