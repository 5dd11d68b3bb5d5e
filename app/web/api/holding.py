"""Holds what was sent against a schema, and says in sentences what does not fit."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from app.errors import Invalid
from flows import form
from flows.values import in_one_line

Json = Any
Schema = Mapping[str, Any]
_NOTHING: Final[Schema] = {"type": "object", "additionalProperties": False, "properties": {}, "required": []}


def hold(schema: Schema, data: Json, where: str) -> None:
    """Raises: Invalid with a sentence for each fault."""
    _refuse([(fault.path, fault.sentence) for fault in form.validate(schema, data)], where)


def held(schema: Schema, data: Json, where: str) -> None:
    """Holds data against another schema, such as a channel's, whose texts each are one line; those per language, which
    it does not name one by one, may have several. Raises: Invalid with a sentence for each fault."""
    noun = where.rpartition(" ")[2]
    hold({"title": where, **(schema or _NOTHING)}, data, noun)
    places = _of_several_lines(schema, data, "")
    _refuse([(path, f"{title} needs to be one line without control characters.") for path, title in places], noun)


def _of_several_lines(schema: Schema, data: Json, path: str) -> Iterator[tuple[str, str]]:
    """Where such a text stands, and what people call it."""
    if isinstance(data, str) and in_one_line(data) != data:
        yield path, schema.get("title", path)
    elif isinstance(data, list):
        for index, one in enumerate(data):
            yield from _of_several_lines({"title": schema.get("title", path)}, one, f"{path}.{index}")
    elif isinstance(data, dict):
        for name, known in schema.get("properties", {}).items():
            yield from _of_several_lines(known, data.get(name), f"{path}.{name}".lstrip("."))


def _refuse(faults: list[tuple[str, str]], where: str) -> None:
    if faults:
        details = [{"path": path, "sentence": sentence} for path, sentence in faults[:50]]
        raise Invalid(" ".join(sentence for _, sentence in faults[:5]), f"bad_{where}", {"faults": details})
