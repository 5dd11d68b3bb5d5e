"""Every experiment can be found by its name and says what it promises."""

import re

import pytest

from tests.faults import summary
from tests.faults.experiments import Experiment, experiments
from tests.faults.proving import PAGE, README, filled

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


def test_the_readme_shows_the_first_line_of_each_great_run() -> None:
    figures = {"messages": 10_000, "kills": 501, "lost": 0, "duplicated": 0, "out_of_order": 0, "unknown": 0}
    lines = [
        {"experiment": "chaos-key", "database": "postgresql", "figures": figures},
        {"experiment": "chaos-key", "database": "sqlite", "figures": {}},
        {
            "experiment": "chaos-load",
            "database": "postgresql",
            "figures": {**figures, "kills": {"worker both": 2, "worker child": 3}, "lost": 1},
        },
        {"experiment": "simulation", "database": "sqlite", "figures": {"worlds": 9, "crashes": 7, "messages": 8}},
    ]
    page = summary.filled("a\n<!-- figures: proved -->\nold\n<!-- end of figures -->\nb\n", lines)
    rows = [re.split(r" *\| *", line)[2:-1] for line in page.splitlines() if line.startswith("|")][2:]
    assert rows == [
        ["PostgreSQL", "10,000", "501", "0", "0", "0", "0"],
        ["PostgreSQL", "10,000", "5", "1", "0", "0", "0"],
        ["SQLite", "8", "7", "?", "?", "?", "0"],
    ]


def test_the_readme_has_a_place_for_the_table() -> None:

    assert README.read_text().count("<!-- figures: proved -->") == 1
