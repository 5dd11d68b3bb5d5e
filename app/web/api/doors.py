"""A door of the API: its route, its schemas and its docstring in one place; the OpenAPI document is made from these."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flask import Blueprint, Response, g, jsonify, request

from app.accounts.roles import SCOPES, Right, Rights
from app.errors import Invalid
from app.house import House
from app.web.api.holding import hold
from app.web.callers import Caller
from app.web.refusals import Refusal, too_large
from app.web.this_house import this_house
from flows import form, plain_json
from flows.limits import Limits
from flows.values import clean_text

PREFIX: Final = "/api/v1"
Json = Any
Schema = Mapping[str, Any]
Answer = Mapping[str, Json] | Response
View = Callable[..., Answer]
Needs = Right | Rights

_PLACE: Final = re.compile(r"<(?:[^:>]*:)?(\w+)>")
MOST_BODY_BYTES: Final = 1_000_000
MOST_BYTES_KEY: Final = "x-most-bytes"
"""What a body's schema has where a door takes more than MOST_BODY_BYTES, with its Content-Length."""
# A document's own bounds are the engine's; around it an envelope of some levels is allowed.
_ENVELOPE: Final = replace(Limits(), document_bytes=MOST_BODY_BYTES, document_depth=Limits().document_depth + 4)


@dataclass(frozen=True)
class Asked:
    """One request, checked: the house, who asks, and the body and query as their schemas allow them."""

    house: House
    caller: Caller
    body: Mapping[str, Json]
    query: Mapping[str, Json]

    @property
    def who(self) -> str:
        """A person's e-mail address or a token's name: the author of what is made."""
        return self.caller.who


@dataclass(frozen=True)
class Door:
    """One route of the API."""

    method: str
    path: str
    view: View
    body: Schema | None
    query: Schema
    status: int
    needs: Rights

    @property
    def endpoint(self) -> str:
        """The route's name within its blueprint."""
        return f"{self.method.lower()}_{self.view.__name__}"

    @property
    def address(self) -> str:
        """The path as people write it, such as /flows/{flow}."""
        return _PLACE.sub(r"{\1}", self.path)

    @property
    def summary(self) -> str:
        """The docstring's first line."""
        return (self.view.__doc__ or "").strip().partition("\n")[0]


class Noun:
    """The doors of one noun. Its methods decorate `view(asked, **path) -> plain data or a Response`.

    `read` and `change` are the rights that its doors need, unless a door names its own: a right, several, or EVERYBODY.
    A door without any opens only to who may do all that a token can.
    """

    def __init__(self, name: str, read: Needs | None = None, change: Needs | None = None) -> None:
        self.name = name
        self.blueprint = Blueprint(f"api_{name}", __name__, url_prefix=PREFIX)
        self.doors: list[Door] = []
        self._read, self._change = read, change

    def get(
        self, path: str, query: Mapping[str, Schema] | None = None, *, right: Needs | None = None
    ) -> Callable[[View], View]:
        """A door that only reads."""
        return self._door("GET", path, fields(query or {}), right)

    def post(
        self, path: str, body: Schema | None = None, status: int = 200, *, right: Needs | None = None
    ) -> Callable[[View], View]:
        """A door that does something."""
        return self._door("POST", path, body, right, status)

    def put(self, path: str, body: Schema, *, right: Needs | None = None) -> Callable[[View], View]:
        """A door that replaces something."""
        return self._door("PUT", path, body, right)

    def patch(self, path: str, body: Schema, *, right: Needs | None = None) -> Callable[[View], View]:
        """A door that changes the named fields."""
        return self._door("PATCH", path, body, right)

    def delete(self, path: str, *, right: Needs | None = None) -> Callable[[View], View]:
        """A door that ends something."""
        return self._door("DELETE", path, None, right)

    def _door(
        self, method: str, path: str, taken: Schema | None, right: Needs | None, status: int = 200
    ) -> Callable[[View], View]:
        body, query, usual = (None, taken, self._read) if method == "GET" else (taken, None, self._change)
        needs = needed(right if right is not None else usual)

        def decorate(view: View) -> View:
            door = Door(method, path, view, body, query or fields({}), status, needs)
            self.doors.append(door)

            def enter(**path_values: Json) -> Response:
                texts = {name: clean_text(value) for name, value in path_values.items() if isinstance(value, str)}
                answer = view(_asked(door), **{**path_values, **texts})
                if isinstance(answer, Response):
                    return answer
                response = jsonify(answer)
                response.status_code = door.status
                return response

            self.blueprint.add_url_rule(path, door.endpoint, enter, methods=[method], provide_automatic_options=False)
            return view

        return decorate


def fields(properties: Mapping[str, Schema], *required: str) -> Schema:
    """An object with these fields and no others."""
    return {
        "type": "object",
        "title": "this request",  # what a sentence about it calls it
        "additionalProperties": False,
        "properties": dict(properties),
        "required": list(required),
    }


def needed(right: Needs | None) -> Rights:
    """The rights of a door as a set; all that a token can have where none is named."""
    return SCOPES if right is None else frozenset({right}) if isinstance(right, Right) else right


def text(most: int = 200, least: int = 0) -> Schema:
    """A text of so many characters."""
    return {"type": "string", "maxLength": most, **({"minLength": least} if least else {})}


def line(most: int = 200, least: int = 0) -> Schema:
    """A name or title of so many characters, which lists, logs and headers show in one line."""
    pattern = "^[^\\u0001-\\u001f\\u007f-\\u009f\\u2028\\u2029]*$"
    return {**text(most, least), "pattern": pattern, "x-says": "one line, without line breaks and tabs"}


def whole(least: int = 0, most: int = 2**53) -> Schema:
    """A whole number."""
    return {"type": "integer", "minimum": least, "maximum": most}


def one_of(*words: str) -> Schema:
    """One of a few words."""
    return {"type": "string", "enum": list(words)}


YES_NO: Final[Schema] = {"type": "boolean"}
NAME: Final[Schema] = line(80, 1)
SLUG: Final[Schema] = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_-]{0,39}$",
    "x-says": "up to 40 small letters, digits, - and _ that begin with a letter",
}
COUNTRY: Final[Schema] = {"type": "string", "pattern": "^([A-Z]{2})?$", "x-says": "two letters such as PL, or empty"}
LANGUAGE: Final[Schema] = {
    "type": "string",
    "pattern": f"^$|{form.LANGUAGE_PATTERN}",
    "x-says": 'a language code such as "en" or "pt-BR", or empty',
}
TEXTS: Final[Schema] = {"type": "object", "additionalProperties": text(1_000), "maxProperties": 50}
RAW: Final[Schema] = {"type": "string", "format": "binary"}  # the body is no JSON; the view reads it
ROW_ID: Final = f"<int(max={2**53 - 1}):number>"  # what fits every database and every JSON reader


def _asked(door: Door) -> Asked:
    house = this_house()
    return Asked(house, g.caller, _body(door), _query(door))


def _body(door: Door) -> Mapping[str, Json]:
    if door.body is RAW:
        return {}
    if door.body is None:
        if request.content_length:
            raise Refusal(400, "no_body", "This door takes no body: send none.")
        return {}
    envelope = replace(_ENVELOPE, document_bytes=door.body.get(MOST_BYTES_KEY, MOST_BODY_BYTES))
    if (request.content_length or 0) > envelope.document_bytes:
        raise too_large(envelope.document_bytes)
    request.max_content_length = envelope.document_bytes
    if not door.body["required"] and not request.get_data():
        return {}
    if request.mimetype != "application/json":
        raise Refusal(
            415, "not_json", f"The body is {request.mimetype or 'of no named type'}: send it as application/json."
        )
    data = plain_json.normalised(plain_json.parse(request.get_data(), envelope), envelope)
    hold(door.body, data, "body")
    if not isinstance(data, dict):
        raise Invalid("The body needs to be an object.", "bad_body")
    return data


def _query(door: Door) -> Mapping[str, Json]:
    known = door.query["properties"]
    data = {key: _converted(clean_text(value), known.get(key, {}).get("type")) for key, value in request.args.items()}
    hold(door.query, data, "query")
    return data


def _converted(value: str, kind: str | None) -> Json:
    if kind == "integer" and value.isascii() and value.isdecimal() and len(value) < 20:
        return int(value)
    if kind == "boolean" and value in {"true", "false"}:
        return value == "true"
    return value
