"""What a door refuses: a status, a code for programs and a sentence for people, always in one form."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Response, g, jsonify
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from app.db import DatabaseUnavailable
from app.web.plain_page import plain_page, wants_page

UNAVAILABLE = (DatabaseUnavailable, InterfaceError, OperationalError, PoolTimeout)
"""What a database that is away, busy or full raises; nothing was kept then."""


_HEADINGS: Final[Mapping[int, str]] = {
    400: "This address cannot be opened",
    403: "This address is not open to you",
    404: "There is nothing here",
    405: "This address is for programs",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Away for a moment",
}


@dataclass(eq=False)
class Refusal(Exception):
    """A request that cannot be served as it is."""

    status: int
    code: str
    sentence: str
    details: Mapping[str, Any] = field(default_factory=dict)
    retry_after_seconds: int = 0


def refused(refusal: Refusal) -> Response:
    """The answer in the form that all of Patchbay's JSON errors have, or a page where a browser shows it to a person.
    The request's log line names the code."""
    g.refused = refusal.code
    if wants_page():
        heading = _HEADINGS.get(refusal.status, _HEADINGS[400])
        response = plain_page("refused.html", refusal.status, heading=heading, sentence=refusal.sentence, start="/")
    else:
        response = jsonify(error=refusal.sentence, code=refusal.code, details=dict(refusal.details))
        response.status_code = refusal.status
    response.headers["Cache-Control"] = "no-store"
    if refusal.retry_after_seconds:
        response.headers["Retry-After"] = str(refusal.retry_after_seconds)
    return response


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


def bad_field(name: str, must: str) -> Refusal:
    """A field that is missing or wrong."""
    return Refusal(400, "bad_field", f"The field {name} must be {must}.", {"field": name})
