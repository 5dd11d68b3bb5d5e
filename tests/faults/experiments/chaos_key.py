"""Everything is killed, at random and at every labelled place, while messages are answered by a provider with keys."""

from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.kill_run import FULL, chaos

NAME = "chaos-key"
PROMISE = "Whatever is killed, every message is answered once and in order; the provider ignores a repeated key."
DATABASES: Sequence[DatabaseKind] = ("postgresql",)


def run(database: DatabaseKind, seed: int) -> Figures:
    """The full size."""
    return chaos(FULL, database, seed, "key")
