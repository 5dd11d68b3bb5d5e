"""A short kill run on each database; the long ones are run by hand, with their figures in docs/performance.md."""

from typing import Literal

import pytest

from tests.faults.kill_run import KillRun, kill_run
from tests.faults.monkey import RANDOM, places, plan


@pytest.mark.parametrize(("database", "seed"), [("sqlite", 1), ("postgresql", 2)])
def test_nothing_is_lost_or_sent_twice_while_everything_is_killed(
    database: Literal["sqlite", "postgresql"], seed: int
) -> None:
    result = kill_run(KillRun(database=database, messages=120, kills=12, seed=seed))
    assert result.is_clean, result.figures


def test_a_long_enough_run_kills_at_every_labelled_place_and_every_kind_of_process() -> None:
    steps = plan(6 * len(places()), seed=1)
    assert set(places()) | set(RANDOM) == set(steps)
