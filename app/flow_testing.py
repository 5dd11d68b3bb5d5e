"""Runs the tests in a flow's document from a file: nothing is sent, called or asked in earnest."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.flow_files import read_flows
from app.flow_playing import constants_here
from app.step_host import installed_steps
from app.wiring import STEP_PACKAGES
from flows.facts import Facts
from flows.registry import Registry
from flows.testing import Tested, run_tests
from flows.testing.running import Given, with_stand_ins


@dataclass(frozen=True)
class Report:
    """What came of the tests in a file, as lines to print."""

    lines: Sequence[str]
    passed: bool


def run_file(settings: Settings, path: Path, beside: Sequence[Path] = ()) -> Report:
    """Runs all tests of the flows in a file; `beside` are files with flows that these call.

    Raises: OSError when a file cannot be read; flows.errors.FlowError when one is not what it should be.
    """
    tested = read_flows(settings, path)
    known = {flow.name: flow for more in beside for flow in read_flows(settings, more)}
    flows = {**known, **{flow.name: flow for flow in tested}}
    registry = Registry.discover(STEP_PACKAGES, installed_steps())
    constants = constants_here(settings)
    lines: list[str] = []
    passed = True
    for flow in tested:
        facts = Facts(constants=with_stand_ins(flow, registry, constants))
        results = list(run_tests(flow, Given(registry, facts, flows, settings.limits)))
        lines += [f"{flow.name}: {_line(one)}" for one in results] or [f"{flow.name}: there are no tests."]
        passed = passed and all(one.passed for one in results)
    return Report(lines, passed)


def _line(one: Tested) -> str:
    return f"ok      {one.name}" if one.difference is None else f"FAILED  {one.name}. {one.difference.sentence}"
