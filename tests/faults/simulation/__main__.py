"""Simulates seeds, replays one, or shows which seed finds each planted fault.

    python -m tests.faults.simulation --seeds 0-1999 --processes 2
    python -m tests.faults.simulation --seed 17 --trace
    python -m tests.faults.simulation --mutations [NAME ...]

The exit code is 1 when a promise was broken, or a planted fault was not found.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence

from tests.faults.simulation.mutations import MUTATIONS
from tests.faults.simulation.plans import draw
from tests.faults.simulation.seeds import first_catch, run_seed, run_seeds


def main() -> int:
    """Does what the command line says; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.simulation", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("--seeds", default="0-1999", help="from-to")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, help="only this one")
    parser.add_argument("--trace", action="store_true", help="prints its schedule")
    parser.add_argument("--mutations", nargs="*", metavar="NAME", help="which seed finds each; all without a name")
    given = parser.parse_args()
    first, _, last = given.seeds.partition("-")
    seeds = range(int(first), int(last or first) + 1)
    if given.mutations is not None:
        return _mutations(given.mutations or list(MUTATIONS), seeds)
    if given.seed is not None:
        return _one(given.seed, given.trace)
    began = time.monotonic()
    tally = run_seeds(seeds, given.processes)
    figures = {
        "seeds": tally.seeds,
        "steps": tally.steps,
        **tally.faults,
        "seconds": round(time.monotonic() - began, 1),
        "cpu_ms_a_seed": round(tally.cpu_seconds / max(tally.seeds, 1) * 1_000, 1),
        "broken": tally.broken,
    }
    print(json.dumps(figures))  # noqa: T201  what the command is for
    return 1 if tally.broken else 0


def _one(seed: int, traces: bool) -> int:
    trace: list[str] | None = [] if traces else None
    outcome = run_seed(seed, trace)
    for line in (str(draw(seed)), *(trace or ()), f"fingerprint {outcome.fingerprint:08x}", *outcome.broken):
        print(line)  # noqa: T201  what the command is for
    return 1 if outcome.broken else 0


def _mutations(names: Sequence[str], seeds: Sequence[int]) -> int:
    missed = 0
    for name in names:
        outcome = first_catch(name, seeds)
        missed += outcome is None
        found = f"seed {outcome.seed}: {outcome.broken[0]}" if outcome else "not found"
        print(f"{name} ({MUTATIONS[name][0]}): {found}", flush=True)  # noqa: T201  what the command is for
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
