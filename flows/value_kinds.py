"""What a variable may hold: the seven kinds of value, their bounds, and the errors about them."""

from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Literal, TypeAlias

from flows.errors import FlowError

Value: TypeAlias = "str | Decimal | bool | date | datetime | list[Value] | dict[str, Value] | None"
ValueType = Literal["text", "number", "boolean", "date", "datetime", "list", "object"]

VALUE_TYPES: tuple[ValueType, ...] = ("text", "number", "boolean", "date", "datetime", "list", "object")

# Deeper data is an accident or an attack, and every reader of it would need a deep stack.
MAXIMUM_DEPTH = 64
# Every number that a program sends as a double fits (5e-324 … 1.8e308), and none fills a page when written out.
MAXIMUM_DIGITS = 400

_NAMES: Mapping[ValueType, str] = {
    "text": "a text",
    "number": "a number",
    "boolean": "yes or no",
    "date": "a date",
    "datetime": "a date with a time",
    "list": "a list",
    "object": "an object",
}


class TypeMismatch(FlowError):
    """A value is not of the type that is wanted."""


class TooLarge(FlowError):
    """A text, number or structure grew over its limit; nothing of it is used."""


def type_of(value: Value) -> ValueType | None:
    """The kind of a value; None for a missing one."""
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, Decimal):
        return "number"
    if isinstance(value, datetime):  # before date: a datetime is one
        return "datetime"
    if isinstance(value, date):
        return "date"
    if isinstance(value, list):
        return "list"
    if isinstance(value, dict):
        return "object"
    return None


def described(kind: ValueType | None) -> str:
    """The kind in the words of a sentence, with its article."""
    return _NAMES[kind] if kind else "missing"


def bounded(number: Decimal) -> Decimal:
    """The number itself; a nought without sign.

    Raises:
        TooLarge: it is not finite, or needs more than 400 digits before or after the point.
    """
    if not number.is_finite():
        raise TooLarge("A number must be finite.")
    if not number:
        return number.copy_abs() if abs(_exponent(number)) <= MAXIMUM_DIGITS else Decimal(0)
    if number.adjusted() >= MAXIMUM_DIGITS or _exponent(number) < -MAXIMUM_DIGITS:
        raise TooLarge(f"A number has at most {MAXIMUM_DIGITS} digits before the point and {MAXIMUM_DIGITS} after it.")
    return number


def check_depth(depth: int) -> None:
    """Raises TooLarge when a structure is nested more than 64 deep."""
    if depth > MAXIMUM_DEPTH:
        raise TooLarge(f"Lists and objects may be nested {MAXIMUM_DEPTH} deep, and this is deeper.")


def count_within(value: Value, limit: int) -> int:
    """A measure of a value's size: its characters plus its parts. Counting stops soon after the limit.

    Made for values that share parts (a list of the same long list twice): they weigh what writing them out would.
    """
    size = 0
    parts: list[Value] = [value]
    while parts and size <= limit:
        part = parts.pop()
        size += 1
        if isinstance(part, str):
            size += len(part)
        elif isinstance(part, list):
            parts.extend(part[: limit + 1])
        elif isinstance(part, dict):
            size += sum(map(len, part))
            parts.extend(list(part.values())[: limit + 1])
    return size


def _exponent(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return exponent if isinstance(exponent, int) else 0
