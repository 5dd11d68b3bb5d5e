"""Runs one experiment and prints one line of JSON; `--list` names them all, `prove` runs them all and writes them down.

    python -m tests.faults chaos-key --database postgresql --seed 1
    python -m tests.faults prove

The exit code is 1 when a promise was broken.
"""

import argparse
import json
import os
import sys
import time

from tests.faults.experiments import Experiment, experiments
from tests.faults.machine import busy_percent
from tests.faults.proving import prove


def main() -> int:
    """Does what the command line says; the exit code."""
    known = experiments()
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", nargs="?", choices=[*known, "prove"], metavar="NAME", help="an experiment, or prove")
    parser.add_argument("--database", choices=("postgresql", "sqlite"), help="by default the experiment's first")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--list", action="store_true", help="names every experiment with its promise")
    parser.add_argument(
        "--only", choices=list(known), metavar="NAME", help="prove this one, and keep the others' lines"
    )
    given = parser.parse_args()
    if given.list:
        for one in known.values():
            print(f"{one.name} ({', '.join(one.databases)}): {one.promise}")  # noqa: T201  what the option is for
        return 0
    if given.name == "prove":
        return prove(list(known.values()), given.seed, given.only)
    if given.name is None:
        parser.error("name an experiment: --list shows them")
    return _run(parser, known[given.name], given.database, given.seed)


def _run(parser: argparse.ArgumentParser, experiment: Experiment, wish: str | None, seed: int) -> int:
    database = next((one for one in experiment.databases if wish in (None, one)), None)
    if database is None:
        parser.error(f"{experiment.name} runs on {' and '.join(experiment.databases)} only")
    before, others = time.monotonic(), busy_percent()
    figures = experiment.run(database, seed)
    line = {
        "experiment": experiment.name,
        "database": database,
        "seed": seed,
        "figures": figures.values,
        "broken": figures.broken,
        "seconds": round(time.monotonic() - before, 1),
        "others_percent": others,
        "load_after": round(os.getloadavg()[0], 1),
    }
    print(json.dumps(line))  # noqa: T201  what the command is for
    return 1 if figures.broken else 0


if __name__ == "__main__":
    sys.exit(main())
