"""What may stand in a field, in words for people who write it as JSON."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

_KINDS: Final[Mapping[str, str]] = {
    "template": "text with `{{ … }}`",
    "value": "text or a lone `{{ … }}`",
    "address": "address with `{{ … }}`",
    "header_value": "text of one line with `{{ … }}`",
    "body": "any JSON",
    "localised": "text per language, with `{{ … }}`",
    "variable": "a variable's name",
    "exit": "an exit's id",
}


def spelled(field: Mapping[str, Any]) -> str:
    """A field's schema in words, such as "text, up to 200 characters"; what is literal stands between backticks."""
    kind, type_ = field.get("x-kind"), field.get("type")
    if not field:
        return "any JSON"
    if "x-names" in field:
        return f"the name of a {field['x-names']}" + (" or `{{ … }}`" if kind == "template" else "")
    if "oneOf" in field and type_ != "object":
        return "one of " + listed([option["const"] for option in field["oneOf"]])
    if "enum" in field:
        return "one of " + listed(field["enum"])
    if kind in _KINDS:
        return _KINDS[str(kind)]
    if type_ == "array":
        each = "" if field["items"].get("type") == "object" else f"; each {spelled(field['items'])}"
        return f"list{_bounds(field, 'minItems', 'maxItems', ' entries')}{each}"
    if type_ in {"number", "integer"}:
        word = "seconds" if kind == "seconds" else "number" if type_ == "number" else "whole number"
        return word + _bounds(field, "minimum", "maximum")
    words = {"boolean": "`true` or `false`", "object": "group"}
    says = f": {field['x-says']}" if "x-says" in field else ""
    return words.get(str(type_), f"text{_bounds(field, 'minLength', 'maxLength', ' characters')}{says}")


def listed(words: Iterable[str]) -> str:
    """Literal words in a row."""
    return ", ".join(f"`{word}`" for word in words)


def _bounds(field: Mapping[str, Any], least: str, most: str, unit: str = "") -> str:
    low, high = field.get(least), field.get(most)
    high = None if high == 2**53 else high  # the largest whole number that every JSON reader knows is no bound to tell
    if low is not None and high is not None:
        return f", {low:,} to {high:,}{unit}"
    if high is not None:
        return f", up to {high:,}{unit}"
    return "" if low is None else f", {low:,} or more{unit}"
