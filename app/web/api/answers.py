"""What the doors answer, told as JSON Schema from the types of their views: https://json-schema.org/draft/2020-12

An answer is a TypedDict whose name ends in `Data`, so that mypy holds the code against what is described. `Annotated`
adds a sentence to a type, or the words that a text is one of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    Final,
    Generic,
    Literal,
    NotRequired,
    TypedDict,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from flask import Response

Schema = Mapping[str, Any]
Shown = TypeVar("Shown")


@dataclass(frozen=True)
class OneOf:
    """The words that an annotated text is one of."""

    words: tuple[str, ...]


@dataclass(frozen=True)
class Format:
    """The form of an annotated text, by its name in JSON Schema."""

    name: str


Instant = Annotated[str, Format("date-time")]
"""A time in UTC, such as "2026-11-22T09:30:00+00:00"."""
FlowDocument = Annotated[dict[str, Any], "A flow document, in the format that docs/flows.md describes."]


class PageData(TypedDict, Generic[Shown]):
    """A page of a list."""

    items: list[Shown]
    next: Annotated[int | str | None, "The `after` of the following page; null at the end."]


_PLAIN: Final[Mapping[Any, Schema]] = {
    Any: {},
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    NoneType: {"type": "null"},
    Response: {"type": "object"},  # a file of JSON
}
_PLACE: Final = "#/components/schemas/"


class Described:
    """The schemas of answers, with those of their parts by name as OpenAPI's components want them."""

    def __init__(self) -> None:
        self.parts: dict[str, Schema] = {}
        self._kinds: dict[str, Any] = {}

    def schema(self, kind: Any) -> Schema:
        """The schema of a type. Raises: TypeError for one that no answer may have."""
        origin, arguments = get_origin(kind), get_args(kind)
        if is_typeddict(origin or kind):
            return self._part(kind)
        if kind in _PLAIN:
            return _PLAIN[kind]
        if origin is Annotated:
            return {**self.schema(arguments[0]), **dict(map(_keys, arguments[1:]))}
        if origin is NotRequired:
            return self.schema(arguments[0])
        if origin is Literal:
            return {"type": "string", "enum": list(arguments)}
        if origin in {Union, UnionType}:
            return self._any_of([one for one in arguments if one is not Response])
        if origin in {list, Sequence}:
            return {"type": "array", "items": self.schema(arguments[0])}
        if origin in {dict, Mapping}:
            values = self.schema(arguments[1])
            return {"type": "object", **({"additionalProperties": values} if values else {})}
        raise TypeError(f"{kind} is no type of an answer: write a TypedDict.")

    def resolved(self, schema: Schema) -> Schema:
        """The named part that a reference leads to; any other schema as it is."""
        return self.parts[str(schema["$ref"]).removeprefix(_PLACE)] if "$ref" in schema else schema

    def _any_of(self, kinds: Sequence[Any]) -> Schema:
        schemas = [self.schema(kind) for kind in kinds]
        if len(schemas) == 1:
            return schemas[0]
        if all(set(schema) == {"type"} for schema in schemas):
            return {"type": [schema["type"] for schema in schemas]}
        return {"anyOf": schemas}

    def _part(self, kind: Any) -> Schema:
        """A reference to a named part, described once."""
        origin, arguments = get_origin(kind) or kind, get_args(kind)
        name = "".join(one.__name__ for one in (*arguments, origin)).replace("Data", "")
        if self._kinds.setdefault(name, kind) != kind:
            raise TypeError(f"Two answers are called {name}: {kind} and {self._kinds[name]}. Rename one.")
        if name not in self.parts:
            self.parts[name] = {}  # one may contain others of its kind
            self.parts[name] = self._object(
                origin, dict(zip(getattr(origin, "__parameters__", ()), arguments, strict=True))
            )
        return {"$ref": _PLACE + name}

    def _object(self, kind: Any, meant: Mapping[Any, Any]) -> Schema:
        hints = get_type_hints(kind, include_extras=True)
        properties = {name: self.schema(_filled(hint, meant)) for name, hint in hints.items()}
        told = {"description": " ".join(kind.__doc__.split())} if kind.__doc__ else {}
        required = [name for name in hints if name in kind.__required_keys__]
        return {"type": "object", **told, "required": required, "properties": properties}


def answer_of(view: Any) -> Any:
    """The type that a view returns."""
    return get_type_hints(view, include_extras=True)["return"]


def fields_of(view: Any) -> tuple[list[str], bool]:
    """The fields of what a view answers; or of each entry of a list, and then that it is one."""
    described = Described()
    properties = described.resolved(described.schema(answer_of(view))).get("properties", {})
    if set(properties) != {"items", "next"}:
        return list(properties), False
    entry = properties["items"]["items"]
    kinds = [described.resolved(one).get("properties", {}) for one in entry.get("anyOf", [entry])]
    return list(dict.fromkeys(name for kind in kinds for name in kind)), True


def _keys(more: str | OneOf | Format) -> tuple[str, Any]:
    """The key of a schema that an annotation stands for."""
    if isinstance(more, str):
        return "description", more
    return ("enum", list(more.words)) if isinstance(more, OneOf) else ("format", more.name)


def _filled(hint: Any, meant: Mapping[Any, Any]) -> Any:
    """A hint with its type variables replaced."""
    parameters = getattr(hint, "__parameters__", ())
    if isinstance(hint, TypeVar):
        return meant[hint]
    return hint[tuple(meant[one] for one in parameters)] if parameters else hint
