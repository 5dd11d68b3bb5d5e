"""Everything is killed at random while messages are answered; the provider ignores a repeated key."""

from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.kill_run import KillRun, kill_run

NAME = "chaos-key"
PROMISE = "Whatever is killed, every message is answered once and in order; the provider knows keys."
DATABASES: Sequence[DatabaseKind] = ("postgresql",)


def run(database: DatabaseKind, seed: int) -> Figures:
    """The full size."""
    result = kill_run(KillRun(database=database, messages=500, kills=60, seed=seed, mode="key"))
    figures = Figures(dict(result.figures))
    figures.expect(result.is_clean, "Something was lost, repeated, out of order or inconsistent: see the figures.")
    return figures
