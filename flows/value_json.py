"""Values to and from JSON: exactly, for runs that are stored; and plainly, as other programs write and read it."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NoReturn

from flows.errors import FlowError
from flows.value_kinds import TooLarge, Value, bounded, check_depth

Json = Any  # parsed JSON, whose shape only the reader below knows

# A number's longest form: 400 digits on each side of the point, and an exponent.
_LONGEST_NUMBER = 1_000
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_NO_LINE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class NotJson(FlowError):
    """A text is not JSON that a run can hold."""


def clean_text(text: str) -> str:
    """The text with U+0000 and lone surrogates as U+FFFD: PostgreSQL refuses the one and UTF-8 the other."""
    return _UNSTORABLE.sub("\ufffd", text) if _UNSTORABLE.search(text) else text


def in_one_line(text: str) -> str:
    """The text, as `clean_text` makes it, with a space for its line breaks, tabs and other control characters."""
    return _NO_LINE.sub(" ", clean_text(text))


def is_one_line(text: str) -> bool:
    """Whether a text has no line breaks, tabs and other control characters: in a header they would begin another."""
    return not _NO_LINE.search(text)


def encode(value: Value, _depth: int = 0) -> Json:
    """A value as JSON data that `decode` turns back into an equal one; equal values of one kind encode alike.

    Texts, yes and no, lists and missing values are themselves; numbers, dates and times are tagged
    (`{"$number": "12.50"}`); an object's key that begins with "$" gets one more.

    Raises:
        TooLarge: the value is nested more than 64 deep, or holds a number out of bounds.
    """
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, Decimal):
        return {"$number": str(bounded(value))}
    if isinstance(value, datetime):
        return {"$datetime": datetime_text(value)}
    if isinstance(value, date):
        return {"$date": value.isoformat()}
    check_depth(_depth + 1)
    if isinstance(value, list):
        return [encode(part, _depth + 1) for part in value]
    return {_escaped(key): encode(part, _depth + 1) for key, part in value.items()}


def decode(data: Json, _depth: int = 0) -> Value:
    """The value that `encode` wrote; a bare whole number, as people write it, is a number too.

    Raises:
        NotJson: the data was not written by `encode`.
        TooLarge: as `encode`.
    """
    if data is None or isinstance(data, str | bool):
        return data
    if isinstance(data, int):
        return bounded(Decimal(data))
    check_depth(_depth + 1)
    if isinstance(data, list):
        return [decode(part, _depth + 1) for part in data]
    if not isinstance(data, dict):
        raise NotJson(f"A stored value cannot be a {type(data).__name__}.")
    if len(data) == 1:
        key, inner = next(iter(data.items()))
        if key in _TAGS:
            return _untagged(key, inner)
    return {_unescaped(key): decode(part, _depth + 1) for key, part in data.items()}


def from_json_text(text: str) -> Value:
    """JSON as another program wrote it: numbers become `Decimal` exactly, texts are cleaned.

    Of a key that stands twice in an object the last one counts, as in the parsers most programs use.

    Raises:
        NotJson: it is not JSON; NaN and Infinity are not.
        TooLarge: it is nested more than 64 deep, or a number has more than 400 digits on a side of its point.
    """
    try:
        data = json.loads(
            text.removeprefix("\ufeff"), parse_int=_number, parse_float=_number, parse_constant=_refuse_constant
        )
    except json.JSONDecodeError as error:
        raise NotJson(f"This is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from error
    except RecursionError:
        check_depth(1_000)  # the reader gives up at about that depth
        raise
    return from_plain(data)


def from_plain(data: object, _depth: int = 0) -> Value:
    """A value from plain Python data: whole numbers and floats become `Decimal`, texts are cleaned.

    Raises:
        NotJson: something in it has no place in a variable (bytes, a float that is not finite).
        TooLarge: as `from_json_text`.
    """
    if isinstance(data, str):
        return clean_text(data)
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, int | Decimal):
        return bounded(Decimal(data))
    if isinstance(data, float):
        return _number(repr(data))
    if isinstance(data, datetime):
        return decode({"$datetime": datetime_text(data)})
    if isinstance(data, date):
        return data
    check_depth(_depth + 1)
    if isinstance(data, list | tuple):
        return [from_plain(part, _depth + 1) for part in data]
    if isinstance(data, Mapping):
        return {clean_text(str(key)): from_plain(part, _depth + 1) for key, part in data.items()}
    raise NotJson(f"A variable cannot hold a {type(data).__name__}.")


def to_json(value: Value, _depth: int = 0) -> str:
    """JSON for another program: numbers written exactly and in full, dates as ISO texts, keys in their order.

    Raises:
        TooLarge: as `encode`.
    """
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, Decimal):
        return f"{bounded(value):f}"
    if isinstance(value, datetime):
        return f'"{datetime_text(value)}"'
    if isinstance(value, date):
        return f'"{value.isoformat()}"'
    check_depth(_depth + 1)
    if isinstance(value, list):
        return "[" + ",".join(to_json(part, _depth + 1) for part in value) + "]"
    return "{" + ",".join(f"{to_json(key)}:{to_json(part, _depth + 1)}" for key, part in value.items()) + "}"


_WRITER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
_MAYBE_WHOLE = re.compile(r"[0-9](?:\.0(?:[,\]}]|$)|e\+)")  # 12.0 at the end of a value, or 1e+22


def canonical_json(data: Json) -> str:
    """The one way that documents, runs and turns are written: sorted keys, no spaces, whole floats as whole numbers.

    Raises:
        ValueError: a number in it is not finite.
    """
    text = _dumped(data)
    # Python writes every whole float so, and few texts hold it: most data is not walked twice.
    return _dumped(_with_whole_numbers(data)) if _MAYBE_WHOLE.search(text) else text


def datetime_text(instant: datetime) -> str:
    """An aware instant as ISO 8601 in UTC, such as 2026-11-21T09:30:00Z.

    Raises:
        NotJson: it has no zone, so that nobody knows which instant it is.
    """
    if instant.tzinfo is None:
        raise NotJson("A date with a time needs a zone.")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


_TAGS = frozenset({"$number", "$date", "$datetime"})


def _untagged(tag: str, inner: Json) -> Value:
    try:
        if tag == "$number":
            return bounded(Decimal(inner))
        if tag == "$date":
            return date.fromisoformat(inner)
        instant = datetime.fromisoformat(inner)
        if instant.tzinfo is None:
            raise NotJson(f"A stored {tag} needs a zone, and {inner!r} has none.")
        return instant.astimezone(UTC)
    except (TypeError, ValueError, OverflowError, InvalidOperation) as error:
        raise NotJson(f"A stored {tag} cannot be {inner!r}.") from error


def _escaped(key: str) -> str:
    return "$" + key if key.startswith("$") else key


def _unescaped(key: str) -> str:
    if not key.startswith("$"):
        return key
    if not key.startswith("$$"):
        raise NotJson(f"A stored object has the unknown tag {key!r}.")
    return key[1:]


def _number(digits: str) -> Decimal:
    if len(digits) > _LONGEST_NUMBER:
        raise TooLarge(f"A number is written with {len(digits)} characters; at most {_LONGEST_NUMBER} are read.")
    try:
        return bounded(Decimal(digits))
    except InvalidOperation as error:
        raise TooLarge(f"The number {digits} is out of all bounds.") from error


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"This is not JSON: {name} is not a number there.")


def _dumped(data: Json) -> str:
    return _WRITER.encode(data)


def _with_whole_numbers(data: Json) -> Json:
    if isinstance(data, str):
        return data
    if isinstance(data, float) and data.is_integer():
        return int(data)
    if isinstance(data, dict):
        return {key: _with_whole_numbers(part) for key, part in data.items()}
    if isinstance(data, (list, tuple)):
        return [_with_whole_numbers(part) for part in data]
    return data
