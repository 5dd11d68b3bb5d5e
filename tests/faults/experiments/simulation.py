"""Ten thousand worlds by seed, and faults planted into the runtime that some of them must find."""

import os
from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.simulation.mutations import CAUGHT_BY, MUTATIONS
from tests.faults.simulation.seeds import run_seed, run_seeds

NAME = "simulation"
PROMISE = "Whatever the order of things: nothing lost, nothing twice, nothing out of order, and every wait ends."
DATABASES: Sequence[DatabaseKind] = ("sqlite",)
COMPUTES = True

_SEEDS = 10_000


def run(database: DatabaseKind, seed: int) -> Figures:
    """Seed 1 runs the worlds from 0 on, seed 2 the next ten thousand."""
    figures = Figures()
    first = (seed - 1) * _SEEDS
    tally = run_seeds(range(first, first + _SEEDS), processes=os.cpu_count() or 1)
    found = [name for name in MUTATIONS if run_seed(CAUGHT_BY[name], mutation=name).broken]
    figures.values = {
        "worlds": tally.seeds,
        "steps": tally.steps,
        **tally.faults,
        "worlds with a broken promise": len(tally.broken),
        "milliseconds of one processor a world": round(tally.cpu_seconds / tally.seeds * 1_000, 1),
        "planted faults": len(MUTATIONS),
        "of them found": len(found),
    }
    for number, broken in tally.broken.items():
        figures.expect(False, f"seed {number}: {broken[0]}")
    figures.expect(len(found) == len(MUTATIONS), f"not found: {', '.join(sorted(MUTATIONS.keys() - set(found)))}")
    return figures
