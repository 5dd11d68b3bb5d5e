"""What the chat's doors refuse, each with a status, a code for programs and a sentence for people."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Response, jsonify
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.db import DatabaseUnavailable

UNAVAILABLE = (DatabaseUnavailable, InterfaceError, OperationalError, PoolTimeout)
"""What a database that is away, busy or full raises; nothing was kept then."""


@dataclass(eq=False)
class Refusal(Exception):
    """A request that cannot be served as it is."""

    status: int
    code: str
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after_seconds: int = 0


def refused(refusal: Refusal) -> Response:
    """The answer in the form that all of Patchbay's JSON errors have."""
    response = jsonify(error=refusal.sentence, code=refusal.code, details=dict(refusal.details))
    response.status_code = refusal.status
    response.headers["Cache-Control"] = "no-store"
    if refusal.retry_after_seconds:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def unavailable(_: Exception) -> Response:
    """The database could not take it now."""
    sentence = "The chat cannot keep messages at this moment: nothing was stored. Try again in a few seconds."
    return refused(Refusal(503, "unavailable", sentence, retry_after_seconds=2))


def of_http(error: HTTPException) -> Response:
    """What Flask refuses before we see it: a wrong method, a body that is too large, a broken request."""
    if error.code == 413:
        return refused(too_large(1_000_000))
    code = (error.name or "refused").lower().replace(" ", "_")
    response = refused(Refusal(error.code or 400, code, error.description or "This request cannot be served."))
    for name, value in error.get_headers():
        if name == "Allow":
            response.headers[name] = value
    return response


def too_large(limit_bytes: int) -> Refusal:
    """A body over the limit."""
    shown = f"{limit_bytes // 1_000_000} MB" if limit_bytes == 1_000_000 else f"{limit_bytes >> 20} MiB"
    return Refusal(413, "too_large", f"This is larger than {shown}: send less at once.", {"limit_bytes": limit_bytes})


def no_chat() -> Refusal:
    """No number of that name, or not one of a web chat."""
    return Refusal(
        404, "no_chat", "There is no chat under this address: look at the name in data-number, or ask the site."
    )


def no_token() -> Refusal:
    """No bearer token."""
    return Refusal(401, "token_missing", "This request names no visitor: send the token of /visits as a bearer token.")


def bad_token() -> Refusal:
    """A bearer token that is not valid."""
    return Refusal(401, "token_refused", "This visitor token is not valid any more: begin a new visit.")


def origin_refused() -> Refusal:
    """Another site's page."""
    sentence = "This site may not show the chat: its owner must add the site's address to the allowed sites."
    return Refusal(403, "origin_refused", sentence)


def too_often(waits_seconds: float) -> Refusal:
    """More than a person writes."""
    wait = math.ceil(waits_seconds)
    sentence = "Too many requests came at once: this one was not taken. Try again in a moment."
    return Refusal(429, "too_often", sentence, {"retry_after_seconds": wait}, retry_after_seconds=wait)


def empty() -> Refusal:
    """Nothing to send."""
    return Refusal(400, "empty", "There is nothing in this message: write something, choose an answer or add a file.")


def file_type_refused() -> Refusal:
    """Content that is no picture, PDF or text."""
    sentence = "This kind of file cannot be sent here: send a picture (PNG, JPEG, GIF, WebP), a PDF or a plain text."
    return Refusal(415, "file_type", sentence)


def file_unknown() -> Refusal:
    """A file that this visitor did not send."""
    return Refusal(400, "file_unknown", "This message names a file that you did not send here: send the file again.")


def bad_field(name: str, must: str) -> Refusal:
    """A field that is missing or wrong."""
    return Refusal(400, "bad_field", f"The field {name} must be {must}.", {"field": name})
