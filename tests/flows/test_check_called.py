"""Findings about flows that run flows: what is called must be there, fit, and never come back."""

from typing import Any

import pytest

from flows.check import Finding, InstallationNames, check
from flows.document import Flow, from_data
from tests.steps.visits import STEPS

B, W = "blocking", "warning"
NUMBERS = {"line": frozenset({"calls", "messages"})}


def made(name: str, steps: dict[str, Any], **keys: Any) -> Flow:
    """A flow of short steps, each (type, config, exits)."""
    placed = {id: {"type": type, "config": config, "exits": exits} for id, (type, config, exits) in steps.items()}
    return from_data({"format": 1, "name": name, "languages": ["en"], "steps": placed, **keys})


def begins(to: str = "over", **config: Any) -> tuple[str, dict[str, Any], dict[str, str]]:
    return ("called_by_flow", config, {"next": to})


def ends(outcome: str = "completed", *outputs: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    return ("end", {"outcome": outcome, "outputs": [{"name": name, "value": "x"} for name in outputs]}, {})


def runs(flow: str, to: str = "end", **config: Any) -> tuple[str, dict[str, Any], dict[str, str]]:
    ways = {row["id"]: to for row in config.get("outcomes", ())}
    return ("run_flow", {"flow": flow, **config}, {"completed": to, **ways})


PLAIN = made("Plain", {"begin": begins(), "over": ends()})
ORDER = made(
    "Order",
    {
        "begin": begins("ask", inputs=[{"name": "number", "required": True}, {"name": "note"}]),
        "ask": ("wait_for_reply", {"variable": "said"}, {"reply": "sold", "timed_out": "over"}),
        "sold": ends("sold", "total"),
        "over": ends("lost"),
    },
)
GIVEN: dict[str, Any] = {"inputs": [{"name": "number", "value": "1"}], "outcomes": [{"id": "sold"}, {"id": "lost"}]}
KNOWN: dict[str, dict[int, Flow]] = {
    "Plain": {0: PLAIN, 2: PLAIN},
    "Order": {0: ORDER},
    "Draft": {},
    "Bare": {0: made("Bare", {"start": ("incoming_call", {"numbers": ["line"]}, {"next": "end"})})},
    "Back": {0: made("Back", {"begin": begins("run"), "run": runs("Home")})},
    "Round": {0: made("Round", {"begin": begins("run"), "run": runs("Back")})},
    "Home": {0: PLAIN},
    "Its own": {0: made("Its own", {"begin": begins("run"), "run": runs("Its own")})},
}

# name, how the flow is run, findings as (severity, code, field)
ROWS: list[tuple[str, Any, list[tuple[str, str, str]]]] = [
    ("a flow without fault", runs("Plain"), []),
    ("a version of it", runs("Plain", version=2), []),
    ("everything it needs", runs("Order", **GIVEN), []),
    ("no such flow", runs("Plane"), [(B, "missing_reference", "flow")]),
    ("never published", runs("Draft"), [(B, "not_published", "flow")]),
    ("no such version", runs("Plain", version=3), [(B, "not_published", "flow")]),
    ("it is no flow to be run", runs("Bare"), [(B, "not_callable", "flow")]),
    ("an input that it needs", runs("Order", outcomes=GIVEN["outcomes"]), [(B, "input_missing", "inputs")]),
    ("an input that it does not know", runs("Plain", inputs=[{"name": "x", "value": "1"}]),
     [(W, "input_unknown", "inputs")]),
    ("an outcome without exit", runs("Order", inputs=GIVEN["inputs"], outcomes=[{"id": "sold"}]),
     [(B, "outcome_open", "outcomes")]),
    ("an outcome that never comes", runs("Plain", outcomes=[{"id": "sold"}]), [(W, "outcome_never", "outcomes")]),
    ("an output that never comes", runs("Order", **GIVEN, outputs=[{"output": "sum", "variable": "language"}]),
     [(W, "output_never", "outputs")]),
    ("an output that may come", runs("Order", **GIVEN, outputs=[{"output": "total", "variable": "language"}]), []),
    ("itself", runs("Home"), [(B, "calls_itself", "flow")]),
    ("itself by another", runs("Back"), [(B, "calls_itself", "flow")]),
    ("itself by two others", runs("Round"), [(B, "calls_itself", "flow")]),
    ("another that runs itself", runs("Its own"), []),
]  # fmt: skip


def of_home(step: Any, flows: Any = KNOWN, **more: Any) -> list[Finding]:
    """What is found about a flow called Home that has this step."""
    steps = {"start": ("incoming_message", {"numbers": ["line"]}, {"next": "it"}), "it": step, **more}
    return check(made("Home", steps), STEPS, InstallationNames(numbers=NUMBERS, flows=flows))


@pytest.mark.parametrize(("name", "step", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_what_is_wrong_with_running_a_flow_is_found(name: str, step: Any, expected: list[Any]) -> None:
    found = of_home(step)
    assert [(one.severity, one.code, one.field) for one in found if one.code != "variable_unused"] == expected


def test_a_circle_of_flows_is_named() -> None:
    sentences = {step: of_home(runs(step))[0].sentence for step in ("Home", "Round")}
    assert "“Home” → “Home”" in sentences["Home"]
    assert "“Home” → “Round” → “Back” → “Home”" in sentences["Round"]
    without = {name: versions for name, versions in KNOWN.items() if name != "Home"}
    assert {one.code for one in of_home(runs("Home"), without)} == {"calls_itself", "missing_reference"}


def test_a_circle_around_a_flow_that_never_waits_is_endless_and_around_one_that_does_is_not() -> None:
    assert [one.code for one in of_home(runs("Plain", to="it"))] == ["endless_cycle"]
    assert [one.code for one in of_home(runs("Order", to="it", **GIVEN))] == []
    assert [one.code for one in of_home(runs("Back", to="it"))] == ["calls_itself"]
    assert [one.code for one in of_home(runs("Nobody knows", to="it"))] == ["missing_reference"]


LOOP = ("loop", {"list": "{{ message.media }}", "item": "one"}, {"each": "say", "done": "end", "exhausted": "end"})


def test_a_loop_without_a_wait_is_no_finding_and_its_entry_is_known_inside() -> None:
    say = ("send_message", {"text": {"en": "{{ one }}"}, "wait_for": "nothing"}, {"success": "it"})
    assert of_home(LOOP, say=say) == []
    after = {**LOOP[2], "done": "after"}
    late = ("send_message", {"text": {"en": "{{ one }}"}, "wait_for": "nothing"}, {"success": "end"})
    found = of_home((LOOP[0], LOOP[1], after), say=say, after=late)
    assert [(one.code, one.step) for one in found] == [("variable_sometimes_set", "after")]


def test_outputs_are_known_after_the_flow_and_not_after_its_failure() -> None:
    outputs = [{"output": "total", "variable": "total"}]
    step = runs("Order", to="tell", **GIVEN, outputs=outputs)
    tell = ("send_message", {"text": {"en": "{{ total }}"}, "wait_for": "nothing"}, {"success": "end"})
    assert of_home(step, tell=tell) == []
    failing = (step[0], step[1], {**step[2], "failure": "tell"})
    assert [(one.code, one.step) for one in of_home(failing, tell=tell)] == [("variable_sometimes_set", "tell")]


def test_a_called_flow_reads_its_inputs_and_gives_what_it_says() -> None:
    say = ("send_message", {"text": {"en": "{{ number }}{{ note }}"}, "wait_for": "nothing"}, {"success": "over"})
    inputs = [{"name": "number", "required": True}, {"name": "note"}]
    flow = made("Sub", {"begin": begins("say", inputs=inputs, outputs=[{"name": "total"}]), "say": say, "over": ends()})
    found = [(one.code, one.step, one.field) for one in check(flow, STEPS, InstallationNames())]
    assert found == [("output_never", "begin", "outputs.0.name"), ("variable_sometimes_set", "say", "text.en")]


def test_what_a_run_begins_with_may_be_left_unread() -> None:
    called = begins(inputs=[{"name": "number", "required": True}, {"name": "note"}])
    asked = ("api_call", {"numbers": ["line"]}, {"next": "over"})
    flow = made("Sub", {"begin": called, "asked": asked, "over": ends()})
    assert check(flow, STEPS, InstallationNames(numbers=NUMBERS)) == []


def test_a_flow_that_is_run_begins_at_one_place() -> None:
    flow = made("Sub", {"begin": begins(), "again": begins(), "over": ends()})
    assert [(one.code, one.step) for one in check(flow, STEPS, InstallationNames())] == [("trigger_twice", "again")]


@pytest.mark.parametrize(("media", "codes"), [("call", []), ("both", ["mixed_media"]), ("messages", ["wrong_medium"])])
def test_a_flow_for_calls_only_may_speak(media: str, codes: list[str]) -> None:
    say = ("say", {"text": {"en": "Hello"}}, {"next": "end"})
    flow = made("Sub", {"begin": begins("say", media=media), "say": say})
    assert [one.code for one in check(flow, STEPS, InstallationNames())] == codes


@pytest.mark.parametrize(
    ("called", "start", "codes"),
    [
        ("call", "incoming_message", ["wrong_medium"]),
        ("call", "incoming_call", []),
        ("messages", "incoming_call", ["wrong_medium"]),
        ("both", "incoming_message", []),
    ],
)
def test_a_flow_is_run_where_it_works(called: str, start: str, codes: list[str]) -> None:
    flows = {"Sub": {0: made("Sub", {"begin": begins("over", media=called), "over": ends()})}}
    steps = {"start": (start, {"numbers": ["line"]}, {"next": "it"}), "it": runs("Sub")}
    found = check(made("Home", steps), STEPS, InstallationNames(numbers=NUMBERS, flows=flows))
    assert [one.code for one in found] == codes


def test_a_flow_that_talks_may_not_be_run_beside_people() -> None:
    people = ("forward_to_queue", {"target": {"queue": "gold"}, "goes_on": "when_assigned"},
              {"assigned": "run", "timed_out": "end", "full": "end", "out_of_hours": "end"})  # fmt: skip
    names = InstallationNames(numbers=NUMBERS, queues=frozenset({"gold"}), flows=KNOWN)
    start = ("incoming_message", {"numbers": ["line"]}, {"next": "it"})
    for flow, codes in (("Order", ["talks_beside_people"]), ("Plain", [])):
        step = runs(flow, **GIVEN) if flow == "Order" else runs(flow)
        found = check(made("Home", {"start": start, "it": people, "run": step}), STEPS, names)
        assert [one.code for one in found if one.step == "run"] == codes


CALLER = made("Caller", {"start": ("api_call", {"numbers": ["line"]}, {"next": "it"}), "it": runs("Sub")})


@pytest.mark.parametrize(
    ("steps", "why"),
    [
        ({"begin": begins(), "over": ends()}, ""),
        ({"begin": begins(inputs=[{"name": "n"}]), "over": ends()}, ""),
        ({"begin": begins(inputs=[{"name": "n", "required": True}]), "over": ends()}, "it does not give “n”"),
        ({"begin": begins(), "over": ends("rejected")}, "it has no exit for “rejected”"),
        ({"start": ("api_call", {"numbers": ["line"]}, {"next": "end"})}, "does not begin with “Called by a flow”"),
    ],
)
def test_published_flows_that_would_fail_of_a_change_are_named(steps: dict[str, Any], why: str) -> None:
    pinned = made("Pinned", {"it": runs("Sub", version=1)})
    names = InstallationNames(numbers=NUMBERS, callers=[CALLER, pinned])
    found = [one for one in check(made("Sub", steps), STEPS, names) if one.code == "caller_breaks"]
    assert [one.severity for one in found] == ([W] if why else [])
    assert all(why in one.sentence and "“Caller”" in one.sentence for one in found)


CODES = {code for *_, expected in ROWS for _, code, _ in expected} | {"trigger_twice", "caller_breaks"}
