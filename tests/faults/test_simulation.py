"""Worlds by seed: every promise holds in each, the same seed is the same world, and planted faults are found."""

import pytest

from tests.faults.simulation.mutations import CAUGHT_BY, MUTATIONS
from tests.faults.simulation.seeds import first_catch, run_seed, run_seeds

SEEDS = 2_000
_MORE_SEEDS = 500


def test_every_promise_is_kept_in_two_thousand_worlds() -> None:
    tally = run_seeds(range(SEEDS), processes=2)
    assert tally.broken == {}, "run: python -m tests.faults.simulation --trace --seed N"
    assert tally.seeds == SEEDS
    assert tally.faults["crashes"] >= SEEDS // 2
    assert tally.faults["freezes"] >= SEEDS // 8


@pytest.mark.parametrize("seed", [0, 33, 505, 656])
def test_the_same_seed_is_the_same_world(seed: int) -> None:
    first: list[str] = []
    again: list[str] = []
    assert run_seed(seed, first).fingerprint == run_seed(seed, again).fingerprint
    assert first == again
    assert run_seed(seed + 1).fingerprint != run_seed(seed).fingerprint


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_fault_is_found(name: str) -> None:
    outcome = first_catch(name, [CAUGHT_BY[name], *range(_MORE_SEEDS)])  # the runtime's changes change worlds
    assert outcome is not None
    assert run_seed(outcome.seed).broken == []
