"""Findings about the tests in a document, and what an editor draws of its steps."""

from pathlib import Path
from typing import Any

import pytest

from flows.check import InstallationNames, check
from flows.check.drawing import drawing
from flows.document import Flow, from_data, read, to_data
from flows.registry import Registry

VIP = read((Path(__file__).parents[2] / "examples/flows/vip_messages.json").read_bytes())


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(["steps"])


def found(registry: Registry, test: dict[str, Any], flow: Flow = VIP) -> list[tuple[str, str, str]]:
    """code, severity and place of the findings about a test."""
    tested = from_data({**to_data(flow), "tests": [{"id": "one", "name": "One", "turns": [], **test}]})
    findings = check(tested, registry, InstallationNames())
    return [(one.code, one.severity, one.field) for one in findings if one.code.startswith("test_")]


HELLO = {"message": "hello"}
ROWS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"turns": [{"event": HELLO, "expect": [{"exit": "tier.gold"}, {"visits": "note"}, {"waits": "gold"}]}]}, []),
    ({"turns": [{"event": HELLO, "expect": [{"fails": "loyalty.timeout"}, {"exit": "loyalty.failure"}]}]}, []),
    ({"answers": {"loyalty": ["404"]}}, []),
    ({"answers": {"gone": ["404"]}}, [("test_step_missing", "answers.gone")]),
    (
        {"turns": [{"event": HELLO, "expect": [{"exit": "gone.next"}]}]},
        [("test_step_missing", "turns.0.expect.0.exit")],
    ),
    (
        {"turns": [{"event": HELLO, "expect": [{"exit": "tier.silver"}]}]},
        [("test_exit_missing", "turns.0.expect.0.exit")],
    ),
    ({"turns": [{"event": HELLO, "expect": [{"waits": "gone"}]}]}, [("test_step_missing", "turns.0.expect.0.waits")]),
    ({"turns": [{"event": {"dance": True}}]}, [("test_broken", "turns.0.event")]),
    (
        {"at": "soon", "turns": [{"event": {}, "expect": [{}]}, {"event": HELLO, "expect": [{}]}]},
        [("test_broken", "at"), ("test_broken", "turns.0.event"), ("test_broken", "turns.1.expect.0")],
    ),
]
CODES = {code for _, expected in ROWS for code, _ in expected}


@pytest.mark.parametrize(("test", "expected"), ROWS)
def test_what_a_test_names_has_to_be_there(
    registry: Registry, test: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert found(registry, test) == [(code, "warning", f"tests.0.{place}") for code, place in expected]


def test_steps_of_called_flows_may_be_named(registry: Registry) -> None:
    data = to_data(VIP)
    calls = {"type": "run_flow", "config": {"flow": "Other"}, "exits": {"completed": "end"}}
    flow = from_data({**data, "steps": {**data["steps"], "other": calls}})
    assert found(registry, {"answers": {"elsewhere": ["404"]}}, flow) == []


def test_an_editor_is_told_exits_summary_and_names_of_every_step(registry: Registry) -> None:
    data = to_data(VIP)
    strange = {"type": "no_such_step", "config": {}, "exits": {"sideways": "end"}}
    broken = {"type": "branch", "config": {"cases": 5}, "exits": {"otherwise": "end"}}
    flow = from_data({**data, "steps": {**data["steps"], "strange": strange, "broken": broken}})
    drawn = drawing(flow, registry)
    assert [way.id for way in drawn["strange"].exits] == ["failure", "sideways"]
    assert "otherwise" in [way.id for way in drawn["broken"].exits]
    assert drawn["broken"].summary == ""
    assert drawn["tier"].surely == ("customer_name", "loyalty_status", "phone")
    assert (drawn["standard"].surely, drawn["standard"].perhaps) == ((), ("customer_name", "loyalty_status", "phone"))
    assert drawn["loyalty"].title == "Loyalty status"
