"""JSON data out of the engine's frozen dataclasses and back, by their type hints; it knows no class by name.

A class at the top, and one that stands where a union is expected, carries `kind`, its name in snake_case. A field that
is itself called `kind` (the error kind of MessageFailed) is written as `error_kind`.
"""

import json
from typing import Any, TypeVar, overload

from flows.codec import codec, kind_of, of_class
from flows.codec_leaves import Misfit, plain
from flows.errors import FlowError
from flows.values import canonical_json

__all__ = ["from_data", "kind_of", "plain", "read", "to_data", "write"]

T = TypeVar("T")


def to_data(thing: object) -> dict[str, Any]:
    """A dataclass as JSON data, with its `kind`.

    Raises: FlowError for what JSON cannot hold.
    """
    kind: Any = type(thing)
    try:
        data: dict[str, Any] = of_class(kind, True).encode(thing)
    except Misfit as misfit:
        raise misfit.inside(kind.__name__) if misfit.place else misfit from None
    return data


@overload
def from_data(kind: type[T], data: object) -> T: ...
@overload
def from_data(kind: object, data: object) -> Any: ...
def from_data(kind: Any, data: object) -> Any:
    """What `to_data` was given; `kind` is its class, or a union of classes of which the data names one.

    Raises: FlowError, a sentence that names the place.
    """
    try:
        return codec(kind).decode(data)
    except Misfit as misfit:
        raise misfit.inside(getattr(kind, "__name__", "The data")) from misfit.__cause__


def write(thing: object) -> str:
    """A dataclass as canonical text: the same thing is always the same bytes."""
    return canonical_json(to_data(thing))


@overload
def read(kind: type[T], text: str) -> T: ...
@overload
def read(kind: object, text: str) -> Any: ...
def read(kind: Any, text: str) -> Any:
    """What `write` was given. Raises: FlowError."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise FlowError(f"This is not JSON: {problem}.") from problem
    return from_data(kind, data)
