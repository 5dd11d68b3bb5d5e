"""What the signs of an expression do to values: looking up, arithmetic, joining, comparing. None trusts a type."""

import unicodedata
from collections.abc import Callable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from flows.expression_state import ExpressionError, check_length, text_of
from flows.values import TooLarge, Value, bounded, described, type_of

_TRAPS = [InvalidOperation, DivisionByZero, Overflow]
# 50 digits hold any sum of money exactly; a quotient that never ends is cut at 28, as Python's own decimals are.
_EXACT = Context(prec=50, rounding=ROUND_HALF_EVEN, Emin=-350, Emax=399, traps=_TRAPS)
_QUOTIENT = Context(prec=28, rounding=ROUND_HALF_EVEN, Emin=-350, Emax=399, traps=_TRAPS)


def look_up(value: Value, key: Value) -> Value:
    """The part of plain data under a key: an object's value, a list's n-th element (-1 is the last), else missing."""
    if isinstance(value, dict):
        return value.get(key) if isinstance(key, str) else None
    if isinstance(value, list) and isinstance(key, Decimal) and -len(value) <= key < len(value):
        index = int(key)
        return value[index] if index == key else None
    return None


def add(left: Value, right: Value) -> Value:
    """The sum of two numbers, or one text after another; beside a text a missing value is an empty one."""
    if isinstance(left, str) and (isinstance(right, str) or right is None):
        return join_texts([left, right])
    if left is None and isinstance(right, str):
        return right
    return _calculated("+", _EXACT.add, left, right)


def subtract(left: Value, right: Value) -> Value:
    """The difference of two numbers."""
    return _calculated("-", _EXACT.subtract, left, right)


def multiply(left: Value, right: Value) -> Value:
    """The product of two numbers; never a text or list many times over."""
    return _calculated("*", _EXACT.multiply, left, right)


def divide(left: Value, right: Value) -> Value:
    """The quotient of two numbers, to 28 digits."""
    return _calculated("/", _QUOTIENT.divide, left, right)


def divide_whole(left: Value, right: Value) -> Value:
    """How many whole times the second number goes into the first, rounded down."""
    return _calculated("//", lambda a, b: _EXACT.divide(_EXACT.subtract(a, _remainder(a, b)), b), left, right)


def remainder(left: Value, right: Value) -> Value:
    """What whole division leaves, with the divisor's sign; never a text's formatting."""
    return _calculated("%", _remainder, left, right)


def negate(value: Value) -> Value:
    """The number with the other sign."""
    return subtract(Decimal(0), value)


def keep_sign(value: Value) -> Value:
    """The number as it is."""
    return add(Decimal(0), value)


def join_texts(values: list[Value]) -> str:
    """The values as one text; its length is known before it is built."""
    texts = [text_of(value) for value in values]
    check_length(sum(map(len, texts)))
    return "".join(texts)


def equal(left: Value, right: Value) -> bool:
    """Whether two values are of one type and the same; texts are compared composed (NFC), capitals count."""
    if isinstance(left, str) and isinstance(right, str):
        return left == right or composed(left) == composed(right)
    if type_of(left) != type_of(right):
        return False
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(equal, left, right))
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(equal(part, right[key]) for key, part in left.items())
    return left == right


def order(left: Value, right: Value) -> int:
    """-1, 0 or 1: whether the first comes before, with or after the second.

    Raises:
        ExpressionError: they are not both numbers, texts, dates or times.
    """
    if isinstance(left, Decimal) and isinstance(right, Decimal):
        return (left > right) - (left < right)
    if isinstance(left, str) and isinstance(right, str):
        first, second = composed(left), composed(right)
        return (first > second) - (first < second)
    both = type_of(left) == type_of(right)
    if both and isinstance(left, datetime) and isinstance(right, datetime):
        return (left > right) - (left < right)
    if both and isinstance(left, date) and isinstance(right, date):
        return (left > right) - (left < right)
    raise ExpressionError("", f"{_kinds(left, right)} cannot be put in order; turn one into the other's type first.")


def contains(whole: Value, part: Value) -> bool:
    """Whether a text holds a text, a list an element, or an object a key.

    Raises:
        ExpressionError: the whole is none of these, or a text is asked for something that is no text.
    """
    if isinstance(whole, list):
        return any(equal(element, part) for element in whole)
    if isinstance(whole, dict) and isinstance(part, str):
        return part in whole
    if isinstance(whole, str) and isinstance(part, str):
        return composed(part) in composed(whole)
    raise ExpressionError("", f"{_capital(described(type_of(whole)))} cannot contain {described(type_of(part))}.")


def composed(text: str) -> str:
    """The text in NFC, so that a letter typed in two pieces equals the one typed in one."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _calculated(sign: str, calculate: Callable[[Decimal, Decimal], Decimal], left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    if not isinstance(left, Decimal) or not isinstance(right, Decimal):
        texts = " or two texts" if sign == "+" else ""
        raise ExpressionError("", f"“{sign}” works between two numbers{texts}, not between {_kinds(left, right)}.")
    if sign in {"/", "//", "%"} and not right:
        raise ExpressionError("", f"“{sign}” cannot divide by nought.")
    try:
        return bounded(calculate(left, right))
    except (InvalidOperation, Overflow) as error:
        raise TooLarge(f"The result of “{sign}” is too large a number.") from error


def _remainder(left: Decimal, right: Decimal) -> Decimal:
    rest = _EXACT.remainder(left, right)
    return _EXACT.add(rest, right) if rest and (rest < 0) != (right < 0) else rest


def _kinds(left: Value, right: Value) -> str:
    return f"{described(type_of(left))} and {described(type_of(right))}"


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]
