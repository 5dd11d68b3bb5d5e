"""The same as chaos-key with a provider that has no keys, but tells later what it took."""

from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.kill_run import FULL, chaos

NAME = "chaos-lookup"
PROMISE = "Whatever is killed, every message is answered once and in order; the provider can only be asked later."
DATABASES: Sequence[DatabaseKind] = ("postgresql",)


def run(database: DatabaseKind, seed: int) -> Figures:
    """The full size."""
    return chaos(FULL, database, seed, "lookup")
