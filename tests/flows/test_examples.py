"""Every example flow is in order, written canonically, and passes the tests that stand in its document."""

from pathlib import Path

import pytest

from flows.check import InstallationNames, check
from flows.document import Flow, from_data, read, to_data, write
from flows.facts import Facts
from flows.registry import Registry
from flows.testing import run_tests
from flows.testing.running import Given

FOLDER = Path(__file__).parents[2] / "examples" / "flows"
FILES = sorted(FOLDER.glob("*.json"))
STEPS = Registry.discover(["steps"])
FLOWS: dict[str, Flow] = {flow.name: flow for flow in (read(path.read_bytes()) for path in FILES)}
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
    given = Given(STEPS, Facts(constants={"customer_api": "https://crm.example.com"}), FLOWS)
    told = list(run_tests(read(path.read_bytes()), given))
    assert [one.difference for one in told if not one.passed] == []


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
