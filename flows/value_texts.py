"""Values as text and as each other: what a template prints, conversions, and when two texts are the same."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal

from flows.value_json import datetime_text, to_json
from flows.value_kinds import TooLarge, TypeMismatch, Value, ValueType, bounded, described, type_of

_NUMBER = re.compile(r"[+-]?\d{1,400}(\.\d{1,400})?([eE][+-]?\d{1,3})?")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}([.]\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_YES = frozenset({"true", "yes", "1"})
_NO = frozenset({"false", "no", "0"})


def to_text(value: Value) -> str:
    """What a template prints: whole numbers without a point, ISO dates, lists and objects as JSON, missing as nothing.

    Raises:
        TooLarge: the value is nested more than 64 deep.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal):
        return _number_text(value)
    if isinstance(value, datetime):
        return datetime_text(value)
    if isinstance(value, date):
        return value.isoformat()
    return to_json(value)


def convert(value: Value, wanted: ValueType) -> Value:
    """The value as the wanted type; a missing value stays missing.

    Texts are read as JSON and ISO 8601 write numbers and dates (a time without a zone is UTC); yes and no are read
    from true, yes, 1 and false, no, 0. A list or an object is only ever itself.

    Raises:
        TypeMismatch: it cannot be read so; the text is a sentence for the author.
    """
    kind = type_of(value)
    if kind is None or kind == wanted:
        return value
    converted = _CONVERTERS[wanted](value)
    if converted is None:
        raise TypeMismatch(f"{_quoted(value)} is {described(kind)} and cannot be read as {described(wanted)}.")
    return converted


def fold_text(text: str) -> str:
    """A text as comparisons see it: composed (NFC), without capitals, without white space around it."""
    if text.isascii():
        return text.strip().lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold()).strip()


def same_text(a: str, b: str, *, exact: bool = False) -> bool:
    """Whether two texts are the same: as `fold_text` sees them or, if exact, character by character."""
    return a == b if exact else a == b or fold_text(a) == fold_text(b)


def _number_text(number: Decimal) -> str:
    text = f"{bounded(number):f}"
    whole, point, decimals = text.partition(".")
    return whole if point and not decimals.strip("0") else text


def _as_text(value: Value) -> Value:
    return None if isinstance(value, list | dict) else to_text(value)


def _as_number(value: Value) -> Value:
    if not isinstance(value, str) or not _NUMBER.fullmatch(value.strip()):
        return None
    try:
        return bounded(Decimal(value.strip()))
    except TooLarge:
        return None


def _as_boolean(value: Value) -> Value:
    word = fold_text(to_text(value)) if isinstance(value, str | Decimal) else ""
    return True if word in _YES else False if word in _NO else None


def _as_date(value: Value) -> Value:
    if isinstance(value, datetime):
        return value.astimezone(UTC).date()
    if isinstance(value, str) and _DATE.fullmatch(value.strip()):
        try:
            return date.fromisoformat(value.strip())
        except ValueError:
            return None
    instant = _as_datetime(value) if isinstance(value, str) else None
    return instant.date() if isinstance(instant, datetime) else None


def _as_datetime(value: Value) -> Value:
    if isinstance(value, date):
        return datetime.combine(value, time(), UTC)
    if not isinstance(value, str):
        return None
    text = value.strip()
    try:
        if _DATE.fullmatch(text):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        if not _DATETIME.fullmatch(text):
            return None
        instant = datetime.fromisoformat(text)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _never(_value: Value) -> Value:
    return None


_CONVERTERS: Mapping[ValueType, Callable[[Value], Value]] = {
    "text": _as_text,
    "number": _as_number,
    "boolean": _as_boolean,
    "date": _as_date,
    "datetime": _as_datetime,
    "list": _never,
    "object": _never,
}


def _quoted(value: Value) -> str:
    if isinstance(value, list | dict):
        return "The value"
    text = to_text(value)
    return f"“{text[:60]}…”" if len(text) > 60 else f"“{text}”"
