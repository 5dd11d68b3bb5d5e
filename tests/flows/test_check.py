"""Every finding has a flow that brings it out: the table says what is placed and which findings follow, no others."""

import ast
import time
from pathlib import Path
from typing import Any

import pytest

import flows.check
from flows.check import Finding, InstallationNames, Slot, blocks, check
from flows.document import from_data
from flows.errors import FlowError
from tests.flows.kinds import KINDS, flow
from tests.flows.test_check_called import CODES as OF_CALLED_FLOWS
from tests.flows.test_check_tests import CODES as OF_TESTS

NAMES = InstallationNames(
    credentials=frozenset({"crm"}),
    queues=frozenset({"gold", "odd"}),
    numbers={
        "line": frozenset({"calls", "messages"}),
        "chat": frozenset({"messages"}),
        "spare": frozenset({"calls"}),
        "off": frozenset({"messages"}),
    },
    disconnected=frozenset({"off"}),
    constants=frozenset({"support_phone"}),
    files={"5f": "audio/wav", "6a": "image/png"},
    claimed={
        Slot("spare", "calls"): "Other flow",
        Slot("line", "messages", "sale"): "Sale flow",
    },
)
HI = {"text": {"en": "Hi"}}
CALL = ("call_in", {"numbers": ["line"]}, {"next": "a"})
CHAT = ("message_in", {"numbers": ["chat"]}, {"next": "a"})
SAY = ("speak", HI, {"next": "end"})
SEND = ("send", HI, {"success": "end"})


def put(name: str, value: str, target: str = "end", **more: Any) -> tuple[str, dict[str, Any], dict[str, str]]:
    return ("put", {"name": name, "value": value, **more}, {"next": target})


def send(text: str, target: str = "end") -> tuple[str, dict[str, Any], dict[str, str]]:
    return ("send", {"text": {"en": text}}, {"success": target})


def fork(*cases: dict[str, Any], **exits: str) -> tuple[str, dict[str, Any], dict[str, str]]:
    return ("fork", {"cases": list(cases)}, {"otherwise": "end", **exits})


B, W, H = "blocking", "warning", "hint"
Row = tuple[str, dict[str, Any], dict[str, Any], list[tuple[str, str, str, str]]]

# name, steps, other keys of the flow, findings as (severity, code, step, field)
ROWS: list[Row] = [
    ("a flow without fault", {"t": CALL, "a": SAY}, {}, []),
    ("a wait and people", {"t": CHAT, "a": ("question", HI, {"reply": "b", "timed_out": "end"}),
                           "b": ("people", {"queue": "gold"}, {"closed": "end", "full": "end"})}, {}, []),
    # exits and roots
    ("no trigger", {"a": SAY}, {}, [(B, "no_trigger", "", "steps")]),
    ("no step at all", {}, {}, [(B, "no_trigger", "", "steps")]),
    ("an open exit", {"t": CALL, "a": ("speak", HI, {})}, {}, [(B, "open_exit", "a", "exits.next")]),
    ("an open exit of a trigger", {"t": ("call_in", {"numbers": ["line"]}, {})}, {},
     [(B, "open_exit", "t", "exits.next")]),
    ("an exit to nowhere", {"t": CALL, "a": ("speak", HI, {"next": "zzz"})}, {},
     [(B, "missing_target", "a", "exits.next")]),
    ("an unwired failure is no finding, a wired one to nowhere is",
     {"t": CALL, "a": ("speak", HI, {"next": "end", "failure": "zzz"})}, {},
     [(B, "missing_target", "a", "exits.failure")]),
    ("an exit the step does not have", {"t": CALL, "a": ("speak", HI, {"next": "end", "gone": "end"})}, {},
     [(W, "exit_gone", "a", "exits.gone")]),
    ("a trigger has no failure", {"t": ("call_in", {"numbers": ["line"]}, {"next": "a", "failure": "a"}), "a": SAY}, {},
     [(W, "exit_gone", "t", "exits.failure")]),
    ("the same exit twice", {"t": CALL, "a": fork({"id": "x"}, {"id": "x"}, x="end")}, {},
     [(B, "exit_twice", "a", "config")]),
    ("an exit that is called failure", {"t": CALL, "a": fork({"id": "failure"}, failure="end")}, {},
     [(B, "exit_twice", "a", "config")]),
    ("back to the trigger", {"t": CALL, "a": ("pause", {}, {"next": "t"})}, {},
     [(B, "leads_to_trigger", "a", "exits.next")]),
    ("on_failure to nowhere", {"t": CALL, "a": SAY}, {"on_failure": "zzz"}, [(B, "missing_target", "", "on_failure")]),
    ("on_hang_up to nowhere", {"t": CALL, "a": SAY}, {"on_hang_up": "zzz"}, [(B, "missing_target", "", "on_hang_up")]),
    ("on_failure to a trigger",
     {"t": CALL, "a": SAY}, {"on_failure": "t"}, [(B, "leads_to_trigger", "", "on_failure")]),
    ("an unreachable step", {"t": CALL, "a": SAY, "b": SEND}, {}, [(W, "unreachable", "b", "")]),
    ("roots reach steps", {"t": CALL, "a": SAY, "b": SEND, "c": SAY}, {"on_hang_up": "b", "on_failure": "c"}, []),
    # kinds and configs
    ("an unknown type",
     {"t": CALL, "a": ("oracle", {"x": 1}, {"heads": "end"})}, {}, [(B, "unknown_type", "a", "type")]),
    ("a bad config", {"t": CALL, "a": ("speak", {"colour": 1}, {"next": "end"})}, {},
     [(B, "bad_config", "a", "colour"), (B, "bad_config", "a", "text")]),
    ("a bad template", {"t": CALL, "a": send("{{ 1 + }}")}, {}, [(B, "bad_template", "a", "text.en")]),
    ("a statement in a template", {"t": CALL, "a": send("{% for x in y %}{% endfor %}")}, {},
     [(B, "bad_template", "a", "text.en")]),
    ("a step's own problem", {"t": CALL, "a": ("people", {"queue": "odd"}, {"closed": "end", "full": "end"})}, {},
     [(H, "odd_queue", "a", "queue")]),
    ("a kind that breaks", {"t": CALL, "a": ("broken", {}, {"next": "end"})}, {},
     [(B, "step_broken", "a", "type"), (W, "exit_gone", "a", "exits.next")]),
    # circles and waits
    ("a circle", {"t": CALL, "a": put("x", "{{ now }}", "b"), "b": send("{{ x }}", "a")}, {},
     [(B, "endless_cycle", "a", "")]),
    ("a step that leads to itself", {"t": CALL, "a": send("Hi", "a")}, {}, [(B, "endless_cycle", "a", "")]),
    ("a circle by a failure", {"t": CALL, "a": ("speak", HI, {"next": "end", "failure": "a"})}, {},
     [(B, "endless_cycle", "a", "")]),
    ("two circles",
     {"t": CALL, "a": fork({"id": "x"}, x="b", otherwise="c"), "b": send("Hi", "b"), "c": send("Hi", "c")},
     {}, [(B, "endless_cycle", "b", ""), (B, "endless_cycle", "c", "")]),
    ("a circle with a wait", {"t": CALL, "a": send("Hi", "b"), "b": ("pause", {}, {"next": "a"})}, {}, []),
    ("a circle with a wait of nought", {"t": CALL, "a": send("Hi", "b"), "b": ("pause", {"seconds": 0}, {"next": "a"})},
     {}, [(B, "endless_cycle", "a", "")]),
    ("a circle by an exit that a waiting step takes at once",
     {"t": CALL, "a": ("people", {"queue": "gold"}, {"closed": "a", "full": "b"}), "b": send("Busy.", "a")}, {},
     [(B, "endless_cycle", "a", "")]),
    ("a circle by the failure of a waiting step",
     {"t": CHAT, "a": ("question", HI, {"reply": "end", "timed_out": "end", "failure": "b"}), "b": send("Sorry.", "a")},
     {}, [(B, "endless_cycle", "a", "")]),
    ("a circle with a loop",
     {"t": CALL, "a": ("loop", {}, {"each": "b", "done": "end"}), "b": send("Hi", "a")}, {}, []),
    ("a wait without limit",
     {"t": CHAT, "a": ("question", {**HI, "limit": 0}, {"reply": "end", "timed_out": "end"})}, {},
     [(B, "wait_without_limit", "a", "")]),
    ("more exits than a canvas can hold",
     {"t": CALL, "a": fork(*({"id": f"e{n}"} for n in range(50)), **{f"e{n}": "end" for n in range(49)})}, {},
     [(B, "too_many_exits", "a", "config"), (B, "open_exit", "a", "exits.e49")]),
    ("as many exits as a canvas can hold",
     {"t": CALL, "a": fork(*({"id": f"e{n}"} for n in range(49)), **{f"e{n}": "end" for n in range(49)})}, {}, []),
    # calls and messages
    ("a voice step after a message", {"t": CHAT, "a": SAY}, {}, [(B, "wrong_medium", "a", "")]),
    ("a question on a call", {"t": CALL, "a": ("question", HI, {"reply": "end", "timed_out": "end"})}, {},
     [(B, "wrong_medium", "a", "")]),
    ("a voice step that both reach", {"t": CALL, "u": CHAT, "a": SAY}, {}, [(W, "mixed_media", "a", "")]),
    ("a voice step after the hang-up", {"t": CALL, "a": SAY, "b": SAY}, {"on_hang_up": "b"},
     [(B, "wrong_medium", "b", "")]),
    ("a failure step that both need", {"t": CALL, "u": CHAT, "a": SEND, "b": SAY}, {"on_failure": "b"},
     [(W, "mixed_media", "b", "")]),
    ("talking beside people",
     {"t": CHAT, "a": ("people", {"queue": "gold", "goes_on": "when_assigned"}, {"assigned": "b", "full": "e"}),
      "b": put("x", "1", "c"), "c": send("{{ x }}", "d"),
      "d": ("people", {"queue": "gold"}, {"closed": "e", "full": "e"}),
      "e": SEND}, {}, [(B, "talks_beside_people", "c", "")]),
    # names of the installation
    ("a missing number", {"t": ("call_in", {"numbers": ["zzz"]}, {"next": "end"})}, {},
     [(B, "missing_reference", "t", "numbers.0")]),
    ("a missing credential and queue",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com", "credential": "zzz"}, {"success": "b", "not_found": "b"}),
      "b": ("people", {"queue": "zzz"}, {"closed": "end", "full": "end"})}, {},
     [(B, "missing_reference", "a", "credential"), (B, "missing_reference", "b", "queue")]),
    ("a queue that an expression chooses",
     {"t": CALL, "a": ("send", {**HI, "to": "{{ queue.name }}"}, {"success": "end"})},
     {}, []),
    ("sounds that are there, are none, and are not there",
     {"t": CALL, "a": ("speak", {"text": {"en": "Hi"}, "sound": "5f"}, {"next": "b"}),
      "b": ("speak", {"text": {"en": "Hi"}, "sound": "6a"}, {"next": "c"}),
      "c": ("speak", {"text": {"en": "Hi"}, "sound": "zzz"}, {"next": "end"})}, {},
     [(B, "file_unsuitable", "b", "sound"), (B, "missing_reference", "c", "sound")]),
    ("constants", {"t": CALL, "a": send("{{ constants.support_phone }} {{ constants.zzz }}")}, {},
     [(B, "missing_reference", "a", "text.en")]),
    ("a number of the wrong kind", {"t": ("call_in", {"numbers": ["chat"]}, {"next": "end"})}, {},
     [(B, "number_unsuitable", "t", "numbers")]),
    ("numbers that send, do not and cannot now",
     {"t": CALL, "a": ("send", {**HI, "by": "chat"}, {"success": "b"}),
      "b": ("send", {**HI, "by": "spare"}, {"success": "c"}), "c": ("send", {**HI, "by": "off"}, {"success": "end"})},
     {}, [(B, "number_unsuitable", "b", "by"), (W, "channel_disconnected", "c", "by")]),
    ("a number whose connection is turned off", {"t": ("message_in", {"numbers": ["off"]}, {"next": "end"})}, {},
     [(W, "channel_disconnected", "t", "numbers.0")]),
    ("a number another flow answers", {"t": ("call_in", {"numbers": ["spare"]}, {"next": "end"})}, {},
     [(B, "number_conflict", "t", "numbers")]),
    ("a number claimed twice in one flow",
     {"t": CALL, "u": CALL, "a": SAY}, {}, [(B, "number_conflict", "u", "numbers")]),
    ("a keyword another flow answers",
     {"t": ("message_in", {"numbers": ["line"], "keywords": [" Sale "]}, {"next": "end"})},
     {}, [(B, "keyword_conflict", "t", "numbers")]),
    ("a keyword beside the default",
     {"t": ("message_in", {"numbers": ["line"], "keywords": ["help"]}, {"next": "end"}),
      "u": ("message_in", {"numbers": ["line"]}, {"next": "end"}), "v": CALL, "a": SAY}, {}, []),
    # variables
    ("a variable that a step may set which is not installed",
     {"t": CALL, "a": ("oracle", {}, {"heads": "b"}), "b": send("{{ tier }}")}, {},
     [(B, "unknown_type", "a", "type")]),
    ("a variable nobody sets", {"t": CALL, "a": send("{{ tier }}")}, {}, [(B, "variable_never_set", "a", "text.en")]),
    ("a variable set too late", {"t": CALL, "a": send("{{ tier }}", "b"), "b": put("tier", "1")}, {},
     [(B, "variable_never_set", "a", "text.en")]),
    ("a variable set before", {"t": CALL, "a": put("tier", "1", "b"), "b": send("{{ tier }}")}, {}, []),
    ("a variable on one way only",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com", "variable": "tier"}, {"success": "b", "not_found": "b"}),
      "b": send("{{ tier }}")}, {}, [(W, "variable_sometimes_set", "b", "text.en")]),
    ("a variable on all ways",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com", "variable": "tier"}, {"success": "b", "not_found": "c"}),
      "b": send("{{ tier }}"), "c": put("tier", "none", "b")}, {}, []),
    ("a variable set in a circle",
     {"t": CHAT, "a": ("question", {"text": {"en": "{{ x }}"}, "variable": "x"},
                       {"reply": "a", "timed_out": "end"})}, {},
     [(W, "variable_sometimes_set", "a", "text.en")]),
    ("a default makes it harmless",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com", "variable": "tier"}, {"success": "b", "not_found": "b"}),
      "b": send("{{ tier | default('none') }} {{ 'x' if tier is defined else 'y' }}")}, {}, []),
    ("a question whether it is there is harmless",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com", "variable": "tier"}, {"success": "b", "not_found": "b"}),
      "b": fork({"id": "x", "value": "{{ tier }}", "as": "any", "operator": "is_missing"}, x="end")}, {}, []),
    ("a failure may come before it is set", {"t": CALL, "a": put("tier", "1", "b"), "b": send("{{ tier }}"),
                                             "c": send("{{ tier }}")}, {"on_failure": "c"},
     [(W, "variable_sometimes_set", "c", "text.en")]),
    ("a hang-up may come before it is set",
     {"t": CALL, "a": ("pause", {}, {"next": "b"}), "b": put("tier", "1", "d"), "d": ("pause", {}, {"next": "end"}),
      "c": send("{{ tier }}")}, {"on_hang_up": "c"}, [(W, "variable_sometimes_set", "c", "text.en")]),
    ("a body and an address are read too",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com/{{ x }}", "body": {"k": ["{{ y }}"]}},
                       {"success": "end", "not_found": "end"})}, {},
     [(B, "variable_never_set", "a", "body.k.0"), (B, "variable_never_set", "a", "url")]),
    ("an unsound step still sets its variable",
     {"t": CALL, "a": ("put", {"name": "tier"}, {"next": "b"}), "b": send("{{ tier | default('x') }}")}, {},
     [(B, "bad_config", "a", "value")]),
    ("names of the engine",
     {"t": CALL, "a": send("{{ contact.phone }} {{ call.from }} {{ now }} {{ error.kind }}")}, {}, []),
    ("a key that is never there",
     {"t": CALL, "a": send("{{ contact.phon }}")}, {}, [(W, "unknown_key", "a", "text.en")]),
    ("an unused variable", {"t": CALL, "a": put("tier", "1")}, {}, [(H, "variable_unused", "a", "")]),
    ("a language is read by the engine", {"t": CALL, "a": put("language", "pl")}, {}, []),
    ("a language that is declared and never set", {"t": CALL, "a": SAY}, {"variables": {"language": {"type": "text"}}},
     [(H, "variable_unused", "", "variables.language")]),
    ("an unused declaration", {"t": CALL, "a": SAY}, {"variables": {"tier": {"type": "text"}}},
     [(H, "variable_unused", "", "variables.tier")]),
    ("a declaration is not a value", {"t": CALL, "a": send("{{ tier }}")}, {"variables": {"tier": {"type": "text"}}},
     [(B, "variable_never_set", "a", "text.en")]),
    ("a contradicted type", {"t": CALL, "a": put("tier", "1", "b", kind="number"), "b": send("{{ tier }}")},
     {"variables": {"tier": {"type": "text"}}}, [(W, "type_contradicted", "a", "")]),
    ("a reserved name", {"t": CALL, "a": put("contact", "1")}, {}, [(B, "variable_reserved", "a", "")]),
    ("a number compared as text",
     {"t": CALL, "a": put("n", "1", "b", kind="number"),
      "b": fork({"id": "x", "value": "{{ n }}", "as": "text", "operator": "is", "operand": "1"}, x="end")}, {},
     [(W, "number_as_text", "b", "cases.0.as")]),
    ("a declared number compared as text",
     {"t": CALL, "a": put("n", "1", "b"),
      "b": fork({"id": "x", "value": "{{n}}", "as": "text", "operator": "is"}, x="end")},
     {"variables": {"n": {"type": "number"}}}, [(W, "number_as_text", "b", "cases.0.as")]),
    ("a text in only one of two languages", {"t": CALL, "a": SAY}, {"languages": ["en", "pl"]},
     [(W, "text_missing", "a", "text.pl")]),
    ("a text in both languages", {"t": CALL, "a": ("speak", {"text": {"en": "Hi", "pl": "Hej"}}, {"next": "end"})},
     {"languages": ["en", "pl"]}, []),
    ("a key in an address",
     {"t": CALL, "a": ("fetch", {"url": "https://e.com/?api_key=abc123"}, {"success": "end", "not_found": "end"})}, {},
     [(W, "looks_like_secret", "a", "url")]),
    ("an empty text", {"t": CALL, "a": ("speak", {"text": {"en": " "}}, {"next": "end"})}, {},
     [(W, "text_missing", "a", "text.en")]),
]  # fmt: skip


def codes_of_the_checks() -> set[str]:
    """Every code that a check can give, as its source spells it."""
    codes: set[str] = set()
    for file in Path(flows.check.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            called = node.func if isinstance(node, ast.Call) else None
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name in {"blocking", "warning", "Finding"} and isinstance(node, ast.Call):
                words = (part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant))
                codes |= {word for word in words if isinstance(word, str)}
    return codes


def test_every_code_has_a_flow_that_brings_it_out_and_flows_that_do_not() -> None:
    """The rows below say all findings of a flow, so each row without a code is a flow that does not bring it out."""
    told = {code for *_, expected in ROWS for _, code, *_ in expected} | {"newer_format"}  # that one has its own test
    assert len(codes_of_the_checks()) > 25
    assert codes_of_the_checks() <= told | OF_CALLED_FLOWS | OF_TESTS


def found(steps: dict[str, Any], keys: dict[str, Any]) -> list[Finding]:
    return check(flow(steps, **keys), KINDS, NAMES)


@pytest.mark.parametrize(("name", "steps", "keys", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_a_flow_has_exactly_these_findings(
    name: str, steps: dict[str, Any], keys: dict[str, Any], expected: list[tuple[str, str, str, str]]
) -> None:
    findings = found(steps, keys)
    assert [(each.severity, each.code, each.step, each.field) for each in findings] == expected, findings
    assert blocks(findings) == any(severity == B for severity, *_ in expected)
    for finding in findings:
        assert finding.sentence.endswith(".")
        assert finding.mend.endswith((".", "?"))


def test_findings_name_steps_as_their_author_does() -> None:
    steps = {"t": {"type": "call_in", "config": {"numbers": ["line"]}, "name": "Our line"}}
    findings = check(from_data({"format": 1, "name": "x", "languages": ["en"], "steps": steps}), KINDS, NAMES)
    assert findings[0].sentence == "The exit “next” of “Our line” leads nowhere."


def test_a_mistyped_name_is_guessed() -> None:
    findings = found({"t": CALL, "a": put("loyalty_status", "1", "b"), "b": send("{{ loyality_status }}")}, {})
    assert findings[0].mend == "Did you mean “loyalty_status”?"


def test_a_circle_is_named_in_its_order() -> None:
    findings = found({"t": CALL, "a": send("Hi", "c"), "b": send("Hi", "a"), "c": send("Hi", "b")}, {})
    assert findings[0].sentence.endswith("“a” → “c” → “b” → “a”.")


def test_a_conflict_names_the_flow_that_holds_the_number() -> None:
    findings = found({"t": ("call_in", {"numbers": ["spare"]}, {"next": "end"})}, {})
    assert "“Other flow”" in findings[0].sentence


def test_an_older_config_is_read_as_today_and_a_newer_one_refused() -> None:
    def placed(format: int, config: dict[str, Any]) -> list[str]:
        steps = {
            "t": {"type": "call_in", "config": {"numbers": ["line"]}, "exits": {"next": "a"}},
            "a": {"type": "put", "format": format, "config": config, "exits": {"next": "end"}},
        }
        flow = from_data({"format": 1, "name": "x", "languages": ["en"], "steps": steps})
        return [finding.code for finding in check(flow, KINDS, NAMES)]

    assert placed(1, {"variable": "x", "value": "1"}) == ["variable_unused"]
    assert placed(2, {"variable": "x", "value": "1"}) == ["bad_config", "bad_config"]
    assert placed(3, {"name": "x", "value": "1"}) == ["newer_format"]


def test_a_thousand_steps_are_checked_in_under_two_seconds() -> None:
    steps: dict[str, Any] = {"t": ("call_in", {"numbers": ["line"]}, {"next": "s0"})}
    for n in range(0, 999, 3):
        after = f"s{n + 3}" if n + 3 < 999 else "end"
        fetch = {"url": f"https://e.com/{n}", "variable": f"v{n % 150}"}
        steps[f"s{n}"] = ("fetch", fetch, {"success": f"s{n + 1}", "not_found": f"s{n + 2}"})
        steps[f"s{n + 1}"] = fork(
            {"id": "x", "value": f"{{{{ v{n % 150} }}}}", "as": "text"}, x=after, otherwise=f"s{n + 2}"
        )
        steps[f"s{n + 2}"] = ("pause", {}, {"next": "s0" if n % 2 else after})
    long = flow(steps, on_hang_up="s2", on_failure="s5")
    began = time.perf_counter()
    findings = check(long, KINDS, NAMES)
    assert time.perf_counter() - began < 20  # a busy machine takes a second; what grows with the square takes minutes
    assert {finding.code for finding in findings} <= {"endless_cycle", "variable_sometimes_set"}


def test_hostile_configs_give_findings_and_no_crash() -> None:
    hostile: list[dict[str, Any]] = [
        {"cases": [{}]},
        {"cases": {"id": 1}},
        {"cases": [None, "x", {"id": []}]},
        {"x": {"y": [[[]]]}},
    ]
    for config in hostile:
        assert blocks(found({"t": CALL, "a": ("fork", config, {"otherwise": "end"})}, {}))
    with pytest.raises(FlowError):
        from_data({"format": 1, "name": "x", "languages": ["en"], "steps": {"a": {"type": "fork", "config": {1: 2}}}})
