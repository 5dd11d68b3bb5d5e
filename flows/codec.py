"""How each type hint of the engine's dataclasses is written as JSON data and read back."""

import re
import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from math import isfinite
from typing import Any, Literal, NamedTuple, Union, get_args, get_origin

from flows.errors import FlowError
from flows.values import Value, decode, encode

DEEPEST = 64  # of plain JSON: as deep as a document may be


class Codec(NamedTuple):
    """The two directions; the text is the place, for the sentence when something is wrong."""

    encode: Callable[[Any, str], Any]
    decode: Callable[[Any, str], Any]


@cache
def codec(hint: Any) -> Codec:
    """How a type hint's values are written and read. Raises: TypeError for a hint nobody needed so far."""
    if hint == Value:
        return Codec(_value_to, _value_back)
    if hint is Any:
        return Codec(plain, plain)
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    if _is_ours(hint):
        return of_class(hint, False)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _of_union(arguments)
    if origin is Literal:
        return _of_literal(arguments)
    if origin is tuple and arguments[1:] == (...,):
        return _of_tuple(codec(arguments[0]))
    if origin is Mapping and arguments[0] is str:
        return _of_mapping(codec(arguments[1]))
    raise TypeError(f"flows.wire cannot carry {hint!r}; use the hints of flows/run.py or teach it.")


@cache
def of_class(kind: Any, named: bool) -> Codec:
    """How a dataclass is written and read; `named` adds its kind, which readers of it as part of a union need."""
    if not _is_ours(kind):
        raise FlowError(f"A {kind.__name__} is no part of the engine's data; only its dataclasses can be written.")
    parts = [(part.name, _key(part), codec(_hint(part)), _required(part)) for part in fields(kind)]
    known = {key for _, key, _, _ in parts} | {"kind"}

    def to(thing: Any, place: str) -> dict[str, Any]:
        data = {key: way.encode(getattr(thing, name), f"{place}.{name}") for name, key, way, _ in parts}
        return {"kind": kind_of(kind), **data} if named else data

    def back(data: Any, place: str) -> Any:
        if not isinstance(data, dict):
            raise _wrong(place, f"an object ({kind_of(kind)})", data)
        if data.get("kind", kind_of(kind)) != kind_of(kind):
            raise FlowError(f"{place} is of kind {data['kind']!r} where {kind_of(kind)!r} is expected.")
        for key in data:
            if key not in known:
                raise FlowError(f"{place}.{key} is unknown; a {kind_of(kind)} has {', '.join(sorted(known))}.")
        for _, key, _, required in parts:
            if required and key not in data:
                raise FlowError(f"{place}.{key} is missing; a {kind_of(kind)} needs it.")
        return kind(**{name: way.decode(data[key], f"{place}.{name}") for name, key, way, _ in parts if key in data})

    return Codec(to, back)


def plain(data: object, place: str = "data", depth: int = 0) -> Any:
    """A copy of `data` as JSON holds it: lists for tuples, whole numbers without a fraction.

    Raises: FlowError when JSON cannot hold it.
    """
    if depth > DEEPEST:
        raise FlowError(f"{place} is nested more than {DEEPEST} deep; JSON data here may not be.")
    if data is None or isinstance(data, str | bool | int):
        return data
    if isinstance(data, float) and isfinite(data):
        return int(data) if data.is_integer() else data
    if isinstance(data, list | tuple):
        return [plain(item, f"{place}.{index}", depth + 1) for index, item in enumerate(data)]
    if isinstance(data, Mapping) and all(isinstance(key, str) for key in data):
        return {key: plain(item, f"{place}.{key}", depth + 1) for key, item in data.items()}
    raise FlowError(f"{place} is a {type(data).__name__}, which JSON cannot hold; keep texts, numbers, lists, objects.")


def kind_of(thing: type) -> str:
    """The `kind` of a class: its name in snake_case."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", thing.__name__).lower()


def _of_union(members: tuple[Any, ...]) -> Codec:
    several = [member for member in members if member is not type(None)]
    optional = len(several) < len(members)
    if len(several) == 1:
        inner = codec(several[0])
    else:
        classes = {kind_of(member): of_class(member, True) for member in several}

        def back_by_kind(data: Any, place: str) -> Any:
            kind = data.get("kind") if isinstance(data, dict) else None
            if not isinstance(kind, str) or kind not in classes:
                raise FlowError(f"{place} is of kind {kind!r}; known are {', '.join(sorted(classes))}.")
            return classes[kind].decode(data, place)

        def to_by_kind(thing: Any, place: str) -> Any:
            if kind_of(type(thing)) not in classes:
                raise FlowError(f"{place} is a {type(thing).__name__}; known are {', '.join(sorted(classes))}.")
            return classes[kind_of(type(thing))].encode(thing, place)

        inner = Codec(to_by_kind, back_by_kind)
    if not optional:
        return inner
    return Codec(
        lambda thing, place: None if thing is None else inner.encode(thing, place),
        lambda data, place: None if data is None else inner.decode(data, place),
    )


def _of_literal(words: tuple[Any, ...]) -> Codec:
    def same(data: Any, place: str) -> Any:
        if data not in words:
            raise FlowError(f"{place} is {data!r}; it may be {', '.join(map(repr, words))}.")
        return data

    return Codec(same, same)


def _of_tuple(item: Codec) -> Codec:
    def back(data: Any, place: str) -> tuple[Any, ...]:
        if not isinstance(data, list | tuple):
            raise _wrong(place, "a list", data)
        return tuple(item.decode(one, f"{place}.{index}") for index, one in enumerate(data))

    return Codec(lambda many, place: [item.encode(one, place) for one in many], back)


def _of_mapping(item: Codec) -> Codec:
    def back(data: Any, place: str) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise _wrong(place, "an object", data)
        return {key: item.decode(one, f"{place}.{key}") for key, one in data.items()}

    return Codec(lambda many, place: {key: item.encode(one, f"{place}.{key}") for key, one in many.items()}, back)


def _of_simple(kind: type, name: str) -> Codec:
    def same(data: Any, place: str) -> Any:
        if type(data) is not kind:
            raise _wrong(place, name, data)
        return data

    return Codec(same, same)


def _fraction(data: Any, place: str) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float) or not isfinite(data):
        raise _wrong(place, "a number", data)
    return float(data)


def _instant_to(value: Any, place: str) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise _wrong(place, "an instant with its time zone", value)
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _instant_back(data: Any, place: str) -> datetime:
    try:
        instant = datetime.fromisoformat(data)
    except (TypeError, ValueError) as problem:
        raise _wrong(place, "an instant such as 2026-01-31T12:00:00.000000+00:00", data) from problem
    if instant.tzinfo is None:
        raise _wrong(place, "an instant with its time zone", data)
    return instant.astimezone(UTC)


def _value_to(value: Any, place: str) -> Any:
    try:
        return encode(value)
    except (AttributeError, FlowError) as problem:
        raise _wrong(place, "a value of one of the seven kinds", value) from problem


def _value_back(data: Any, place: str) -> Value:
    try:
        return decode(data)
    except FlowError as problem:
        raise FlowError(f"{place}: {problem}") from problem


def _key(part: "Field[Any]") -> str:
    return "error_kind" if part.name == "kind" else part.name


def _hint(part: "Field[Any]") -> Any:
    return part.type


def _is_ours(kind: object) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _required(part: "Field[Any]") -> bool:
    return part.default is MISSING and part.default_factory is MISSING


def _wrong(place: str, expected: str, got: object) -> FlowError:
    return FlowError(f"{place} should be {expected}, but it is {str(got)[:60]!r}.")


_SIMPLE: dict[Any, Codec] = {
    str: _of_simple(str, "a text"),
    bool: _of_simple(bool, "true or false"),
    int: _of_simple(int, "a whole number"),
    float: Codec(_fraction, _fraction),
    datetime: Codec(_instant_to, _instant_back),
}
