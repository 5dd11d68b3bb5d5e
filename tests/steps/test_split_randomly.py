"""Splitting by chance: the shares come out, the same contact goes the same way, and a replay draws the same."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from flows.check import InstallationNames, check
from flows.document import from_data
from flows.facts import Facts
from flows.step import Take
from tests.steps.visits import STEPS, Visit, context_of, step_of

ARMS = [
    {"id": "a", "weight": 70},
    {"id": "b", "weight": 29.9},
    {"id": "c", "weight": 0.1},
    {"id": "never", "weight": 0},
]


def way(contact_id: str, arms: list[dict[str, Any]] = ARMS, *, run: str = "7", **config: Any) -> str:
    """The exit that a contact takes."""
    context = context_of({"arms": arms, **config}, facts=Facts(contact_id=contact_id))
    context.run = replace(context.run, id=run)
    taken = step_of("split_randomly").run(context)
    assert isinstance(taken, Take)
    return taken.exit


def test_the_shares_come_out_and_nobody_takes_a_way_without_a_share() -> None:
    counts = Counter(way(str(n)) for n in range(5_000))
    assert abs(counts["a"] - 3_500) < 150
    assert abs(counts["b"] - 1_495) < 150
    assert 0 < counts["c"] < 30
    assert counts["never"] == 0


def test_a_contact_goes_the_same_way_in_every_run_and_by_chance_where_that_is_not_wanted() -> None:
    assert {way("12", run=str(run)) for run in range(50)} == {way("12")}
    assert len({way("12", run=str(run), sticky=False) for run in range(50)}) > 1
    assert len({way("", run=str(run)) for run in range(50)}) > 1, "nobody to recognise"


def test_other_steps_and_flows_split_otherwise() -> None:
    def ways(flow: str, step: str) -> list[str]:
        found = []
        for n in range(40):
            context = context_of({"arms": ARMS}, facts=Facts(contact_id=str(n)))
            context.step, context.flow = step, replace(context.flow, name=flow)
            taken = step_of("split_randomly").run(context)
            assert isinstance(taken, Take)
            found.append(taken.exit)
        return found

    assert len({tuple(ways(*place)) for place in [("A", "x"), ("A", "y"), ("B", "x")]}) == 3
    assert ways("A", "x") == ways("A", "x")


def test_a_split_is_the_same_on_every_machine() -> None:
    """The first eight bytes of the SHA-256 of ["test","it","+48600100200"] as a share of a hundred."""
    visit = Visit("split_randomly", {"arms": ARMS}, contact={"phone": "+48600100200"})
    assert visit.why == {"drawn": "45.4437", "sticky": True}


@pytest.mark.parametrize("weights", [[33.3, 33.3, 33.3], [50, 49], [60, 60], [0, 0]])
def test_shares_that_are_not_a_hundred_are_a_finding_and_a_failure(weights: list[float]) -> None:
    arms = [{"id": f"a{n}", "weight": weight} for n, weight in enumerate(weights)]
    assert Visit("split_randomly", {"arms": arms}).error == "weights_not_100"
    assert codes(arms) == {"weights_not_100"}


@pytest.mark.parametrize("weights", [[33.3, 33.3, 33.4], [0.1] * 10 + [99], [100, 0]])
def test_shares_are_added_as_they_are_written(weights: list[float]) -> None:
    arms = [{"id": f"a{n}", "weight": weight} for n, weight in enumerate(weights)]
    assert codes(arms) == set()
    assert Visit("split_randomly", {"arms": arms}).error is None


def test_two_ways_of_one_name_are_a_finding() -> None:
    assert codes([{"id": "a", "weight": 50}, {"id": "a", "weight": 50}]) == {"exit_twice"}


def codes(arms: list[dict[str, Any]]) -> set[str]:
    """What is found about the ways."""
    exits = {arm["id"]: "end" for arm in arms}
    steps = {"it": {"type": "split_randomly", "config": {"arms": arms}, "exits": exits}}
    flow = from_data({"format": 1, "name": "Split", "languages": ["en"], "steps": steps})
    found = check(flow, STEPS, InstallationNames())
    return {finding.code for finding in found if finding.step == "it"} - {"unreachable"}
