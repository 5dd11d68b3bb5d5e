"""The filters that work on numbers and lists."""

from collections.abc import Callable
from datetime import date
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from functools import partial
from typing import Any

from flows.expression_filter import Filter, as_list, as_number, as_text, as_whole, converted
from flows.expression_operations import add, composed, contains, look_up, order
from flows.expression_state import MAXIMUM_PARTS, ExpressionError, check_length
from flows.values import TooLarge, Value, bounded, described, to_text, type_of

# Wide enough for any number a variable may hold, so that rounding never fails.
_WIDE = Context(prec=1_000)


def _round(value: Value, places: Value) -> Decimal:
    return _rounded(as_number(value), as_whole(places, 0, 20, 0))


def _int(value: Value) -> Decimal:
    return as_number(value).to_integral_value(ROUND_DOWN, _WIDE)


def _abs(value: Value) -> Decimal:
    return as_number(value).copy_abs()


def _format_number(value: Value, places: Value, point: Value, group: Value) -> str:
    number = as_number(value)
    if places is not None:
        number = _rounded(number, as_whole(places, 0, 20, 0))
    sign, between = "." if point is None else as_text(point), "" if group is None else as_text(group)
    if len(sign) > 3 or len(between) > 3:
        raise ExpressionError("", "The point and the sign between groups have three characters at most.")
    whole, _, decimals = f"{abs(number):f}".partition(".")
    check_length(len(whole) * 2 + len(decimals))
    grouped = f"{int(whole):,}".replace(",", between)
    return ("-" if number < 0 else "") + grouped + (sign + decimals if decimals else "")


def _default(value: Value, otherwise: Value, also_empty: Value) -> Value:
    return otherwise if value is None or (also_empty and not value) else value


def _length(value: Value) -> Decimal:
    if isinstance(value, str | list | dict):
        return Decimal(len(value))
    raise ExpressionError("", f"Texts, lists and objects have a length, {described(type_of(value))} has none.")


def _first(value: Value) -> Value:
    return value[:1] if isinstance(value, str) else look_up(as_list(value), Decimal(0))


def _last(value: Value) -> Value:
    return value[-1:] if isinstance(value, str) else look_up(as_list(value), Decimal(-1))


def _sort(value: Value) -> Value:
    parts = as_list(value)
    if len(parts) > MAXIMUM_PARTS:
        raise TooLarge(f"A list of at most {MAXIMUM_PARTS:,} elements is sorted.")
    return sorted(parts, key=_rank(parts))


def _unique(value: Value) -> Value:
    kept: dict[tuple[str | None, str | Decimal], Value] = {}
    for part in as_list(value):
        kept.setdefault((type_of(part), part if isinstance(part, Decimal) else to_text(part)), part)
    return list(kept.values())


def _pluck(value: Value, key: Value) -> Value:
    return [look_up(part, key) for part in as_list(value)]


def _least(value: Value) -> Value:
    parts = as_list(value)
    return min(parts, key=_rank(parts), default=None)


def _greatest(value: Value) -> Value:
    parts = as_list(value)
    return max(parts, key=_rank(parts), default=None)


def _sum(value: Value) -> Value:
    total: Value = Decimal(0)
    for part in as_list(value):
        total = add(total, as_number(part))
    return total


def _rank(parts: list[Value]) -> Callable[[Any], Any]:
    """What `sorted` compares instead of calling `order` for each pair, which takes ten times as long.

    Raises:
        ExpressionError: they cannot all be put in order.
    """
    if len(set(map(type, parts))) > 1 or (parts and not isinstance(parts[0], Decimal | str | date)):
        for part in parts:
            order(parts[0], part)
    return composed if parts and isinstance(parts[0], str) else lambda part: part


def _rounded(number: Decimal, places: int) -> Decimal:
    return bounded(number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, _WIDE))


NUMBER_FILTERS = (
    Filter(
        "number", "The value as a number.", '{{ ("12.50" | number) * 2 }}', "25", partial(converted, wanted="number")
    ),
    Filter("int", "The whole part of a number.", '{{ "12.9" | int }}', "12", _int),
    Filter(
        "round",
        "Rounded to whole numbers, or to so many places; a half goes up.",
        "{{ 2.345 | round(2) }}",
        "2.35",
        _round,
        ("places",),
    ),
    Filter("abs", "The number without its sign.", "{{ -5 | abs }}", "5", _abs),
    Filter(
        "format_number",
        "The number as people write it: places, the point's sign, the sign between groups of three digits.",
        '{{ 1234567.5 | format_number(2, ",", " ") }}',
        "1 234 567,50",
        _format_number,
        ("places", "point", "group"),
    ),
    Filter("boolean", "The value as yes or no.", '{{ "yes" | boolean }}', "true", partial(converted, wanted="boolean")),
    Filter(
        "default",
        "Another value when it is missing; with `true` after it, also when it is empty.",
        '{{ none | default("friend") }}',
        "friend",
        _default,
        ("otherwise", "also_empty"),
        required=1,
        takes_missing=True,
    ),
)

LIST_FILTERS = (
    Filter("length", "How many characters a text has, or elements a list.", '{{ ["a", "b"] | length }}', "2", _length),
    Filter("first", "The first element of a list or letter of a text.", '{{ ["a", "b"] | first }}', "a", _first),
    Filter("last", "The last element of a list or letter of a text.", '{{ ["a", "b"] | last }}', "b", _last),
    Filter(
        "contains",
        "Whether a text holds another, a list an element, or an object a key; capitals count.",
        '{{ ["gold", "platinum"] | contains("gold") }}',
        "true",
        contains,
        ("part",),
        required=1,
    ),
    Filter(
        "sort",
        "The list in order; its elements are all numbers, texts or dates.",
        "{{ [3, 1, 2] | sort }}",
        "[1,2,3]",
        _sort,
    ),
    Filter("unique", "The list without repetitions.", "{{ [1, 2, 1] | unique }}", "[1,2]", _unique),
    Filter(
        "pluck",
        "From a list of objects, the list of one of their fields.",
        '{{ [{"id": 7}, {"id": 8}] | pluck("id") }}',
        "[7,8]",
        _pluck,
        ("key",),
        required=1,
    ),
    Filter("min", "The least element of a list.", "{{ [3, 1, 2] | min }}", "1", _least),
    Filter("max", "The greatest element of a list.", "{{ [3, 1, 2] | max }}", "3", _greatest),
    Filter("sum", "The sum of a list of numbers.", "{{ [3, 1, 2] | sum }}", "6", _sum),
)
