"""Two hundred and fifty messages a second while one of two workers is killed every one or two seconds."""

from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.load_run import LoadRun, load_run

NAME = "chaos-load"
PROMISE = "Under load and kills nothing is lost or repeated, no innocent is set aside, and the backlog is gone in 10 s."
DATABASES: Sequence[DatabaseKind] = ("postgresql",)
ALONE = True


def run(database: DatabaseKind, seed: int) -> Figures:
    """As large as the promise."""
    return load_run(LoadRun(database, seed))
