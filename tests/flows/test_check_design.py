"""The VIP flow of the design has nothing to mend; each fault planted into it is found, with the built-in steps."""

from typing import Any

import pytest

from flows.check import InstallationNames, Slot, check
from flows.document import from_data
from flows.registry import Registry
from tests.flows.documents import case, changed, vip_calls

STEPS = Registry.discover(["steps"])
NAMES = InstallationNames(
    credentials=frozenset({"crm"}),
    queues=frozenset({"standard"}),
    numbers={"support-line": frozenset({"calls"}), "chat": frozenset({"messages"})},
    claimed={Slot("chat", "messages"): "Chat"},
)
_KEY = "sk_live_" + "4eC39HqLyjWDarjtT1"
_LOOP = {"type": "set_variable", "config": {"variables": [{"name": "n", "value": "1"}]}, "exits": {"next": "sorry"}}
_ASKS = {"type": "ask_question", "config": {"text": {"en": "Hi", "pl": "Hej"}, "answer": {"kind": "text"}}}

# (where, what is planted there, the findings that follow as (severity, code, step))
PLANTED: list[tuple[str, Any, set[tuple[str, str, str]]]] = [
    ("steps.best.exits.closed", ..., {("blocking", "open_exit", "best")}),
    ("steps.loyalty.exits.failure", ..., set()),
    ("steps.missed.type", "write_poem", {("blocking", "unknown_type", "missed")}),
    ("steps.loyalty.config.credential", "crm2", {("blocking", "missing_reference", "loyalty")}),
    ("steps.standard.config.target.queue", "gone", {("blocking", "missing_reference", "standard")}),
    ("steps.call.config.numbers", ["chat"], {("blocking", "number_unsuitable", "call")}),
    ("steps.sorry.exits.next", "sorry", {("blocking", "endless_cycle", "sorry")}),
    ("steps.tier.config.cases.0.conditions.0.value", "{{ loyalty }}", {("blocking", "variable_never_set", "tier")}),
    ("steps.tier.config.cases.0.conditions.0.value", "{{ loyalty", {("blocking", "bad_template", "tier")}),
    ("steps.tier.config.cases.0.match", "some", {("blocking", "bad_config", "tier")}),
    ("steps.loyalty.exits.not_found", "tier", {("warning", "variable_sometimes_set", "tier")}),
    ("steps.gold.exits.timed_out", "nobody", {("blocking", "missing_target", "gold")}),
    ("on_failure", "nobody", {("blocking", "missing_target", "")}),
    ("on_hang_up", ..., {("warning", "unreachable", "missed")}),
    ("steps.best", {**_ASKS, "exits": {"reply": "end", "invalid": "end", "timed_out": "end"}},
     {("blocking", "wrong_medium", "best")}),
    ("steps.call", {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "loyalty"}},
     {("blocking", "number_conflict", "call"), ("blocking", "wrong_medium", "best"),
      ("blocking", "wrong_medium", "gold"), ("blocking", "wrong_medium", "sorry")}),
    ("steps.spare", {"type": "incoming_call", "config": {"numbers": ["support-line"]}, "exits": {"next": "loyalty"}},
     {("blocking", "number_conflict", "spare")}),
    ("steps.standard.config.goes_on", "when_assigned",
     {("blocking", "open_exit", "standard"), ("warning", "exit_gone", "standard")}),
    ("variables.loyalty_status.type", "number",
     {("warning", "type_contradicted", "loyalty"), ("warning", "number_as_text", "tier")}),
    ("steps.sorry.config.text.pl", ..., {("warning", "text_missing", "sorry")}),
    ("steps.loyalty.config.url", f"https://crm.example.com/?key={_KEY}", {("warning", "looks_like_secret", "loyalty")}),
    ("steps.loyalty.config.headers", [{"name": "Authorization", "value": "let me in"}],
     {("warning", "looks_like_secret", "loyalty")}),
    ("steps.sorry.config.text.en", "{{ queue.position }}", {("blocking", "variable_never_set", "sorry")}),
    ("steps.missed.exits.success", "n", {("blocking", "missing_target", "missed")}),
    ("steps.extra", _LOOP, {("warning", "unreachable", "extra"), ("hint", "variable_unused", "extra")}),
    ("variables.unread", {"type": "text"}, {("hint", "variable_unused", "")}),
]  # fmt: skip


def test_the_flow_of_the_design_can_be_published() -> None:
    assert check(from_data(vip_calls()), STEPS, NAMES) == []


@pytest.mark.parametrize(("where", "value", "expected"), PLANTED, ids=[f"{row[0]}={row[1]!r:.30}" for row in PLANTED])
def test_a_planted_fault_is_found(where: str, value: Any, expected: set[tuple[str, str, str]]) -> None:
    findings = check(from_data(changed(where, value)), STEPS, NAMES)
    assert {(each.severity, each.code, each.step) for each in findings} == expected, findings


@pytest.mark.parametrize(
    ("kind", "config", "exits", "codes"),
    [
        ("send_message", {"text": {"en": "Hi", "pl": "Hej"}}, ("success",), ["endless_cycle"]),
        ("send_message", {"text": {"en": "Hi", "pl": "Hej"}, "wait_for": "delivered"},
         ("success", "not_delivered"), ["endless_cycle"]),
        ("forward_to_queue", {"target": {"queue": "standard"}}, ("full",), ["endless_cycle"]),
        ("forward_to_queue", {"target": {"queue": "standard"}}, ("closed", "timed_out"), []),
        ("menu", {"prompt": {"en": "Press 1", "pl": "Naciśnij 1"}, "choices": [{"key": "1"}]},
         ("no_input", "key_1"), []),
        ("menu", {"prompt": {"en": "Press 1", "pl": "Naciśnij 1"}, "choices": [{"key": "1"}]},
         ("failure",), ["endless_cycle"]),
    ],
)  # fmt: skip
def test_a_step_may_lead_back_to_itself_only_after_it_waited_for_somebody(
    kind: str, config: dict[str, Any], exits: tuple[str, ...], codes: list[str]
) -> None:
    step = STEPS.get(kind)
    assert step is not None
    ways = {way.id: "end" for way in step.exits(config)} | dict.fromkeys(exits, "best")
    data = changed("steps.best", {"type": kind, "config": config, "exits": ways})
    assert [each.code for each in check(from_data(data), STEPS, NAMES)] == codes


def test_talking_beside_people_is_found() -> None:
    data = changed("steps.standard.config.goes_on", "when_assigned")
    data["steps"]["standard"]["exits"] = dict.fromkeys(("assigned", "timed_out", "full", "out_of_hours"), "sorry")
    findings = check(from_data(data), STEPS, NAMES)
    assert [(each.code, each.step) for each in findings] == [("talks_beside_people", "sorry")]


def test_a_condition_that_asks_whether_there_is_a_value_is_no_fault() -> None:
    data = changed("steps.loyalty.exits.not_found", "tier")
    for row in data["steps"]["tier"]["config"]["cases"]:
        row["conditions"][0] = {"value": "{{ loyalty_status }}", "as": "any", "operator": "is_missing"}
    assert check(from_data(data), STEPS, NAMES) == []


def test_a_thousand_steps_of_the_built_in_kinds_are_checked() -> None:
    steps: dict[str, Any] = {"call": vip_calls()["steps"]["call"] | {"exits": {"next": "s0"}}}
    for n in range(0, 999, 3):
        after = f"s{n + 3}" if n + 3 < 999 else "end"
        fetch = {**vip_calls()["steps"]["loyalty"], "exits": {"success": f"s{n + 1}", "not_found": f"s{n + 2}"}}
        fork = {"cases": [case("gold"), case("platinum")]}
        steps[f"s{n}"] = fetch
        steps[f"s{n + 1}"] = {
            "type": "branch",
            "config": fork,
            "exits": dict.fromkeys(("gold", "platinum", "otherwise"), after),
        }
        steps[f"s{n + 2}"] = {"type": "say", "config": {"text": {"en": f"Hello {n}"}}, "exits": {"next": after}}
    flow = from_data({"format": 1, "name": "Long", "languages": ["en"], "steps": steps})
    assert check(flow, STEPS, NAMES) == []
