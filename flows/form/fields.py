"""The fields a step's form is made of: each function returns the piece of JSON Schema for one field.

Every field has a title and one sentence of help. A default is what an absent setting means; it is never written into
stored documents (`flows.form.filled` gives a config with them).
"""

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

# Step ids, exit ids and variable names. "$" means the very end here as in ECMA-262; `faults` sees to that in Python.
ID_PATTERN = "^[a-z][a-z0-9_]{0,39}$"
ID_SAYS = "up to 40 small letters, digits and underscores that begin with a letter"
# A language code such as "pl" or "pt-BR" (RFC 5646 section 2.1, without extensions and private use).
LANGUAGE_PATTERN = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}$"


def text(title: str, help_text: str, *, default: str | None = None, pattern: str = "", says: str = "") -> Schema:
    """Plain text without expressions. `says` completes "… needs to be" when the pattern does not fit."""
    rules: Schema = ({"pattern": pattern} if pattern else {}) | ({"x-says": says} if says else {})
    return _field({"type": "string", **rules}, title, help_text, default)


def number(
    title: str,
    help_text: str,
    minimum: float | None = None,
    maximum: float | None = None,
    default: float | None = None,
) -> Schema:
    """A number, whole or not."""
    return _field({"type": "number", **_bounds(minimum, maximum)}, title, help_text, default)


def whole(
    title: str, help_text: str, minimum: int | None = None, maximum: int | None = None, default: int | None = None
) -> Schema:
    """A whole number."""
    return _field({"type": "integer", **_bounds(minimum, maximum)}, title, help_text, default)


def seconds(
    title: str, help_text: str, minimum: float = 0, maximum: float | None = None, default: float | None = None
) -> Schema:
    """A length of time; the editor offers minutes, hours and days."""
    return _field({"type": "number", "x-kind": "seconds", **_bounds(minimum, maximum)}, title, help_text, default)


def yes_no(title: str, help_text: str, default: bool | None = None) -> Schema:
    """A switch."""
    return _field({"type": "boolean"}, title, help_text, default)


def choice(title: str, help_text: str, options: Mapping[str, str], default: str | None = None) -> Schema:
    """One of a few fixed words; `options` maps each word to what the author sees."""
    labelled = [{"const": word, "title": label} for word, label in options.items()]
    return _field({"type": "string", "oneOf": labelled}, title, help_text, default)


def template(
    title: str, help_text: str, *, default: str | None = None, names: str = "", extra: Sequence[str] = ()
) -> Schema:
    """Text with {{ expressions }}.

    names: when the text is a name (no expression in it), what it names: see `named`.
    extra: names that only this text may read, such as "queue".
    """
    rules = _kind("template", extra) | ({"x-names": names} if names else {})
    return _field(rules, title, help_text, default)


def value(title: str, help_text: str, *, default: str | None = None, extra: Sequence[str] = ()) -> Schema:
    """A template that keeps its value's type when it is exactly one {{ expression }}."""
    return _field(_kind("value", extra), title, help_text, default)


def address(title: str, help_text: str) -> Schema:
    """A template for a web or SIP address, in which every value is percent-encoded."""
    return _field(_kind("address", ()) | {"minLength": 1}, title, help_text)


def header_value(title: str, help_text: str) -> Schema:
    """A template for a header's value, which refuses line breaks."""
    return _field(_kind("header_value", ()), title, help_text)


def body(title: str, help_text: str) -> Schema:
    """Any JSON whose texts are templates."""
    return _field({"x-kind": "body"}, title, help_text)


def localised(title: str, help_text: str, *, extra: Sequence[str] = ()) -> Schema:
    """A text for the contact: a template per language, such as {"en": "…", "pl": "…"}."""
    rules: Schema = {
        "type": "object",
        "x-kind": "localised",
        "propertyNames": {"pattern": LANGUAGE_PATTERN},
        "additionalProperties": {"type": "string"},
        "minProperties": 1,
    }
    return _field(rules | ({"x-extra": list(extra)} if extra else {}), title, help_text)


def variable(title: str, help_text: str) -> Schema:
    """The name of a variable that the step sets."""
    return _field({"type": "string", "x-kind": "variable", "pattern": ID_PATTERN}, title, help_text)


def exit_id(title: str, help_text: str) -> Schema:
    """An id that becomes an exit of the placed step."""
    return _field({"type": "string", "x-kind": "exit", "pattern": ID_PATTERN}, title, help_text)


def named(kind: str, title: str, help_text: str, *, media_types: Sequence[str] = ()) -> Schema:
    """A named thing of the installation: `kind` is one of `grammar.NAMED`; a file is named by its hash.

    media_types: those of which a file has to be one.
    """
    rules: Schema = {"type": "string", "x-names": kind, "minLength": 1}
    return _field(rules | ({"x-media-types": list(media_types)} if media_types else {}), title, help_text)


def rows(title: str, help_text: str, item: Schema, minimum: int = 0, maximum: int | None = None) -> Schema:
    """A list the author adds entries to and puts into order; `item` is any field or record."""
    rules: Schema = {"type": "array", "items": item} | ({"minItems": minimum} if minimum else {})
    return _field(rules | ({} if maximum is None else {"maxItems": maximum}), title, help_text)


def record(
    fields: Mapping[str, Schema],
    required: Sequence[str] = (),
    title: str = "",
    help_text: str = "",
    *,
    exactly_one_of: Sequence[str] = (),
) -> Schema:
    """A group of fields: a step's whole form or a row (then without title and help), or a group inside a form.

    exactly_one_of: fields of which the author fills one, such as a target's "queue" or "sip".
    """
    rules: Schema = {"type": "object", "properties": dict(fields), "additionalProperties": False}
    rules |= {"required": list(required)} if required else {}
    rules |= {"oneOf": [{"required": [name]} for name in exactly_one_of]} if exactly_one_of else {}
    return _field(rules, title, help_text)


def variants(title: str, help_text: str, by: str, options: Mapping[str, tuple[str, Schema]]) -> Schema:
    """A group whose fields depend on the word in the field `by`; `options` maps each word to (label, record)."""
    records = []
    for word, (label, inner) in options.items():
        fields = {by: {"const": word, "title": label, "description": help_text}, **inner["properties"]}
        records.append({**inner, "title": label, "properties": fields, "required": [by, *inner.get("required", [])]})
    return _field({"type": "object", "oneOf": records}, title, help_text)


def advanced(field: Schema) -> Schema:
    """The same field, folded away until the author asks for more."""
    return {**field, "x-advanced": True}


def length(field: Schema, minimum: int = 0, maximum: int | None = None) -> Schema:
    """The same text with a shortest and longest length in characters."""
    return field | ({"minLength": minimum} if minimum else {}) | ({} if maximum is None else {"maxLength": maximum})


def unique(field: Schema) -> Schema:
    """The same rows, no two of them equal."""
    return {**field, "uniqueItems": True}


def _field(rules: Schema, title: str, help_text: str, default: Any = None) -> Schema:
    words = {"title": title, "description": help_text} if title else {}
    return {**words, **rules, **({} if default is None else {"default": default})}


def _kind(kind: str, extra: Sequence[str]) -> Schema:
    return {"type": "string", "x-kind": kind} | ({"x-extra": list(extra)} if extra else {})


def _bounds(minimum: float | None, maximum: float | None) -> Schema:
    return ({} if minimum is None else {"minimum": minimum}) | ({} if maximum is None else {"maximum": maximum})
