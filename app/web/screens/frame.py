"""The frame around every page for people: header, navigation, and a policy that allows no script but our own files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, make_response, render_template, request

from app.accounts.roles import Right
from app.web.callers import Caller
from app.web.words import Words, words_for

_HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    # With no-referrer browsers call our own forms' origin null: https://fetch.spec.whatwg.org/#append-a-request-origin-header
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


@dataclass(frozen=True)
class Place:
    """An entry of the navigation."""

    address: str
    key: str
    right: Right | None = None


NAVIGATION: Final = (
    Place("/people", "people", Right.READ_PEOPLE),
    Place("/tokens", "tokens", Right.READ_TOKENS),
    Place("/audit", "audit", Right.READ_AUDIT),
    Place("/api", "api"),
)
"""What exists so far, in the order of LOOK; the editor, numbers, runs and the desk come before these."""


def framed(template: str, caller: Caller, status: int = 200, **values: Any) -> Response:
    """A page for somebody who is signed in, with the navigation to what this person may see."""
    places = [place for place in NAVIGATION if place.right is None or place.right in caller.rights]
    return _page(template, status, caller=caller, me=_person(caller), places=places, **values)


def unframed(template: str, status: int = 200, **values: Any) -> Response:
    """A page for somebody who is not signed in."""
    return _page(template, status, **values)


def _person(caller: Caller) -> Any:
    assert caller.signed_in is not None  # noqa: S101  the policy of a page lets nobody else in
    return caller.signed_in.person


def _page(template: str, status: int, **values: Any) -> Response:
    say: Words = words_for(request)
    response = make_response(
        render_template(template, say=say, ago=say.ago, exact=say.exact, path=request.path, **values), status
    )
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self';"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    for name, value in _HEADERS.items():
        response.headers[name] = value
    return response
