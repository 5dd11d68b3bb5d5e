"""Every experiment can be found by its name and says what it promises."""

import pytest

from tests.faults.experiments import Experiment, experiments
from tests.faults.proving import PAGE, filled

ALL = list(experiments().values())


@pytest.mark.parametrize("experiment", ALL, ids=[one.name for one in ALL])
def test_an_experiment_is_called_by_its_module_and_promises_a_sentence(experiment: Experiment) -> None:
    assert experiment.run.__module__.rpartition(".")[2].replace("_", "-") == experiment.name
    assert experiment.promise.endswith(".")
    assert experiment.databases


def test_the_page_shows_each_experiments_figures_at_its_place_and_strangers_at_the_end() -> None:
    page = (
        "a\n<!-- figures: known -->\nold\n<!-- end of figures -->\nb\n<!-- figures: others -->\n<!-- end of figures -->"
    )
    known = {name: Experiment(name, f"{name} works.", ("sqlite",), ALL[0].run) for name in ("known", "new")}
    lines = [{"experiment": name, "database": "sqlite", "figures": {"lost_ones": 0}, "broken": []} for name in known]
    head = {
        "date": "2026-01-01",
        "machine": dict.fromkeys(("cores", "processor", "million_additions_ms", "others_percent")),
    }
    first, second = filled(page, head, lines, known).split("b\n")
    assert "old" not in first
    assert "known works." in first
    assert "| lost ones | 0 |" in first
    assert "new works." in second


@pytest.mark.parametrize("name", ["machine", "others"])
def test_the_page_has_places_for_the_machine_and_for_what_has_no_place(name: str) -> None:
    assert f"<!-- figures: {name} -->" in PAGE.read_text()
