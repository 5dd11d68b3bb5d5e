"""Every example flow is in order, written canonically, and passes the tests that stand in its document."""

from collections import defaultdict
from functools import cache
from pathlib import Path

import pytest

from flows.changed import changed
from flows.check import InstallationNames, check
from flows.document import Flow, from_data, read, to_data, write
from flows.facts import Facts
from flows.player.moves import Advanced
from flows.player.simulation import Around, Simulation
from flows.player.state import Simulated
from flows.registry import Registry
from flows.testing import read_one, run_tests
from flows.testing.running import Given

FOLDER = Path(__file__).parents[2] / "examples" / "flows"
FILES = sorted(FOLDER.glob("*.json"))
STEPS = Registry.discover(["steps"])
FLOWS: dict[str, Flow] = {flow.name: flow for flow in (read(path.read_bytes()) for path in FILES)}
GIVEN = Given(STEPS, Facts(constants={"customer_api": "https://crm.example.com"}), FLOWS)
# Only an installation can tell whether a named thing is there.
OF_INSTALLATIONS = {"missing_reference"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_is_written_as_the_product_writes_it(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == write(read(path.read_bytes()))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_has_nothing_to_mend(path: Path) -> None:
    findings = [one for one in check(read(path.read_bytes()), STEPS, InstallationNames()) if one.severity != "hint"]
    assert {one.code for one in findings} <= OF_INSTALLATIONS, findings


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_an_example_passes_its_own_tests(path: Path) -> None:
    told = list(run_tests(read(path.read_bytes()), GIVEN))
    assert [one.difference for one in told if not one.passed] == []


@cache
def visited() -> dict[str, set[str]]:
    """By flow, the steps that the tests of all examples come through."""
    found: dict[str, set[str]] = defaultdict(set)
    for flow in FLOWS.values():
        for index in range(len(flow.tests)):
            test = read_one(flow, index, STEPS)
            language = str(test.contact.get("language") or "")
            facts = changed(GIVEN.facts, contact=test.contact, language=language)
            around = Around(flows=FLOWS)
            simulation = Simulation(flow, STEPS, Simulated(test.clock, facts, answers=test.answers), around)
            for turn in test.turns:
                for move in turn.act(simulation):
                    for entry in move.trace if isinstance(move, Advanced) else ():
                        found[simulation.flow_of(entry["version"]).name].add(entry["step"])
    return found


@pytest.mark.parametrize("name", FLOWS)
def test_the_tests_of_the_examples_come_through_every_step(name: str) -> None:
    only_when_our_code_breaks = {FLOWS[name].on_failure}
    assert set(FLOWS[name].steps) - visited()[name] <= only_when_our_code_breaks


def test_there_are_a_dozen_examples_and_each_is_tested() -> None:
    assert len(FLOWS) == len(FILES) >= 12
    assert [name for name, flow in FLOWS.items() if not flow.tests] == []


@pytest.mark.parametrize(("switch", "way"), [("closed", "closed"), ("Holiday", "holiday"), ("open", "open")])
def test_the_emergency_switch_goes_before_the_calendar(switch: str, way: str) -> None:
    calendar = {"kind": "calendar_state_answer", "exists": True, "state": "open"}
    turns = [{"event": {"call": ""}, "expect": [{"exit": f"hours.{way}"}]}]
    flow = FLOWS["Opening hours"]
    for answers, passes in (({}, True), ({"hours": [calendar]}, False)):  # the calendar is not even asked
        test = {"id": "one", "name": "One", "answers": answers, "turns": turns}
        given = Given(STEPS, Facts(constants={"emergency": switch}))
        (told,) = run_tests(from_data({**to_data(flow), "tests": [test]}), given)
        assert told.passed is passes, told.difference
