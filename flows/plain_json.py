"""JSON of strangers, read strictly: what other tools would change or cannot hold is refused with its place."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NoReturn

from flows.errors import DocumentError
from flows.limits import Limits
from flows.values import clean_text

# Browsers keep every number as a double, whose whole numbers are exact up to 2^53 - 1 (RFC 8259 section 6).
LARGEST_WHOLE = 2**53 - 1
_LONGEST_NUMBER = 40  # characters; a double never needs more than 24


def parse(source: bytes | str, limits: Limits) -> Any:
    """The data of a JSON text, not normalised yet.

    Raises: DocumentError (too_large, not_utf8, not_json, too_deep).
    """
    text = _decoded(source, limits)
    try:
        return json.loads(
            text, object_pairs_hook=_pairs, parse_int=_whole, parse_float=_exact, parse_constant=lambda _: math.inf
        )
    except RecursionError:
        raise _too_deep("", limits) from None
    except json.JSONDecodeError as wrong:
        place = f"{wrong.msg} in line {wrong.lineno}, column {wrong.colno}"
        raise DocumentError(
            "", f"This is not JSON ({place}). Mend it there, or export the flow again.", "not_json"
        ) from wrong


def normalised(data: Any, limits: Limits) -> Any:
    """A copy of plain data in which whole numbers are ints and texts can be stored in every database.

    Raises: DocumentError (duplicate_key, number_out_of_range, too_deep, wrong_type) with the place.
    """
    return _normalised(data, (), limits)


class _Twice(dict[str, Any]):
    """An object in which the key `twice` came more than once."""

    twice = ""


def _decoded(source: bytes | str, limits: Limits) -> str:
    size_bytes = len(source) if isinstance(source, bytes) else len(source.encode("utf-8", "surrogatepass"))
    if size_bytes > limits.document_bytes:
        raise too_large(limits)
    if isinstance(source, str):
        return source.removeprefix("\ufeff")
    try:
        return source.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        raise DocumentError(
            "", f"This is not UTF-8: byte {wrong.start} cannot be read. Save the file as UTF-8.", "not_utf8"
        ) from wrong


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    marked, seen = _Twice(found), set[str]()
    for key, _ in pairs:
        if key in seen:
            marked.twice = key
        seen.add(key)
    return marked


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _LONGEST_NUMBER else math.inf


def _exact(text: str) -> float:
    """The number, or infinity (which is refused later, with its place) when a double would change it."""
    if len(text) > _LONGEST_NUMBER:
        return math.inf
    number = float(text)
    try:
        return number if math.isfinite(number) and Decimal(text) == Decimal(repr(number)) else math.inf
    except ArithmeticError:  # an exponent beyond what Decimal holds
        return math.inf


def _normalised(data: Any, path: tuple[str | int, ...], limits: Limits) -> Any:
    if isinstance(data, str):
        return clean_text(data)
    if data is None or isinstance(data, bool):
        return data
    if isinstance(data, (int, float)):
        return _number(data, path)
    if len(path) >= limits.document_depth:
        raise _too_deep(dotted(path[:3]), limits)
    if isinstance(data, dict):
        return dict(_entries(data, path, limits))
    if isinstance(data, (list, tuple)):
        return [_normalised(entry, (*path, index), limits) for index, entry in enumerate(data)]
    raise DocumentError(dotted(path), f"JSON has nothing like {type(data).__name__}.", "wrong_type")


def _entries(data: dict[Any, Any], path: tuple[str | int, ...], limits: Limits) -> Iterator[tuple[str, Any]]:
    if isinstance(data, _Twice):
        _refuse_twice(path, data.twice)
    seen: set[str] = set()
    for raw, entry in data.items():
        if not isinstance(raw, str):
            raise DocumentError(dotted(path), f"The key {raw!r} needs to be text.", "wrong_type")
        key = clean_text(raw)
        if key in seen:
            _refuse_twice(path, key)
        seen.add(key)
        yield key, _normalised(entry, (*path, key), limits)


def _number(number: float, path: tuple[str | int, ...]) -> int | float:
    if not math.isfinite(number) or abs(number) > LARGEST_WHOLE:
        raise DocumentError(
            dotted(path),
            "This number is infinite, larger than 9007199254740991 or has more digits than other tools keep. "
            "Write it as text.",
            "number_out_of_range",
        )
    return int(number) if number == int(number) else number


def _refuse_twice(path: tuple[str | int, ...], key: str) -> NoReturn:
    raise DocumentError(
        dotted((*path, key)), f"The key “{shortened(key)}” stands here twice. Keep one of them.", "duplicate_key"
    )


def too_large(limits: Limits) -> DocumentError:
    """The refusal of a document of too many bytes."""
    return DocumentError(
        "",
        f"The document is larger than {limits.document_bytes // 1024} KiB. "
        "Split the flow: a part of it can be a flow of its own.",
        "too_large",
    )


def dotted(path: tuple[str | int, ...]) -> str:
    """A place as text, such as "steps.tier.exits"; a key of a stranger is cut short."""
    return ".".join(shortened(str(part)) for part in path)


def shortened(key: str) -> str:
    """A stranger's key, cut so that it fits a sentence."""
    return key if len(key) <= 60 else key[:59] + "…"


def _too_deep(path: str, limits: Limits) -> DocumentError:
    return DocumentError(path, f"This is nested more than {limits.document_depth} deep.", "too_deep")
