from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flows.effect import UpdateContact
from flows.values import Value
from tests.steps.visits import Visit, step_of


def row(name: str, value: str, kind: str = "as_is", scope: str = "run") -> dict[str, str]:
    return {"name": name, "value": value, "type": kind, "scope": scope}


SETS: list[tuple[list[dict[str, str]], dict[str, Value]]] = [
    ([row("x", "hello")], {"x": "hello"}),
    ([row("x", "{{ n + 1 }}")], {"x": Decimal(3)}),
    ([row("x", "{{ n }} apples")], {"x": "2 apples"}),
    ([row("x", "{{ n }}", "text")], {"x": "2"}),
    ([row("x", "7", "number")], {"x": Decimal(7)}),
    ([row("x", "yes", "boolean")], {"x": True}),
    ([row("x", "2026-11-21", "date")], {"x": date(2026, 11, 21)}),
    ([row("x", "{{ [n, 'a'] }}", "list")], {"x": [Decimal(2), "a"]}),
    ([row("x", "{{ nobody }}")], {"x": None}),
    ([row("x", "{{ nobody }}", "number")], {"x": None}),
    ([row("n", "{{ m }}"), row("m", "{{ n }}")], {"n": Decimal(5), "m": Decimal(2)}),
]


@pytest.mark.parametrize(("rows", "sets"), SETS)
def test_rows_set_variables_from_what_was_known_before_any(rows: list[dict[str, str]], sets: dict[str, Value]) -> None:
    visit = Visit("set_variable", {"variables": rows}, variables={"n": Decimal(2), "m": Decimal(5)})
    assert (visit.left_by, visit.sets, visit.effects) == ("next", sets, [])


def test_a_row_for_the_contact_is_an_effect_and_no_variable() -> None:
    rows = [row("city", "Łódź", scope="contact"), row("x", "1")]
    visit = Visit("set_variable", {"variables": rows})
    assert (visit.sets, visit.effects) == ({"x": "1"}, [UpdateContact({"city": "Łódź"})])


@pytest.mark.parametrize(
    ("value", "kind", "error"),
    [
        ("many", "number", "type_mismatch"),
        ("2026-02-30", "date", "type_mismatch"),
        ("a", "list", "type_mismatch"),
        ("{{ 'a' * 9 }}", "as_is", "expression_error"),
        ("{{ big }}", "as_is", "too_large"),
        ("{{ big }}!", "as_is", "too_large"),
    ],
)
def test_a_value_that_cannot_be_had_fails_by_name_and_sets_nothing(value: str, kind: str, error: str) -> None:
    rows = [row("first", "1"), row("x", value, kind)]
    visit = Visit("set_variable", {"variables": rows}, variables={"big": ["y" * 9_000] * 8})
    assert (visit.left_by, visit.error, visit.sets) == ("failure", error, {})


def test_a_name_set_twice_is_a_finding() -> None:
    step = step_of("set_variable")
    twice: dict[str, Any] = {"variables": [row("x", "1"), row("x", "2")]}
    apart: dict[str, Any] = {"variables": [row("x", "1"), row("x", "2", scope="contact")]}
    assert [problem.code for problem in step.problems(twice)] == ["variable_twice"]
    assert list(step.problems(apart)) == []
    assert list(step.variables(apart)) == [("x", None, ("next",))]


def test_end_gives_its_outcome_and_outputs() -> None:
    config = {"outcome": "sold", "outputs": [{"name": "total", "value": "{{ n }}"}]}
    run = Visit("end", config, variables={"n": Decimal("12.50")}).run
    assert (run.status, run.outcome, run.outputs) == ("ended", "sold", {"total": Decimal("12.50")})
    assert Visit("end", {}).run.outcome == "completed"
