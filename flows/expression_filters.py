"""The one list of filters and tests that an expression may use; the editor shows it as it stands."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal

from flows.expression_filter import Filter, Test, as_number
from flows.expression_filters_date import DATE_FILTERS
from flows.expression_filters_number import LIST_FILTERS, NUMBER_FILTERS
from flows.expression_filters_text import TEXT_FILTERS
from flows.expression_operations import contains, remainder
from flows.expression_state import ExpressionError
from flows.values import Value


def _is_present(value: Value) -> bool:
    return value is not None


def _is_missing(value: Value) -> bool:
    return value is None


def _is_empty(value: Value) -> bool:
    return value is None or value in ("", [], {}) or (isinstance(value, str) and not value.strip())


def _is_date(value: Value) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime)


def _is_even(value: Value) -> bool:
    return _leaves(value, Decimal(2), Decimal(0))


def _is_odd(value: Value) -> bool:
    return _leaves(value, Decimal(2), Decimal(1))


def _is_in(value: Value, whole: Value) -> bool:
    return contains(whole, value)


def _leaves(value: Value, divisor: Decimal, rest: Decimal) -> bool:
    if not isinstance(value, Decimal):
        raise ExpressionError("", "Only numbers are even or odd.")
    return remainder(as_number(value), divisor) == rest


FILTERS: Mapping[str, Filter] = {
    each.name: each for each in (*TEXT_FILTERS, *NUMBER_FILTERS, *LIST_FILTERS, *DATE_FILTERS)
}

TESTS: Mapping[str, Test] = {
    test.name: test
    for test in (
        Test("defined", "Whether there is a value.", "{{ 1 is defined }}", "true", _is_present),
        Test("undefined", "Whether the value is missing.", "{{ none is undefined }}", "true", _is_missing),
        Test("none", "Whether the value is missing.", "{{ 1 is none }}", "false", _is_missing),
        Test(
            "empty",
            "Whether it is missing, a text without letters, or a list or object without parts.",
            '{{ " " is empty }}',
            "true",
            _is_empty,
        ),
        Test("text", "Whether it is a text.", '{{ "5" is text }}', "true", lambda value: isinstance(value, str)),
        Test("string", "Whether it is a text.", "{{ 5 is string }}", "false", lambda value: isinstance(value, str)),
        Test(
            "number",
            "Whether it is a number.",
            '{{ "5" is number }}',
            "false",
            lambda value: isinstance(value, Decimal),
        ),
        Test(
            "boolean",
            "Whether it is yes or no.",
            "{{ true is boolean }}",
            "true",
            lambda value: isinstance(value, bool),
        ),
        Test("date", "Whether it is a date without a time.", '{{ "2026-11-21" | date is date }}', "true", _is_date),
        Test(
            "datetime",
            "Whether it is a date with a time.",
            "{{ now is datetime }}",
            "true",
            lambda value: isinstance(value, datetime),
        ),
        Test("list", "Whether it is a list.", "{{ [1] is list }}", "true", lambda value: isinstance(value, list)),
        Test(
            "object",
            "Whether it is an object.",
            '{{ {"a": 1} is object }}',
            "true",
            lambda value: isinstance(value, dict),
        ),
        Test("true", "Whether it is yes.", "{{ 1 is true }}", "false", lambda value: value is True),
        Test("false", "Whether it is no.", "{{ false is false }}", "true", lambda value: value is False),
        Test("even", "Whether the number is even.", "{{ 4 is even }}", "true", _is_even, takes_missing=False),
        Test("odd", "Whether the number is odd.", "{{ 4 is odd }}", "false", _is_odd, takes_missing=False),
        Test(
            "in",
            "Whether a list or a text holds it.",
            '{{ "a" is in ["a", "b"] }}',
            "true",
            _is_in,
            ("whole",),
            1,
            takes_missing=False,
        ),
    )
}
