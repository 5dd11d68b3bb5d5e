"""Tests of a flow: what they may say, that they pass where all is as expected, and how they tell a difference."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flows.document import Flow, from_data, read, to_data
from flows.facts import Facts
from flows.registry import Registry
from flows.testing import EVENT_WORDS, EXPECTATION_WORDS, Difference, faults_of, read_event, run_one, run_tests
from flows.testing.reading import read_one
from flows.testing.running import Given
from flows.testing.words import the_word

ROOT = Path(__file__).parents[2]
GOLD = {"status": 200, "body": {"status": "gold", "name": "Ann"}}
Turns = list[tuple[dict[str, Any], list[dict[str, Any]]]]


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(["steps"])


@pytest.fixture(scope="module")
def messages() -> Flow:
    return read((ROOT / "examples/flows/vip_messages.json").read_bytes())


@pytest.fixture(scope="module")
def calls() -> Flow:
    return read((ROOT / "examples/flows/vip_calls.json").read_bytes())


def given(registry: Registry, flows: Mapping[str, Flow] | None = None) -> Given:
    return Given(registry, Facts(constants={"customer_api": "https://crm.example.com"}), flows or {})


def difference(
    flow: Flow, registry: Registry, turns: Turns, answers: Mapping[str, Any] | None = None, **more: Any
) -> Difference | None:
    """What the test of these turns tells."""
    written = [{"event": event, "expect": expect} for event, expect in turns]
    test = {"id": "one", "name": "One", "answers": answers or {}, "turns": written, **more}
    tested = from_data({**to_data(flow), "tests": [test]})
    return run_one(tested, 0, given(registry)).difference


PASSING: list[tuple[str, dict[str, Any], Turns]] = [
    (
        "gold",
        {"loyalty": [GOLD]},
        [
            (
                {"message": "hello"},
                [
                    {"asks": "GET https://crm.example.com/customers/%2B48600100200"},
                    {"visits": "note"},
                    {"exit": "tier.gold"},
                    {"variables": {"loyalty_status": "gold", "customer_name": "Ann"}},
                    {"sent": [{"contains": "Ann"}]},
                    {"queue": "gold"},
                    {"effect": {"kind": "enter_queue", "run_waits": True}},
                    {"waits": "gold"},
                ],
            ),
            ({"message": "are you there?"}, [{"silent": True}]),
            ({"agent_closes": "sold"}, [{"exit": "gold.closed"}, {"ends": "completed"}]),
        ],
    ),
    (
        "time that passes and changes nothing",
        {"loyalty": [GOLD]},
        [
            ({"message": "hello"}, [{"queue": "gold"}]),
            ({"passes": "10m"}, [{"waits": "gold"}, {"variables": {"loyalty_status": "gold"}}, {"silent": True}]),
        ],
    ),
    (
        "an address that breaks",
        {"loyalty": ["timeout"]},
        [({"message": "hello"}, [{"fails": "loyalty.timeout"}, {"queue": "standard"}])],
    ),
    (
        "nobody takes it",
        {"loyalty": ["404"]},
        [
            ({"message": "hello"}, [{"exit": "loyalty.not_found"}]),
            ({"passes": "to the time limit"}, [{"sent": {"starts_with": "Sorry", "contains": "nobody"}}]),
        ],
    ),
    (
        "the answer is given as it is asked for",
        {},
        [({"answer": "404"}, []), ({"message": "hello"}, [{"exit": "loyalty.not_found"}])],
    ),
    (
        "the message fails",
        {"loyalty": ["404"]},
        [
            ({"message": "hello"}, []),
            ({"next_message": "invalid_recipient"}, []),
            ({"passes": "to the time limit"}, [{"fails": "sorry.invalid_recipient"}, {"queue": "people"}]),
        ],
    ),
    (
        "nobody takes the message",
        {"loyalty": ["404"]},
        [
            ({"message": "hello"}, []),
            ({"next_message": "nothing"}, []),
            ({"passes": "to the time limit"}, [{"waits": "sorry"}]),
            ({"passes": "10m"}, [{"fails": "sorry.send_timeout"}]),
        ],
    ),
    (
        "the message is taken later",
        {"loyalty": ["404"]},
        [
            ({"message": "hello"}, []),
            ({"next_message": "nothing"}, []),
            ({"passes": "to the time limit"}, [{"waits": "sorry"}]),
            ({"accepted": True}, [{"ends": "completed"}]),
            ({"keys": "1"}, [{"ignored": True}]),
        ],
    ),
]


@pytest.mark.parametrize(("answers", "turns"), [row[1:] for row in PASSING], ids=[row[0] for row in PASSING])
def test_a_conversation_that_goes_as_expected_passes(
    messages: Flow, registry: Registry, answers: dict[str, Any], turns: Turns
) -> None:
    told = difference(messages, registry, turns, answers)
    assert told is None, told.sentence


def test_what_is_empty_of_a_contact_is_missing(messages: Flow, registry: Registry) -> None:
    turns: Turns = [
        ({"message": "hello"}, [{"exit": "known.otherwise"}, {"waits": "ask"}, {"contact": {"phone": None}}])
    ]
    assert difference(messages, registry, turns, contact={"phone": ""}) is None


def test_a_call_is_tested_by_what_the_caller_hears(calls: Flow, registry: Registry) -> None:
    turns: Turns = [
        ({"call": "+48500100100"}, [{"forwards": {"contains": "platinum"}}]),
        ({"dial": "busy", "sip_status": 486}, [{"said": {"contains": "nobody"}}]),
    ]
    found = difference(calls, registry, turns, {"loyalty": [{"status": 200, "body": {"status": "platinum"}}]})
    assert found is None or found.turn == 1, found
    hung_up = difference(
        calls, registry, [turns[0], ({"hang_up": True}, [])], {"loyalty": [{"body": {"status": "platinum"}}]}
    )
    assert hung_up is None, hung_up


HELLO = {"message": "hello"}
DIFFERING: list[tuple[Any, list[dict[str, Any]], str, str]] = [
    (HELLO, [{"queue": "standard"}], "turns.0.expect.0", "expected the queue “standard”, but there was “gold”."),
    (HELLO, [{"exit": "tier.platinum"}], "turns.0.expect.0", "expected the exit “tier.platinum”, but there was"),
    (HELLO, [{"sent": "Hello"}], "turns.0.expect.0", "expected the message “Hello”, but there was “Welcome back"),
    (HELLO, [{"said": "Hello"}], "turns.0.expect.0", "expected the spoken text “Hello”, but there was no spoken text."),
    (
        HELLO,
        [{"queue": "gold"}, {"ends": "done"}],
        "turns.0.expect.1",
        "expected the end “done”, but there was no end.",
    ),
    (
        HELLO,
        [{"variables": {"loyalty_status": "silver"}}],
        "turns.0.expect.0",
        "expected the values of variables loyalty_status = “silver”, but there was loyalty_status = “gold”.",
    ),
    (HELLO, [{"hangs_up": True}], "turns.0.expect.0", "expected hanging up, but there was no hanging up."),
    ({"keys": "1"}, [], "turns.0.event", "Turn 1 (keys “1”): nothing came of it, because no trigger of the flow takes"),
    ({"passes": "10m"}, [{"silent": True}, {"queue": "gold"}], "turns.0.expect.1", "but there was no queue."),
]


@pytest.mark.parametrize(("event", "expect", "path", "sentence"), DIFFERING)
def test_the_first_difference_is_told_as_data_and_as_a_sentence(
    messages: Flow, registry: Registry, event: Any, expect: list[dict[str, Any]], path: str, sentence: str
) -> None:
    told = difference(messages, registry, [(event, expect)], {"loyalty": [GOLD]})
    assert told is not None
    assert told.path == f"tests.0.{path}"
    assert sentence in told.sentence
    assert told.sentence.startswith("Turn 1 (")
    assert told.sentence.endswith(".")


def test_an_answer_that_is_missing_or_left_over_is_a_difference(messages: Flow, registry: Registry) -> None:
    missing = difference(messages, registry, [(HELLO, [])])
    assert missing is not None
    assert missing.sentence == (
        "Turn 1 (message “hello”): “Loyalty status” asks GET https://crm.example.com/customers/%2B48600100200, and the "
        "test has no answer left for the step “loyalty”."
    )
    left = difference(messages, registry, [(HELLO, [])], {"loyalty": [GOLD, GOLD]})
    assert left is not None
    assert left.sentence == "“loyalty” never asked for 1 of the answers prepared for it."
    assert left.path == "tests.0.answers.loyalty"


def test_expectations_of_texts_go_forwards(messages: Flow, registry: Registry) -> None:
    data = to_data(messages)
    data["steps"]["sorry"]["exits"] = {"success": "again"}
    text = {"config": {"text": {"en": "Bye."}}, "exits": {"success": "end"}, "type": "send_message"}
    flow = from_data({**data, "steps": {**data["steps"], "again": text}})
    late: list[tuple[list[dict[str, Any]], bool]] = [
        ([{"sent": {"contains": "Sorry"}}, {"sent": "Bye."}], True),
        ([{"sent": "Bye."}, {"sent": {"contains": "Sorry"}}], False),
        ([{"sent": [{"contains": "Sorry"}, "Bye."]}], True),
        ([{"sent": ["Bye."]}], False),
    ]
    for expect, passes in late:
        turns: Turns = [(HELLO, []), ({"passes": "to the time limit"}, expect)]
        assert (difference(flow, registry, turns, {"loyalty": ["404"]}) is None) is passes, expect


def test_the_contact_and_the_clock_are_the_tests_own(messages: Flow, registry: Registry) -> None:
    turns: Turns = [(HELLO, [{"queue": "gold"}, {"contact": {"name": "Ewa", "tier": 2}}])]
    contact = {"name": "Ewa", "phone": "+48111222333", "language": "pl", "attributes": {"tier": 2}}
    told = difference(messages, registry, turns, {"loyalty": [GOLD]}, contact=contact, at="2026-02-28T23:30:00+02:00")
    assert told is None, told


BROKEN: list[tuple[dict[str, Any], str, str]] = [
    ({"turns": [{"event": {}}]}, "turns.0.event", "An event has exactly one of these words: message, call"),
    ({"turns": [{"event": {"message": "a", "keys": "1"}}]}, "turns.0.event", "not message, keys together"),
    ({"turns": [{"event": {"message": 5}}]}, "turns.0.event.message", "“message” needs to be text."),
    ({"turns": [{"event": {"message": "a", "colour": 1}}]}, "turns.0.event.colour", "This stands beside “message”"),
    ({"turns": [{"event": {"keys": "one"}}]}, "turns.0.event.keys", "“keys” needs to be digits, * and #."),
    ({"turns": [{"event": {"passes": "soon"}}]}, "turns.0.event.passes", "needs to be a time with s, m, h or d"),
    ({"turns": [{"event": {"dial": "up"}}]}, "turns.0.event.dial", "needs to be one of “completed”"),
    ({"turns": [{"event": {"answer": 5}}]}, "turns.0.event.answer", "A prepared answer is an object such as"),
    (
        {"turns": [{"event": {"happening": {"kind": "moon"}}}]},
        "turns.0.event.happening",
        "is of kind 'moon'; known are",
    ),
    ({"turns": [{"event": HELLO, "expect": ["hi"]}]}, "turns.0.expect.0", "An expectation is an object such as"),
    ({"turns": [{"event": HELLO, "expect": [{"hears": "hi"}]}]}, "turns.0.expect.0", "An expectation has exactly one"),
    ({"turns": [{"event": HELLO, "expect": [{"exit": "tier"}]}]}, "turns.0.expect.0.exit", "a step's id, a point and"),
    (
        {"turns": [{"event": HELLO, "expect": [{"sent": {"like": "x"}}]}]},
        "turns.0.expect.0.sent.like",
        "known are contains, starts",
    ),
    ({"at": "tomorrow", "turns": []}, "at", "An instant is written with its zone"),
    ({"at": "2026-01-05T09:00:00", "turns": []}, "at", "An instant is written with its zone"),
    ({"contact": {"colour": "red"}, "turns": []}, "contact.colour", "A contact has no such field; known are name"),
    ({"contact": {"name": 5}, "turns": []}, "contact.name", "This needs to be a text in quotes."),
    ({"answers": {"loyalty": ["soon"]}, "turns": []}, "answers.loyalty.0", "This is no answer; type one such as"),
    ({"answers": {"loyalty": [{"kind": "moon"}]}, "turns": []}, "answers.loyalty.0", "cannot be a 'moon'"),
]


@pytest.mark.parametrize(("test", "path", "sentence"), BROKEN)
def test_what_a_test_cannot_say_is_told_with_its_place(
    messages: Flow, registry: Registry, test: dict[str, Any], path: str, sentence: str
) -> None:
    flow = replace(messages, tests=({"id": "one", "name": "One", "turns": [], **test},))
    faults = list(faults_of(flow, registry))
    assert [fault.path for fault in faults] == [f"tests.0.{path}"]
    assert sentence in faults[0].sentence
    told = run_one(flow, 0, given(registry)).difference
    assert told is not None
    assert told.sentence == f"The test cannot be run: {faults[0].sentence}"


@pytest.mark.parametrize("word", EVENT_WORDS)
def test_the_example_of_an_event_is_one(messages: Flow, registry: Registry, word: str) -> None:
    assert next(iter(EVENT_WORDS[word].example)) == word
    assert callable(read_event(EVENT_WORDS[word].example, messages, registry))


@pytest.mark.parametrize("word", EXPECTATION_WORDS)
def test_the_example_of_an_expectation_is_one(messages: Flow, registry: Registry, word: str) -> None:
    example = EXPECTATION_WORDS[word].example
    assert the_word(EXPECTATION_WORDS, example, "expect.0", "An expectation")[0] == word
    test = {"id": "one", "name": "One", "turns": [{"event": HELLO, "expect": [example]}]}
    assert read_one(replace(messages, tests=(test,)), 0, registry).turns[0].expect == ((word, example[word]),)


def test_all_tests_of_a_flow_are_run_each_from_the_beginning(messages: Flow, registry: Registry) -> None:
    turn = {"event": HELLO, "expect": [{"queue": "gold"}]}
    tests = [
        {"id": "good", "name": "Good", "answers": {"loyalty": [GOLD]}, "turns": [turn]},
        {"id": "bad", "name": "Bad", "answers": {"loyalty": ["404"]}, "turns": [turn]},
        {"id": "good_again", "name": "Good again", "answers": {"loyalty": [GOLD]}, "turns": [turn]},
        {"id": "empty", "name": "Empty", "turns": []},
        {"id": "long", "name": "Long", "turns": [turn] * 201},
    ]
    told = list(run_tests(from_data({**to_data(messages), "tests": tests}), given(registry)))
    assert [one.id for one in told if one.passed] == ["good", "good_again", "empty"]
    assert told[4].difference is not None
    assert told[4].difference.sentence == "A test has at most 200 turns; this one has 201."


def test_the_example_of_the_page_is_a_test_that_can_be_run(messages: Flow, registry: Registry) -> None:
    page = (ROOT / "docs/flows.md").read_text(encoding="utf-8").partition("## Tests of a flow")[2]
    test = json.loads(page.partition("```json\n")[2].partition("```")[0])
    assert list(faults_of(from_data({**to_data(messages), "tests": [test]}), registry)) == []


def test_flows_that_a_flow_calls_are_walked_with_it(registry: Registry) -> None:
    begin = {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "ask"}}
    run = {
        "type": "run_flow",
        "config": {"flow": "Price", "outputs": [{"output": "total", "variable": "price"}]},
        "exits": {"completed": "tell"},
    }
    tell = {"type": "send_message", "config": {"text": {"en": "It is {{ price }}."}}, "exits": {"success": "end"}}
    look = {
        "type": "fetch_variable",
        "config": {"url": "https://shop.example.com/", "mapping": [{"path": "sum", "variable": "total"}]},
        "exits": {"success": "done", "not_found": "done"},
    }
    done = {"type": "end", "config": {"outputs": [{"name": "total", "value": "{{ total }}"}]}, "exits": {}}
    entry = {"type": "called_by_flow", "config": {"outputs": [{"name": "total"}]}, "exits": {"next": "look"}}
    expect = [{"asks": {"contains": "shop"}}, {"exit": "look.success"}, {"sent": "It is 12."}, {"ends": "completed"}]
    test = {
        "id": "one",
        "name": "One",
        "answers": {"look": [{"body": {"sum": 12}}]},
        "turns": [{"event": HELLO, "expect": expect}],
    }
    main = {"format": 1, "name": "Main", "languages": ["en"], "steps": {"in": begin, "ask": run, "tell": tell}}
    main["tests"] = [test]
    price = {"format": 1, "name": "Price", "languages": ["en"], "steps": {"in": entry, "look": look, "done": done}}
    flows = {"Price": from_data(price)}
    told = run_one(from_data(main), 0, given(registry, flows)).difference
    assert told is None, told.sentence
    alone = run_one(from_data(main), 0, given(registry)).difference
    assert alone is not None
    assert alone.path == "tests.0.turns.0.expect.0"


def test_what_a_flow_learns_about_the_contact_is_there_afterwards(registry: Registry) -> None:
    begin = {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "learn"}}
    learnt = {"name": "Ewa", "language": "pl", "email": "ewa@example.com", "join": ["vip"]}
    keep = {"type": "update_contact", "config": learnt, "exits": {"success": "end"}}
    expect = [{"contact": {"name": "Ewa", "language": "pl", "email": "ewa@example.com", "segments": ["old", "vip"]}}]
    data = {"format": 1, "name": "Main", "languages": ["en"], "steps": {"in": begin, "learn": keep}}
    test = {"id": "one", "name": "One", "turns": [{"event": HELLO, "expect": expect}]}
    flow = from_data({**data, "tests": [{**test, "contact": {"segments": ["old"]}}]})
    told = run_one(flow, 0, given(registry)).difference
    assert told is None, told.sentence
