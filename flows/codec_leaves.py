"""Leaves of the engine's data in JSON: texts, numbers, instants, values; its lists and objects; what does not fit."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, NamedTuple

from flows.errors import FlowError
from flows.values import Value, decode, encode

DEEPEST = 64  # of plain JSON: as deep as a document may be


class Misfit(FlowError):
    """Data that does not fit; the place is put together on the way up, so that what fits costs nothing."""

    def __init__(self, sentence: str, place: str = "") -> None:
        super().__init__(f"{place} {sentence}" if place else sentence)
        self.sentence = sentence
        self.place = place

    def inside(self, place: object) -> "Misfit":
        """The same, one step further out."""
        return Misfit(self.sentence, f"{place}.{self.place}" if self.place else str(place))


class Codec(NamedTuple):
    """The two directions; both raise Misfit."""

    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]


def plain(data: object, depth: int = 0) -> Any:
    """A copy of `data` as JSON holds it: lists for tuples, whole numbers without a fraction.

    Raises: Misfit when JSON cannot hold it.
    """
    if data is None or isinstance(data, str | bool | int):
        return data
    if isinstance(data, float) and isfinite(data):
        return int(data) if data.is_integer() else data
    if depth > DEEPEST:
        raise Misfit(f"is nested more than {DEEPEST} deep; JSON data here may not be.")
    if isinstance(data, list | tuple):
        return each_of_list(lambda item: plain(item, depth + 1), list)(data)
    if isinstance(data, Mapping) and all(isinstance(key, str) for key in data):
        return each_of_object(lambda item: plain(item, depth + 1))(data)
    raise Misfit(f"is a {type(data).__name__}, which JSON cannot hold; keep texts, numbers, lists, objects.")


def each_of_list(turned: Callable[[Any], Any], kind: type) -> Callable[[Any], Any]:
    """Turns each item of a list and makes a `kind` of them."""

    def each(many: Any) -> Any:
        if not isinstance(many, list | tuple):
            raise wrong("a list", many)
        made: list[Any] = []
        try:
            for item in many:
                made.append(turned(item))  # noqa: PERF401 - its length is the place of what does not fit
        except Misfit as misfit:
            raise misfit.inside(len(made)) from misfit.__cause__
        return kind(made)

    return each


def each_of_object(turned: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Turns each value of an object."""

    def each(many: Any) -> Any:
        if not isinstance(many, Mapping):
            raise wrong("an object", many)
        made: dict[str, Any] = {}
        key = ""
        try:
            for key, item in many.items():
                made[key] = turned(item)
        except Misfit as misfit:
            raise misfit.inside(key) from misfit.__cause__
        return made

    return each


def wrong(expected: str, got: object) -> Misfit:
    """The misfit that names what should stand here."""
    return Misfit(f"should be {expected}, but it is {str(got)[:60]!r}.")


def _exactly(kind: type, name: str) -> Codec:
    def same(data: Any) -> Any:
        if type(data) is not kind:
            raise wrong(name, data)
        return data

    return Codec(same, same)


def _fraction(data: Any) -> float:
    if isinstance(data, bool) or not isinstance(data, int | float) or not isfinite(data):
        raise wrong("a number", data)
    return float(data)


def _instant_to(value: Any) -> str:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise wrong("an instant with its time zone", value)
    return value.astimezone(UTC).isoformat(timespec="microseconds")


def _instant_back(data: Any) -> datetime:
    try:
        instant = datetime.fromisoformat(data)
    except (TypeError, ValueError) as problem:
        raise wrong("an instant such as 2026-01-31T12:00:00.000000+00:00", data) from problem
    if instant.tzinfo is None:
        raise wrong("an instant with its time zone", data)
    return instant.astimezone(UTC)


def _value_to(value: Any) -> Any:
    try:
        return encode(value)
    except (AttributeError, FlowError) as problem:
        raise wrong("a value of one of the seven kinds", value) from problem


def _value_back(data: Any) -> Value:
    try:
        return decode(data)
    except FlowError as problem:
        raise Misfit(f"cannot be read: {problem}") from problem


LEAVES: dict[Any, Codec] = {
    Any: Codec(plain, plain),
    Value: Codec(_value_to, _value_back),
    str: _exactly(str, "a text"),
    bool: _exactly(bool, "true or false"),
    int: _exactly(int, "a whole number"),
    float: Codec(_fraction, _fraction),
    datetime: Codec(_instant_to, _instant_back),
}
