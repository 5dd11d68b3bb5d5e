"""The worker and web die at every labelled place of a turn, three times each, and one death is got over at a time."""

from collections.abc import Sequence

from tests.faults.experiments import DatabaseKind, Figures
from tests.faults.kill_run import KillRun, chaos
from tests.faults.monkey import places

NAME = "killed-at-every-place"
PROMISE = "A turn that died anywhere is run again and committed once; within 3 s, or 60 s after an unanswered send."
DATABASES: Sequence[DatabaseKind] = ("postgresql", "sqlite")
ALONE = True

_RECOVERED_SECONDS, _RECOVERED_AFTER_SEND_SECONDS = 3.0, 60.0


def run(database: DatabaseKind, seed: int) -> Figures:
    """Twenty messages around each death."""
    deaths = 3 * len(places())
    size = KillRun(messages=24 * deaths, kills=2 * deaths, trouble=0.0, calm=True, only_places=True)
    figures = chaos(size, database, seed, "key")
    for name, promised in (
        ("recovery_p99", _RECOVERED_SECONDS),
        ("recovery_after_unanswered_sends_p99", _RECOVERED_AFTER_SEND_SECONDS),
    ):
        seconds = figures.values[name]
        assert seconds is None or isinstance(seconds, float)
        figures.expect((seconds or 0.0) <= promised, f"{name} is {seconds} s, promised are {promised:g} s.")
    missed = figures.values["not_reached"]
    figures.expect(not missed, f"Nobody came by these places: {missed}.")
    return figures
