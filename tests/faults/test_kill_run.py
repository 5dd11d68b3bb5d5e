"""The short chaos run: keys on PostgreSQL, look-ups on SQLite; the long ones are experiments (docs/faults.md)."""

import pytest

from tests.faults.experiments import DatabaseKind
from tests.faults.kill_run import SHORT, chaos
from tests.faults.monkey import DATABASE, RANDOM, places, plan


@pytest.mark.parametrize(("database", "mode", "seed"), [("postgresql", "key", 2), ("sqlite", "lookup", 1)])
def test_nothing_is_lost_or_sent_twice_while_everything_is_killed(database: DatabaseKind, mode: str, seed: int) -> None:
    figures = chaos(SHORT, database, seed, mode)
    assert not figures.broken, figures.values


def test_a_long_enough_run_kills_at_every_labelled_place_and_every_kind_of_process() -> None:
    deck = RANDOM + DATABASE
    assert set(places()) | set(deck) == set(plan(6 * len(places()), 1, deck, len(places())))
