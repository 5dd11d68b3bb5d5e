"""The runtime agrees with the model, whatever the order of things, on both databases; planted faults are found."""

from collections.abc import Iterator

import pytest

from app.config import Settings
from tests.faults.properties.mutations import FOUND_BY, MUTATIONS
from tests.faults.properties.place import Place, open_place
from tests.faults.properties.running import outcome_of, run_examples

_EXAMPLES = {"sqlite": 60, "postgresql": 25}  # make prove runs more
_SEEN = {"message_received", "message_received kept", "message_accepted", "message_failed", "message_status",
         "timer_fired", "agent_replied", "agent_took_over", "agent_closed", "messages sent", "messages cancelled",
         "messages dead", "deaths"}  # fmt: skip
_FEW = 30
_OTHER_SEEDS = range(8)


@pytest.fixture
def place(settings: Settings) -> Iterator[Place]:
    with open_place(settings) as made:
        yield made


@pytest.fixture
def sqlite_place(sqlite_url: str, data_folder: object) -> Iterator[Place]:
    with open_place(Settings.from_environment({"DATABASE_URL": sqlite_url, "PATCHBAY_DATA": str(data_folder)})) as made:
        yield made


def test_whatever_happens_in_any_order_comes_to_what_the_model_says(place: Place) -> None:
    wanted = _EXAMPLES[place.room.house.database.engine.dialect.name]
    counts = run_examples(place, wanted, 1)
    assert counts["examples"] >= wanted
    never = _SEEN - counts.keys()
    assert not never, "these examples show nothing of it"


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_planted_fault_is_found(name: str, sqlite_place: Place) -> None:
    # A change of the runtime, or of a rule, changes examples: then another seed finds it.
    seeds = [FOUND_BY[name], *_OTHER_SEEDS]
    assert any(outcome_of(sqlite_place, _FEW, one, name).broken for one in seeds)


def test_a_seed_is_the_same_examples_each_time(sqlite_place: Place) -> None:
    assert run_examples(sqlite_place, 5, 1) == run_examples(sqlite_place, 5, 1)
