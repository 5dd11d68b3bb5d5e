"""What a filter and a test are, as expressions use and the editor shows them; the reading of their inputs."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from flows.expression_state import ExpressionError, text_of
from flows.values import TypeMismatch, Value, ValueType, convert, described, type_of


@dataclass(frozen=True, slots=True)
class Filter:
    """A word after a bar, as in `{{ name | upper }}`: it makes a new value of one value and its parameters.

    example: a template without variables (but `now`, 21 November 2026, noon UTC); gives: the text it makes.
    apply: called with the value and all parameters, a left-out one as None. A missing value or required parameter makes
    the result missing without calling it, unless takes_missing: then nothing missing is worth a warning.
    reads_now: the turn's instant comes after the value.
    """

    name: str
    help: str
    example: str
    gives: str
    apply: Callable[..., Value]
    parameters: tuple[str, ...] = ()
    required: int = 0
    takes_missing: bool = False
    reads_now: bool = False


@dataclass(frozen=True, slots=True)
class Test:
    """A word after `is`, as in `{{ name is defined }}`: yes or no about one value. Its fields are a Filter's."""

    __test__ = False  # the name is Jinja's; pytest shall not collect it

    name: str
    help: str
    example: str
    gives: str
    apply: Callable[..., bool]
    parameters: tuple[str, ...] = ()
    required: int = 0
    takes_missing: bool = True
    reads_now: bool = False


def as_text(value: Value) -> str:
    """The text a filter works on; numbers, dates, yes and no as a template prints them.

    Raises:
        ExpressionError: it is a list or an object.
    """
    if isinstance(value, list | dict):
        raise ExpressionError("", f"A text is needed, and here stands {described(type_of(value))}.")
    return text_of(value)


def as_number(value: Value) -> Decimal:
    """The number a filter works on, also read from a text.

    Raises:
        ExpressionError: it is none.
    """
    number = converted(value, "number")
    if not isinstance(number, Decimal):
        raise ExpressionError("", "A number is needed, and here is none.")
    return number


def as_whole(value: Value, least: int, most: int, otherwise: int) -> int:
    """A whole number within bounds, or `otherwise` when the parameter was left out.

    Raises:
        ExpressionError: it is not whole or out of bounds.
    """
    if value is None:
        return otherwise
    number = as_number(value)
    if not least <= number <= most or number != number.to_integral_value():
        raise ExpressionError("", f"A whole number from {least} to {most} is needed here.")
    return int(number)


def as_list(value: Value) -> list[Value]:
    """The list a filter works on.

    Raises:
        ExpressionError: it is none.
    """
    if not isinstance(value, list):
        raise ExpressionError("", f"A list is needed, and here stands {described(type_of(value))}.")
    return value


def converted(value: Value, wanted: ValueType) -> Value:
    """The value as another type.

    Raises:
        ExpressionError: it cannot be read so.
    """
    try:
        return convert(value, wanted)
    except TypeMismatch as error:
        raise ExpressionError("", str(error)) from error
