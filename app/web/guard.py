"""What happens before and after every request: the policy is kept, answers are protected, one line is logged."""

import secrets
import time
from dataclasses import replace
from io import BytesIO
from typing import Final
from urllib.parse import urlencode

import structlog
from flask import Flask, Response, current_app, g, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.roles import SCOPES, Rights
from app.accounts.sign_in_sessions import is_csrf
from app.web.callers import Caller, caller_of, of_session, signed_in_of, token_missing
from app.web.origins import may_post
from app.web.policy import Policy, policy_of
from app.web.refusals import Refusal, too_large
from app.web.this_house import this_house

LARGEST_BODY_BYTES: Final = 1_000_000  # RELIABILITY §4; files have a door with a limit of its own
NEEDS: Final = "patchbay.needs"
"""The extension that says which rights each endpoint behind a token or session needs: Mapping[str, Rights]."""
_READING: Final = ("GET", "HEAD", "OPTIONS")
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
    app.before_request(_keep_from_other_sites)
    app.after_request(_protect)
    app.after_request(_write_line)


def _begin() -> None:
    g.started_at = time.monotonic()
    g.request_id = secrets.token_hex(8)
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(request_id=g.request_id)


def _keep_policy() -> BaseResponse | None:
    """Lets nobody in who lacks the door's right. A person who is not signed in is led to the sign-in page.

    Raises: Refusal (401, 403).
    """
    policy = policy_of(request.path)
    if policy is None and request.url_rule is None:
        return None  # there is nothing: 404
    if policy in {Policy.OPEN, Policy.SIGNED, Policy.TICKET, Policy.ONE_TIME}:
        return None
    house = this_house()
    if policy is Policy.SESSION:
        signed_in = signed_in_of(house, request)
        if signed_in is None:
            return _lead_to_sign_in()
        g.caller = of_session(signed_in)
    else:
        caller = caller_of(house, request)
        if caller is None:
            raise token_missing()
        g.caller = caller
    if request.url_rule is not None:
        _keep_rights(g.caller, current_app.extensions[NEEDS].get(request.endpoint))
    return None


def _lead_to_sign_in() -> BaseResponse:
    if request.method not in _READING:
        sentence = "You are not signed in any more, and nothing was changed. Sign in and do it again."
        raise Refusal(401, "signed_out", sentence)
    return redirect(f"/sign-in?{urlencode({'next': request.full_path.rstrip('?')})}", code=303)


def _keep_rights(caller: Caller, needs: Rights | None) -> None:
    """A door that names no right opens to nobody. Raises: Refusal (403)."""
    missing = sorted(needs - caller.rights) if needs is not None else ["none"]
    if not missing:
        return
    if caller.signed_in is not None:
        role = caller.signed_in.person.role
        if policy_of(request.path) is Policy.SESSION:  # a page: whoever reads it knows roles, and no names of rights
            sentence = f"Your role, {role}, does not have the right to do this: ask one of your admins."
        else:
            sentence = (
                f"This needs the right {missing[0]}, which the role {role} does not have: ask one of your admins."
            )
    elif grantable := [one for one in missing if one in SCOPES]:
        sentence = f"This needs the scope {grantable[0]}, which this token does not have: make one that has it."
    else:
        sentence = "No token may do this, only somebody who is signed in."
    raise Refusal(403, "right_missing", sentence, {"rights": missing})


def _keep_from_other_sites() -> None:
    """A browser sends the cookie also with what another site makes it send, but that site cannot read our pages.

    https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
    Raises: Refusal (403).
    """
    caller: Caller | None = g.get("caller")
    if caller is None or caller.signed_in is None or request.method in _READING:
        return
    is_page = policy_of(request.path) is Policy.SESSION
    given = request.form.get("csrf", "") if is_page else request.headers.get("X-CSRF-Token", "")
    house = this_house()
    if is_csrf(caller.signed_in, given) and may_post(request, house.settings.effective_public_url, ()):
        return
    what = "Load the page again and repeat it." if is_page else "Send the header X-CSRF-Token from GET /api/v1/me."
    raise Refusal(403, "csrf", f"This did not come from a page of ours, so nothing was changed. {what}")


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


def _protect(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    house = this_house()
    if house.settings.effective_public_url.startswith("https:"):
        response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    if response.status_code == 401:
        response.headers.setdefault("WWW-Authenticate", "Bearer")  # RFC 6750 §3
    if "caller" in g:
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
