"""Pages for people that run nothing: one look, and a policy that allows no script."""

import secrets

from flask import Response, make_response, render_template, request

_OF_PROGRAMS = ("/api/", "/hooks/")  # these speak JSON, whoever asks


def plain_page(template: str, status: int = 200, ancestors: str = "'none'", **values: str) -> Response:
    """A page made from a template that extends page.html; `ancestors` are the sites that may frame it."""
    nonce = secrets.token_urlsafe(16)
    response = make_response(render_template(template, nonce=nonce, **values), status)
    policy = f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; base-uri 'none'"
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors {ancestors}"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    return response


def wants_page() -> bool:
    """Whether a browser shows the answer to a person; scripts and programs take anything, so they get JSON."""
    if request.path.startswith(_OF_PROGRAMS):
        return False
    accepted = request.accept_mimetypes
    return accepted.quality("text/html") > accepted.quality("application/json")
