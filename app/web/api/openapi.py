"""The API's own description, made from its doors: https://spec.openapis.org/oas/v3.1.0"""

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from app.accounts.roles import EVERYBODY
from app.web.api.answers import Described, answer_of
from app.web.api.doors import PREFIX, RAW, Asked, Door, Noun

_PART = re.compile(r"<(?:(int)[^:]*:)?(\w+)>")
_REFUSALS: Mapping[str, str] = {
    "400": "The request is not of the form that is described.",
    "401": "There is no token and nobody is signed in, or the token is unknown or revoked.",
    "403": "The right is missing, or a browser sent no X-CSRF-Token.",
    "404": "There is nothing of that name.",
    "405": "The address does not take this method; `Allow` has those it takes.",
    "409": "Somebody else has it, or was faster.",
    "413": "The body is too large.",
    "415": "The body is of another kind.",
    "422": "The body or the query cannot be taken as it is; the sentence says why.",
    "429": "More is asked than one caller may ask; `Retry-After` says when to go on.",
    "502": "Another system, such as a carrier, refused or did not answer; the sentence says which.",
    "503": "The database is away for a moment: nothing was changed.",
}
_FILES: Mapping[str, str] = {"/contacts/export": "text/csv"}  # answers that are no JSON
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
_TEXT = {"type": "string", "minLength": 1}
_ERROR = {
    "type": "object",
    "required": ["error", "code", "details"],
    "properties": {
        "error": {"type": "string", "description": "A sentence: what is wrong and what to do."},
        "code": {"type": "string"},
        "details": {"type": "object"},
    },
}


def describing(nouns: Iterable[Noun]) -> Noun:
    """The noun whose one door describes all the others, and itself."""
    noun = Noun("description", EVERYBODY)
    described = (*nouns, noun)

    @noun.get("/openapi.json")
    def describe(_: Asked) -> Annotated[dict[str, Any], "An OpenAPI 3.1 document."]:
        """This description of the API, as OpenAPI 3.1."""
        return document(described)

    return noun


def document(nouns: Iterable[Noun]) -> dict[str, Any]:
    """The OpenAPI document of these doors."""
    paths: dict[str, dict[str, Any]] = {}
    described = Described()
    for noun in nouns:
        for door in noun.doors:
            paths.setdefault(PREFIX + door.address, {})[door.method.lower()] = _operation(noun, door, described)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Patchbay", "version": "1", "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"}},
        "security": [{"token": []}, {"cookie": []}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "patchbay"},
            },
            "schemas": {"Error": _ERROR, **dict(sorted(described.parts.items()))},
        },
    }


def _operation(noun: Noun, door: Door, described: Described) -> dict[str, Any]:
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": dict(_NUMBER if kind else _TEXT)}
        for kind, name in _PART.findall(door.path)
    ]
    parameters += [
        {"name": name, "in": "query", "required": False, "schema": dict(schema)}
        for name, schema in door.query["properties"].items()
    ]
    answers: dict[str, Any] = {
        str(door.status): {
            "description": door.summary,
            "content": _content(door, described),
        }
    }
    refused = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    answers |= {status: {"description": sentence, "content": refused} for status, sentence in _REFUSALS.items()}
    operation: dict[str, Any] = {
        "operationId": door.view.__name__,
        "tags": [noun.name],
        "summary": door.summary,
        "parameters": parameters,
        "responses": answers,
        "x-rights": sorted(door.needs),
    }
    if door.body is not None:
        kind = "application/octet-stream" if door.body is RAW else "application/json"
        required = door.body is RAW or bool(door.body["required"])
        operation["requestBody"] = {"required": required, "content": {kind: {"schema": dict(door.body)}}}
    return operation


def _content(door: Door, described: Described) -> dict[str, Any]:
    if door.path in _FILES:
        return {_FILES[door.path]: {"schema": _TEXT}}
    return {"application/json": {"schema": described.schema(answer_of(door.view))}}
