"""How each type hint of the engine's dataclasses is written as JSON data and read back."""

import re
import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

from flows.codec_leaves import LEAVES, Codec, Misfit, each_of_list, each_of_object, wrong

Part = tuple[str, str, Codec]  # a field's name, its key in JSON, and its codec


@cache
def codec(hint: Any) -> Codec:
    """How a type hint's values are written and read. Raises: TypeError for a hint nobody needed so far."""
    if hint in LEAVES:
        return LEAVES[hint]
    if is_typeddict(hint):
        return _of_typed_dict(hint)
    if _is_ours(hint):
        return of_class(hint, False)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in {Union, types.UnionType}:
        return _of_union(arguments)
    if origin is Literal:
        return _of_literal(arguments)
    if origin is Sequence or (origin is tuple and arguments[1:] == (...,)):
        way = codec(arguments[0])
        return Codec(each_of_list(way.encode, list), each_of_list(way.decode, tuple))
    if origin is list:
        way = codec(arguments[0])
        return Codec(each_of_list(way.encode, list), each_of_list(way.decode, list))
    if origin in {Mapping, dict} and arguments[0] is str:
        way = codec(arguments[1])
        return Codec(each_of_object(way.encode), each_of_object(way.decode))
    raise TypeError(f"flows.wire cannot carry {hint!r}; use the hints of flows/run.py or teach it.")


@cache
def of_class(kind: Any, named: bool) -> Codec:
    """How a dataclass is written and read; `named` adds its kind, which readers of it as part of a union need."""
    if not _is_ours(kind):
        raise Misfit(f"A {kind.__name__} is no part of the engine's data; only its dataclasses can be written.")
    parts = [(part.name, _key(part), codec(_hint(part))) for part in fields(kind)]
    needed = {_key(part) for part in fields(kind) if part.default is MISSING and part.default_factory is MISSING}
    return Codec(_writer(kind, parts, named), _reader(kind, parts, needed))


def _writer(kind: type, parts: list[Part], named: bool) -> Callable[[Any], Any]:
    head = {"kind": kind_of(kind)} if named else {}

    def to(thing: Any) -> dict[str, Any]:
        data: dict[str, Any] = dict(head)
        name = ""
        try:
            for name, key, way in parts:
                data[key] = way.encode(getattr(thing, name))
        except Misfit as misfit:
            raise misfit.inside(name) from misfit.__cause__
        return data

    return to


def _reader(kind: type, parts: list[Part], needed: set[str]) -> Callable[[Any], Any]:
    own = kind_of(kind)
    known = {key for _, key, _ in parts} | {"kind"}

    def back(data: Any) -> Any:
        if not isinstance(data, dict):
            raise wrong(f"an object ({own})", data)
        if data.get("kind", own) != own:
            raise Misfit(f"is of kind {data['kind']!r} where {own!r} is expected.")
        if unknown := data.keys() - known:
            raise Misfit(f"is unknown; a {own} has {', '.join(sorted(known))}.", min(unknown))
        if missing := needed - data.keys():
            raise Misfit(f"is missing; a {own} needs it.", min(missing))
        read: dict[str, Any] = {}
        name = ""
        try:
            for name, key, way in parts:
                if key in data:
                    read[name] = way.decode(data[key])
        except Misfit as misfit:
            raise misfit.inside(name) from misfit.__cause__
        return kind(**read)

    return back


def _of_typed_dict(kind: Any) -> Codec:
    """JSON data already. What is read is held against the type, and keeps the keys that a newer release has added."""
    same = codec(Mapping[str, Any])
    ways = {key: codec(hint) for key, hint in get_type_hints(kind).items()}

    def back(data: Any) -> Any:
        read: dict[str, Any] = same.decode(data)
        if missing := kind.__required_keys__ - read.keys():
            raise Misfit(f"is missing; {kind.__name__} needs it.", min(missing))
        key = ""
        try:
            for key in ways.keys() & read.keys():
                ways[key].decode(read[key])
        except Misfit as misfit:
            raise misfit.inside(key) from misfit.__cause__
        return read

    return Codec(same.encode, back)


def kind_of(thing: type) -> str:
    """The `kind` of a class: its name in snake_case."""
    return _in_snake_case(thing.__name__)


@cache
def _in_snake_case(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def _of_union(members: tuple[Any, ...]) -> Codec:
    several = [member for member in members if member is not type(None)]
    inner = codec(several[0]) if len(several) == 1 else _of_classes(several)
    if len(several) == len(members):
        return inner
    return Codec(
        lambda thing: None if thing is None else inner.encode(thing),
        lambda data: None if data is None else inner.decode(data),
    )


def _of_classes(classes: list[Any]) -> Codec:
    by_class = {one: of_class(one, True) for one in classes}
    by_kind = {kind_of(one): way for one, way in by_class.items()}
    known = f"known are {', '.join(sorted(by_kind))}."

    def to(thing: Any) -> Any:
        if type(thing) not in by_class:
            raise Misfit(f"is a {type(thing).__name__}; {known}")
        return by_class[type(thing)].encode(thing)

    def back(data: Any) -> Any:
        kind = data.get("kind") if isinstance(data, dict) else None
        if not isinstance(kind, str) or kind not in by_kind:
            raise Misfit(f"is of kind {kind!r}; {known}")
        return by_kind[kind].decode(data)

    return Codec(to, back)


def _of_literal(words: tuple[Any, ...]) -> Codec:
    def same(data: Any) -> Any:
        if data not in words:
            raise Misfit(f"is {data!r}; it may be {', '.join(map(repr, words))}.")
        return data

    return Codec(same, same)


def _key(part: Field[Any]) -> str:
    return "error_kind" if part.name == "kind" else part.name


def _hint(part: Field[Any]) -> Any:
    return part.type


def _is_ours(kind: object) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)
