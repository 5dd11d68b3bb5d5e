"""Worlds by seed: every promise holds in each, the same seed is the same world, and planted faults are found."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from sqlalchemy import Result, TextClause

from tests.faults.simulation.mutations import CAUGHT_BY, MUTATIONS
from tests.faults.simulation.places import QuickSession, the_place
from tests.faults.simulation.seeds import Tally, first_catch, run_seed, run_seeds

SEEDS = 2_000
_PARTS = 3  # one for each process that `make test` has on two processors
_MORE_SEEDS = 500


@pytest.mark.parametrize("part", range(_PARTS))
def test_every_promise_is_kept_in_two_thousand_worlds(part: int) -> None:
    tally = Tally()
    for seed in range(part, SEEDS, _PARTS):
        tally.add(run_seed(seed))
    assert tally.broken == {}, "run: python -m tests.faults.simulation --trace --seed N"
    assert tally.seeds >= SEEDS // _PARTS
    assert tally.faults["crashes"] >= tally.seeds // 2
    assert tally.faults["freezes"] >= tally.seeds // 8


def test_a_seed_is_the_same_world_in_another_process_and_after_others() -> None:
    there = run_seeds([0, 33, 505, 656], processes=1)
    assert there.fingerprints == {seed: run_seed(seed).fingerprint for seed in (656, 505, 33, 0)}


@pytest.mark.parametrize("seed", [0, 33, 505, 656])
def test_the_same_seed_is_the_same_world(seed: int) -> None:
    first: list[str] = []
    again: list[str] = []
    assert run_seed(seed, first).fingerprint == run_seed(seed, again).fingerprint
    assert first == again
    assert run_seed(seed + 1).fingerprint != run_seed(seed).fingerprint


def test_each_statement_of_the_runtime_is_planned_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connection, execute = the_place().connection, QuickSession.execute
    planned: Counter[str] = Counter()

    def watched(self: QuickSession, statement: TextClause, values: Mapping[str, Any] | None = None) -> Result[Any]:
        before = planned["parts"]
        result = execute(self, statement, values)
        planned[statement.text] += planned["parts"] > before
        return result

    def authorize(*_: object) -> int:  # SQLite asks for each part of a statement whenever it plans it
        planned["parts"] += 1
        return 0

    monkeypatch.setattr(QuickSession, "execute", watched)
    connection.set_authorizer(authorize)
    try:
        for seed in range(5):
            assert run_seed(seed).broken == []
    finally:
        connection.set_authorizer(None)
    del planned["parts"]
    assert len(planned) > 50
    assert [statement for statement, times in planned.items() if times != 1] == []


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_fault_is_found(name: str) -> None:
    outcome = first_catch(name, [CAUGHT_BY[name], *range(_MORE_SEEDS)])  # the runtime's changes change worlds
    assert outcome is not None
    assert run_seed(outcome.seed).broken == []
