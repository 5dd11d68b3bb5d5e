import unicodedata
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from flows.comparing import OPERATORS
from flows.values import Value
from tests.steps.visits import Visit, step_of


def one(value: str, kind: str, operator: str, operand: Any = None, **more: Any) -> Mapping[str, Any]:
    filled = {} if operand is None else {"operands": operand} if isinstance(operand, list) else {"operand": operand}
    condition = {"value": value, "as": kind, "operator": operator, **filled, **more}
    return {"cases": [{"id": "yes", "conditions": [condition]}]}


GOLD, FIVE, TRUE = "gold", Decimal(5), True
LIST: list[Value] = ["gold", Decimal(2)]
EMPTY: list[Value] = []
NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)  # the tests' now
HOLDS: list[tuple[str, Any, Any, dict[str, Any], Value, bool]] = [
    # text: folded and trimmed unless exact
    ("text", "is", "GOLD ", {}, GOLD, True),
    ("text", "is", "GOLD", {"exact": True}, GOLD, False),
    ("text", "is", "zażółć", {}, "ZAŻÓŁĆ", True),
    ("text", "is", "5", {}, FIVE, True),
    ("text", "is", unicodedata.normalize("NFD", "zażółć"), {}, "zażółć", True),
    ("text", "is", unicodedata.normalize("NFD", "zażółć"), {"exact": True}, "zażółć", False),  # as it is written
    ("text", "is", "strasse", {}, "STRAßE", True),
    ("text", "is", "gold", {"exact": True}, " gold ", False),
    ("text", "contains", "\u017c", {}, unicodedata.normalize("NFD", "ŻÓŁW"), True),
    ("text", "is_not", "silver", {}, GOLD, True),
    ("text", "is_not", "gold", {}, GOLD, False),
    ("text", "is_one_of", ["silver", "gold"], {}, GOLD, True),
    ("text", "is_one_of", ["{{ tiers }}"], {}, GOLD, True),
    ("text", "is_one_of", ["silver"], {}, GOLD, False),
    ("text", "contains", "OL", {}, GOLD, True),
    ("text", "contains", "OL", {"exact": True}, GOLD, False),
    ("text", "starts_with", "go", {}, GOLD, True),
    ("text", "starts_with", "ld", {}, GOLD, False),
    ("text", "ends_with", "ld", {}, GOLD, True),
    ("text", "ends_with", "go", {}, GOLD, False),
    ("text", "contains_phrase", "nie działa", {}, "Drukarka NIE\ndziała!", True),
    ("text", "contains_phrase", "nie działa", {}, "Drukarka niedziała", False),
    ("text", "contains_phrase", "nie dziala", {}, "nie działa", True),
    ("text", "contains_phrase", "nie działa", {"mode": "inflected", "language": "pl"}, "one nie działają", True),
    ("text", "contains_phrase", "nie działa", {}, "one nie działają", False),
    ("text", "contains_phrase", ["invoice", "bill"], {}, "my bill", True),
    ("text", "matches", "^pb-\\d+$", {}, "PB-10482", True),
    ("text", "matches", "^pb-\\d+$", {"exact": True}, "PB-10482", False),
    # number
    ("number", "equals", "5.0", {}, FIVE, True),
    ("number", "equals", "5", {}, "5.00", True),
    ("number", "equals", "5.01", {}, FIVE, False),
    ("number", "differs", "4", {}, FIVE, True),
    ("number", "at_most", "4.99", {}, FIVE, False),
    ("number", "at_least", "5.01", {}, FIVE, False),
    ("number", "between", "4", {"operand_to": "5"}, FIVE, True),  # both ends belong to it
    ("number", "differs", "5", {}, FIVE, False),
    ("number", "less", "5.1", {}, FIVE, True),
    ("number", "less", "5", {}, FIVE, False),
    ("number", "at_most", "5", {}, FIVE, True),
    ("number", "more", "4", {}, FIVE, True),
    ("number", "more", "10", {}, FIVE, False),
    ("number", "at_least", "5", {}, FIVE, True),
    ("number", "between", "5", {"operand_to": "6"}, FIVE, True),
    ("number", "between", "6", {"operand_to": "7"}, FIVE, False),
    ("number", "more", "1", {}, "many", False),
    # date: days where one side is a day, else instants
    ("date", "before", "2026-11-22", {}, date(2026, 11, 21), True),
    ("date", "before", "2026-11-21", {}, NOON, False),
    ("date", "after", "2026-11-20", {}, "2026-11-21T10:00:00Z", True),
    ("date", "after", "2026-11-21T11:00:00Z", {}, NOON, True),
    ("date", "after", "2026-11-21T12:00:00Z", {}, NOON, False),
    ("date", "before", "2026-11-21T13:30:00+01:00", {}, NOON, True),  # an instant, whatever zone it is written in
    ("date", "between", "2026-11-21", {"operand_to": "2026-11-21"}, NOON, True),
    ("date", "between", "2026-11-22", {"operand_to": "2026-11-23"}, NOON, False),
    ("date", "within_last", "7", {}, date(2026, 11, 14), True),
    ("date", "within_last", "7", {}, date(2026, 11, 13), False),
    ("date", "within_last", "7", {}, date(2026, 11, 22), False),
    ("date", "within_last", "2", {"unit": "hours"}, "2026-11-21T10:00:00Z", True),
    ("date", "within_last", "2", {"unit": "hours"}, "2026-11-21T09:59:59Z", False),
    ("date", "within_next", "90", {"unit": "minutes"}, "2026-11-21T13:30:00Z", True),
    ("date", "within_next", "7", {}, date(2026, 11, 20), False),
    ("date", "before", "2026-11-22", {}, "soon", False),
    # yes or no
    ("boolean", "is_true", None, {}, TRUE, True),
    ("boolean", "is_true", None, {}, False, False),
    ("boolean", "is_true", None, {}, "yes", True),
    ("boolean", "is_false", None, {}, TRUE, False),
    ("boolean", "is_false", None, {}, "no", True),
    ("boolean", "is_false", None, {}, "perhaps", False),
    # list
    ("list", "contains", "GOLD", {}, LIST, True),
    ("list", "contains", "GOLD", {"exact": True}, LIST, False),
    ("list", "contains", "2", {}, LIST, True),
    ("list", "contains", "3", {}, LIST, False),
    ("list", "contains_any", ["x", "gold"], {}, LIST, True),
    ("list", "contains_any", ["x"], {}, LIST, False),
    ("list", "contains_all", ["2", "gold"], {}, LIST, True),
    ("list", "contains_all", ["2", "x"], {}, LIST, False),
    ("list", "is_empty", None, {}, EMPTY, True),
    ("list", "is_empty", None, {}, LIST, False),
    ("list", "contains", "gold", {}, "gold", False),
    # anything
    ("any", "is_present", None, {}, "", True),
    ("any", "is_present", None, {}, None, False),
    ("any", "is_missing", None, {}, "", False),
    ("any", "is_missing", None, {}, None, True),
]


@pytest.mark.parametrize(("kind", "operator", "operand", "more", "value", "holds"), HOLDS)
def test_an_operator_compares(
    kind: str, operator: str, operand: Any, more: dict[str, Any], value: Value, holds: bool
) -> None:
    known: dict[str, Value] = {"x": value, "tiers": ["silver", "gold"]}
    visit = Visit("branch", one("{{ x }}", kind, operator, operand, **more), variables=known)
    assert visit.left_by == ("yes" if holds else "otherwise"), visit.why


def test_every_operator_of_every_type_has_a_row_that_holds_and_one_that_does_not() -> None:
    tried = {(kind, operator, holds) for kind, operator, _, _, _, holds in HOLDS}
    wanted = {(kind, operator) for kind, operators in OPERATORS.items() for operator in operators}
    assert tried == {(*pair, holds) for pair in wanted for holds in (True, False)}


# value, type to see it as, whether that takes a conversion, and what the trace says of it
CONVERSIONS: list[tuple[Value, str, str, Any, bool, str]] = [
    ("5", "number", "equals", "5", True, "The value was a text, read as a number."),
    (FIVE, "number", "equals", "5", False, ""),
    (FIVE, "text", "is", "5", True, "The value was a number, read as a text."),
    (True, "text", "is", "true", True, "The value was yes or no, read as a text."),
    ("yes", "boolean", "is_true", None, True, "The value was a text, read as yes or no."),
    ("2026-11-21", "date", "after", "2026-11-20", True, "The value was a text, read as a date."),
    ("2026-11-21T12:00:00Z", "date", "after", "2026-11-20", True, "The value was a text, read as a date with a time."),
    (NOON, "date", "after", "2026-11-20", False, ""),
    (LIST, "list", "contains", "gold", False, ""),
]


@pytest.mark.parametrize(("value", "kind", "operator", "operand", "converted", "note"), CONVERSIONS)
def test_a_comparison_that_had_to_convert_says_so(
    value: Value, kind: str, operator: str, operand: Any, converted: bool, note: str
) -> None:
    visit = Visit("branch", one("{{ x }}", kind, operator, operand), variables={"x": value})
    told = visit.why["cases"][0]["conditions"][0]
    assert (told["outcome"], told["converted"], told.get("note", "")) == ("true", converted, note)


# what the value is, and why no comparison of it can hold
UNREADABLE: list[tuple[Value, str, str, Any]] = [
    ("many", "number", "more", "1"),
    ("soon", "date", "before", "2026-11-22"),
    ("perhaps", "boolean", "is_true", None),
    ("gold", "list", "contains", "gold"),
    (FIVE, "date", "before", "2026-11-22"),
    (FIVE, "number", "less", "many"),
]


@pytest.mark.parametrize(("value", "kind", "operator", "operand"), UNREADABLE)
def test_a_value_that_cannot_be_read_so_makes_a_comparison_false_and_says_why(
    value: Value, kind: str, operator: str, operand: Any
) -> None:
    visit = Visit("branch", one("{{ x }}", kind, operator, operand), variables={"x": value})
    told = visit.why["cases"][0]["conditions"][0]
    assert (visit.left_by, told["outcome"]) == ("otherwise", "not_comparable")
    assert told["note"].endswith(".")


WORKED = [
    "Nie działa!",
    "NIE DZIAŁA drukarka",
    "nie\u00a0 działa",
    "nie\ndziała",
    "„nie działa”",
    "Drukarka nie działa!",
]
NOT_WORKED = ["drukarka niedziała", "działa", "nie zawsze działa", "nie działają"]


@pytest.mark.parametrize("decomposed", [False, True])
@pytest.mark.parametrize(
    ("text", "holds"), [*((text, True) for text in WORKED), *((text, False) for text in NOT_WORKED)]
)
def test_the_worked_examples_of_phrases_hold(text: str, holds: bool, decomposed: bool) -> None:
    said = unicodedata.normalize("NFD", text) if decomposed else text
    visit = Visit("branch", one("{{ x }}", "text", "contains_phrase", "nie działa"), variables={"x": said})
    assert visit.left_by == ("yes" if holds else "otherwise")


ALL_OPERATORS = sorted({(row[0], row[1]) for row in HOLDS if row[0] != "any"})


@pytest.mark.parametrize(("kind", "operator"), ALL_OPERATORS)
def test_a_missing_value_makes_every_comparison_false_and_says_so(kind: str, operator: str) -> None:
    visit = Visit("branch", one("{{ nobody }}", kind, operator, "1", operand_to="2", operands=["1"]))
    assert visit.left_by == "otherwise"
    told = visit.why["cases"][0]["conditions"][0]
    assert (told["outcome"], told["note"]) == ("missing", "The value is missing.")


def test_a_missing_operand_makes_a_comparison_false_too() -> None:
    visit = Visit("branch", one("{{ x }}", "text", "is_not", "{{ nobody }}"), variables={"x": "gold"})
    assert visit.left_by == "otherwise"
    assert visit.why["cases"][0]["conditions"][0]["outcome"] == "missing"


def test_the_trace_holds_every_case_with_values_types_and_outcomes() -> None:
    config = {
        "cases": [
            {"id": "many", "conditions": [{"value": "{{ n }}", "as": "number", "operator": "more", "operand": "10"}]},
            {"id": "some", "expression": "{{ n == '7' or true }}"},
            {"id": "never", "conditions": [{"value": "{{ n }}", "as": "any", "operator": "is_missing"}]},
        ]
    }
    visit = Visit("branch", config, variables={"n": "7"})
    assert visit.left_by == "some"
    assert visit.why == {
        "cases": [
            {
                "id": "many",
                "match": "all",
                "outcome": False,
                "conditions": [
                    {
                        "value": "7",
                        "type": "text",
                        "as": "number",
                        "operator": "more",
                        "operands": ["10"],
                        "operand_types": ["text"],
                        "outcome": "false",
                        "converted": True,
                        "note": "The value was a text, read as a number.",
                    }
                ],
            },
            {
                "id": "some",
                "match": "all",
                "outcome": True,
                "conditions": [
                    {
                        "expression": "{{ n == '7' or true }}",
                        "value": True,
                        "type": "boolean",
                        "outcome": "true",
                        "converted": False,
                    }
                ],
            },
            {"id": "never", "outcome": "not tried"},
        ]
    }


def test_a_case_that_cannot_be_worked_out_stands_in_the_trace_with_what_was_compared_before() -> None:
    works, breaks = (
        {"value": value, "as": "number", "operator": "more", "operand": "3"} for value in ("1", "{{ 1/0 }}")
    )
    config = {
        "cases": [
            {"id": "first", "conditions": [works]},
            {"id": "second", "match": "any", "conditions": [works, breaks]},
            {"id": "third", "conditions": [works]},
        ]
    }
    first, second, third = Visit("branch", config).why["cases"]
    assert (first["outcome"], second["outcome"], third["outcome"]) == (False, "failed", "not tried")
    assert [condition["value"] for condition in second["conditions"]] == ["1"]


@pytest.mark.parametrize(("kind", "operator"), [("text", "is"), ("number", "equals"), ("date", "after")])
def test_private_values_do_not_enter_the_trace(kind: str, operator: str) -> None:
    """Also where a sentence quotes them: a word is no number and no date."""
    config = one("{{ pin }}", kind, operator, "{{ pin }}")
    visit = Visit("branch", config, variables={"pin": "swordfish"}, private=["pin"])
    assert visit.left_by == ("yes" if kind == "text" else "otherwise")
    assert "swordfish" not in str(visit.entry)


@pytest.mark.parametrize(
    ("match", "a", "b", "left_by"),
    [
        ("all", "1", "1", "yes"),
        ("all", "1", "0", "otherwise"),
        ("any", "0", "1", "yes"),
        ("any", "0", "0", "otherwise"),
        ("none", "0", "0", "yes"),
        ("none", "0", "1", "otherwise"),
    ],
)
def test_a_case_says_how_many_conditions_must_hold(match: str, a: str, b: str, left_by: str) -> None:
    conditions = [{"value": value, "as": "boolean", "operator": "is_true"} for value in (a, b)]
    config = {"cases": [{"id": "yes", "match": match, "conditions": conditions}]}
    assert Visit("branch", config).left_by == left_by


BROKEN = [
    one("{{ 'a' * 5 }}", "text", "is", "a"),
    one("{{ x }}", "text", "matches", "["),
    one("{{ x }}", "text", "matches", "(a|aa)+$"),
    {"cases": [{"id": "yes", "expression": "{{ x * 2 }}"}]},
]


@pytest.mark.parametrize("config", BROKEN)
def test_what_cannot_be_worked_out_fails_and_names_the_case(config: Mapping[str, Any]) -> None:
    visit = Visit("branch", config, variables={"x": "a" * 4_000 + "b"})
    assert (visit.left_by, visit.error) == ("failure", "expression_error")
    assert "yes" in visit.message


@pytest.mark.parametrize(
    ("expression", "left_by"),
    [("{{ x }}", "yes"), ("{{ nobody }}", "otherwise"), ("{{ 'word' }}", "otherwise"), ("{{ not x }}", "otherwise")],
)
def test_an_expression_holds_when_it_says_yes(expression: str, left_by: str) -> None:
    config = {"cases": [{"id": "yes", "expression": expression}]}
    assert Visit("branch", config, variables={"x": True}).left_by == left_by


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        (one("{{ x }}", "text", "is", "a"), []),
        (one("{{ x }}", "text", "is"), ["operand_missing"]),
        (one("{{ x }}", "text", "is_one_of"), ["operand_missing"]),
        (one("{{ x }}", "number", "between", "1"), ["operand_missing"]),
        (one("{{ x }}", "text", "matches", "(a|b"), ["bad_pattern"]),
        (one("{{ x }}", "text", "matches", "{{ y }}("), []),
        (one("{{ x }}", "text", "contains", "(a|b"), []),
        ({"cases": [{"id": "otherwise", "expression": "{{ x }}"}]}, ["exit_twice"]),
        ({"cases": [{"id": "a", "expression": "{{ x }}"}, {"id": "a", "expression": "{{ x }}"}]}, ["exit_twice"]),
    ],
)
def test_cases_that_cannot_work_are_findings(config: Mapping[str, Any], codes: list[str]) -> None:
    assert [problem.code for problem in step_of("branch").problems(config)] == codes
