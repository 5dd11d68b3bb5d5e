"""The house's own few pages: the way in, the one-time link, and whether this process is alive and ready."""

from typing import Final

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect

from app.accounts.first_link import is_open, use_first_link
from app.house import House
from app.web.plain_page import plain_page
from app.web.readiness import readiness

blueprint = Blueprint("pages", __name__, template_folder="templates")

_GONE: Final = 410


@blueprint.get("/")
def home() -> Response:
    """Until there are screens, the chat."""
    return make_response(redirect("/chat", code=302))


@blueprint.get("/live")
def live() -> Response:
    """This process answers."""
    return jsonify(live=True)


@blueprint.get("/ready")
def ready() -> Response:
    """Whether this process can do its work; 503 with the sentences when it cannot."""
    found = readiness(_house())
    response = jsonify(ready=found.is_ready, checks=[vars(check) for check in found.checks])
    response.status_code = 200 if found.is_ready else 503
    response.headers["Cache-Control"] = "no-store"
    if not found.is_ready:
        response.headers["Retry-After"] = "5"
    return response


@blueprint.get("/first/<secret>")
def first_link(secret: str) -> Response:
    """Only offers the token: whoever merely previews the link uses nothing up."""
    with _house().database.reading() as session:
        usable = is_open(session, secret)
    return _page("offer" if usable else "gone")


@blueprint.post("/first/<secret>")
def use_link(secret: str) -> Response:
    """Shows a new token, once."""
    with _house().database.transaction() as session:
        token = use_first_link(session, secret)
    return _page("gone") if token is None else _page("token", token)


def _page(state: str, token: str = "") -> Response:
    address = _house().settings.effective_public_url
    return plain_page("first.html", _GONE if state == "gone" else 200, state=state, token=token, address=address)


def _house() -> House:
    house: House = current_app.extensions["patchbay"]
    return house
