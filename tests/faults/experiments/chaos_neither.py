"""The same as chaos-key with a provider that has neither keys nor a list: what got no answer stays unknown."""

from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.kill_run import SHORT, chaos

NAME = "chaos-neither"
PROMISE = "Nothing is sent twice, and exactly the sends that began and got no answer are shown as unknown."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")


def run(database: DatabaseKind, seed: int) -> Figures:
    """The short size."""
    return chaos(SHORT, database, seed, "neither")
