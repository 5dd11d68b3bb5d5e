"""Holds every answer of the API against the API's own description: all that is told is answered, and nothing else."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache
from typing import Any

from flask import Flask, Response, request, request_finished
from jsonschema import Draft202012Validator, FormatChecker

from app.web.api import NOUNS
from app.web.api.doors import PREFIX
from app.web.api.openapi import document

_FORMATS = FormatChecker(())


def _is_utc(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo == UTC


_FORMATS.checks("date-time", raises=ValueError)(_is_utc)


@contextmanager
def held_to_their_description() -> Iterator[list[str]]:
    """Meanwhile every answer of every door is looked at; what is wrong with them, a line for each fault."""
    wrong: list[str] = []

    def look(_: Flask, response: Response, **__: Any) -> None:
        validator = _validators().get(request.endpoint or "")
        if validator is None or response.status_code >= 400 or response.mimetype != "application/json":
            return
        asked = f"{request.method} {request.path}"
        faults = validator.iter_errors(response.get_json())
        wrong.extend(f"{asked}: {fault.json_path}: {fault.message[:300]}" for fault in faults)

    with request_finished.connected_to(look):
        yield wrong


@cache
def _validators() -> Mapping[str, Draft202012Validator]:
    """A validator of each door's answer, by its endpoint."""
    described = document(NOUNS)
    parts = {"components": _closed(described["components"])}
    found = {}
    for noun in NOUNS:
        for door in noun.doors:
            operation = described["paths"][PREFIX + door.address][door.method.lower()]
            answer = operation["responses"][str(door.status)]["content"].get("application/json", {"schema": {}})
            schema = {**_closed(answer["schema"]), **parts}
            found[f"{noun.blueprint.name}.{door.endpoint}"] = Draft202012Validator(schema, format_checker=_FORMATS)
    return found


def _closed(schema: Any) -> Any:
    """The same schema without room for fields that it does not name."""
    if isinstance(schema, list):
        return [_closed(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    if schema.get("type") == "object" and isinstance(schema.get("properties"), Mapping):
        closed.setdefault("additionalProperties", False)
    return closed
