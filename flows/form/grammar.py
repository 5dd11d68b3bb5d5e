"""The part of JSON Schema a form may use; anything else could not be drawn and is refused."""

from collections.abc import Mapping
from typing import Any

import regex

from flows.errors import SchemaError
from flows.form.faults import validate
from flows.form.walk import join

KINDS = frozenset({"template", "value", "address", "header_value", "body", "localised", "variable", "exit", "seconds"})
NAMED = frozenset({"credential", "queue", "calendar", "number", "constant", "connection", "segment", "flow", "file"})

_ANY = frozenset(
    {"type", "title", "description", "default", "x-kind", "x-names", "x-media-types", "x-advanced", "x-extra", "x-says"}
)
_KEYS: Mapping[str, frozenset[str]] = {
    "string": _ANY | {"enum", "const", "oneOf", "pattern", "minLength", "maxLength"},
    "number": _ANY | {"enum", "const", "oneOf", "minimum", "maximum"},
    "integer": _ANY | {"enum", "const", "oneOf", "minimum", "maximum"},
    "boolean": _ANY | {"const"},
    "array": _ANY | {"items", "minItems", "maxItems", "uniqueItems"},
    "object": _ANY | {"properties", "required", "additionalProperties", "oneOf", "propertyNames", "minProperties"},
}
_TYPE_OF_KIND = {"seconds": ("number", "integer"), "localised": ("object",), "body": (None,)}


def check_schema(schema: Mapping[str, Any]) -> None:
    """Accept a step's schema.

    Raises: SchemaError when a form cannot be drawn from it.
    """
    if schema.get("type") != "object":
        raise SchemaError("", "A step's schema needs to be a record (type object).")
    _check(schema, "")


def _check(field: Mapping[str, Any], path: str) -> None:
    kind, type_ = field.get("x-kind"), field.get("type")
    if kind is not None and kind not in KINDS:
        raise SchemaError(path, f"“{kind}” is no kind; it needs to be one of {', '.join(sorted(KINDS))}.")
    if kind is not None and type_ not in _TYPE_OF_KIND.get(kind, ("string",)):
        raise SchemaError(path, f"A field of the kind “{kind}” cannot have the type “{type_}”.")
    if "x-names" in field and (field["x-names"] not in NAMED or type_ != "string"):
        raise SchemaError(path, f"x-names needs a text field and one of {', '.join(sorted(NAMED))}.")
    if "x-media-types" in field and field.get("x-names") != "file":
        raise SchemaError(path, "x-media-types says which files fit, so the field needs x-names: file.")
    if kind != "body" and "const" not in field and str(type_) not in _KEYS:
        raise SchemaError(path, f"“{type_}” is no type a form knows; it knows {', '.join(_KEYS)}.")
    _check_keys(field, path)
    if type_ == "array":
        _check(field.get("items", {}), join(path, "items"))
    elif type_ == "object" and kind != "localised":
        _check_record(field, path)
    if "default" in field:
        for fault in validate(field, field["default"]):
            raise SchemaError(path, f"The default does not fit the field: {fault.sentence}")


def _check_keys(field: Mapping[str, Any], path: str) -> None:
    allowed = _KEYS.get(str(field.get("type")), _ANY | {"const"})
    for key in field:
        if key not in allowed:
            raise SchemaError(path, f"A form cannot draw “{key}” here.")
    if field.get("x-advanced", True) is not True:
        raise SchemaError(path, "x-advanced is true or left out.")
    if "oneOf" in field and field["type"] != "object":
        for option in field["oneOf"]:
            if set(option) != {"const", "title"}:
                raise SchemaError(path, "Each option of a choice has a const and a title, nothing else.")
    if "pattern" in field:
        try:
            regex.compile(field["pattern"])
        except regex.error as wrong:
            raise SchemaError(path, f"The pattern is no regular expression: {wrong}.") from wrong


def _check_record(field: Mapping[str, Any], path: str) -> None:
    options = field.get("oneOf", [])
    if options and "properties" not in field:
        _check_variants(field, path)
        return
    if field.get("additionalProperties") is not False:
        raise SchemaError(path, "A record says additionalProperties: false, so that a mistyped setting is refused.")
    fields = field.get("properties", {})
    named = [*field.get("required", []), *(name for option in options for name in option.get("required", []))]
    for name in named:
        if name not in fields:
            raise SchemaError(path, f"“{name}” is required but no field.")
    if any(set(option) != {"required"} or len(option["required"]) != 1 for option in options):
        raise SchemaError(path, "oneOf beside properties says which one field is filled: [{required: [name]}, …].")
    for name, inner in fields.items():
        where = join(path, name)
        if not inner.get("title") or not inner.get("description"):
            raise SchemaError(where, "Every field needs a title and a sentence of help (description).")
        _check(inner, where)


def _check_variants(field: Mapping[str, Any], path: str) -> None:
    words: set[tuple[str, Any]] = set()
    for index, option in enumerate(field["oneOf"]):
        where = join(path, index)
        consts = [(name, inner["const"]) for name, inner in option.get("properties", {}).items() if "const" in inner]
        if len(consts) != 1 or consts[0][0] not in option.get("required", []) or not option.get("title"):
            raise SchemaError(where, "Each variant has a title and exactly one required field with a const.")
        words.add(consts[0])
        _check(option, where)
    if len(words) != len(field["oneOf"]) or len({name for name, _ in words}) != 1:
        raise SchemaError(path, "Variants are told apart by one field whose const differs in each.")
