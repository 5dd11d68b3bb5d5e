"""What happens before and after every request: the policy is kept, answers are protected, one line is logged."""

import secrets
import time
from dataclasses import replace
from io import BytesIO
from typing import Final

import structlog
from flask import Flask, Response, current_app, g, request

from app.accounts.tokens import find_token
from app.house import House
from app.web.policy import Policy, policy_of
from app.web.refusals import Refusal, too_large

LARGEST_BODY_BYTES: Final = 1_000_000  # RELIABILITY §4; files have a door with a limit of its own
_QUIET: Final = ("/live", "/ready", "/static/<path:filename>")  # asked for so often that they would hide the rest
_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_log = structlog.get_logger("patchbay.web")


def keep_guard(app: Flask) -> None:
    """Puts the guard before all doors of the application."""
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    app.before_request(_begin)
    app.before_request(_keep_policy)
    app.before_request(_measure_body)
    app.after_request(_protect)
    app.after_request(_write_line)


def _begin() -> None:
    g.started_at = time.monotonic()
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _keep_policy() -> None:
    """Raises: Refusal (401) for everything that is not an open door, unless a valid token comes with it."""
    policy = policy_of(request.path)
    if policy is None and request.url_rule is None:
        return  # there is nothing: 404
    if policy in {Policy.OPEN, Policy.SIGNED, Policy.TICKET, Policy.ONE_TIME}:
        return
    g.who = _token_name()


def _measure_body() -> None:
    """Gives a body that comes in pieces its length; without one, werkzeug cuts it off at the limit and says nothing.

    Raises: Refusal (413).
    """
    if "chunked" not in request.headers.get("Transfer-Encoding", "").lower():
        return
    body = request.environ["wsgi.input"].read(LARGEST_BODY_BYTES + 1)
    if len(body) > LARGEST_BODY_BYTES:
        refusal = too_large(LARGEST_BODY_BYTES)
        raise replace(refusal, sentence=f"{refusal.sentence} A larger file is taken with its Content-Length.")
    del request.environ["HTTP_TRANSFER_ENCODING"]
    request.environ |= {"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _token_name() -> str:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise Refusal(401, "token_missing", "This door needs an API token: send it as “Authorization: Bearer …”.")
    house: House = current_app.extensions["patchbay"]
    with house.database.reading() as session:
        found = find_token(session, text.strip())
    if found is None:
        raise Refusal(
            401, "token_refused", "This API token is unknown or revoked: make another with `patchbay token NAME`."
        )
    return found[0].name


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    house: House = current_app.extensions["patchbay"]
    if house.settings.effective_public_url.startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if response.status_code == 401:
        response.headers.setdefault("WWW-Authenticate", "Bearer")  # RFC 6750 §3
    if "who" in g:
        response.headers.setdefault("Cache-Control", "no-store")
    response.headers["X-Request-Id"] = g.get("request_id", "")
    return response


def _write_line(response: Response) -> Response:
    """The route's rule, not the path: addresses hold secrets, names and numbers."""
    rule = request.url_rule.rule if request.url_rule else "none"
    if rule not in _QUIET or response.status_code >= 400:
        arguments = request.view_args or {}
        kept = ("connection", "path", "reference", "run")
        named: dict[str, object] = {name: arguments[name] for name in kept if name in arguments}
        if "refused" in g:
            named["code"] = g.refused
        milliseconds = round((time.monotonic() - g.get("started_at", time.monotonic())) * 1000, 1)
        # A webhook that is refused is lost for its sender: the operator sees it where only warnings are shown too.
        write = _log.warning if "refused" in g and rule.startswith("/hooks/") else _log.info
        write("request", method=request.method, route=rule, status=response.status_code, ms=milliseconds, **named)
    return response
