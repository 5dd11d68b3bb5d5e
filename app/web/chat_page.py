"""The chat's page and the script by which other sites show it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, make_response, render_template, request, send_from_directory

from app.web.chat_number import Chat, find_chat
from app.web.origins import frame_ancestors, may_frame
from app.web.plain_page import plain_page
from app.web.refusals import UNAVAILABLE
from app.web.this_house import this_house

blueprint = Blueprint("chat_page", __name__, template_folder="templates")

DIST: Final = Path(__file__).resolve().parents[2] / "static" / "dist"
LANGUAGES: Final = ("en", "pl", "ru")  # those of static/src/chat/catalogues

_REFUSALS: Final[Mapping[str, tuple[int, str, str]]] = {
    "no_chat": (
        404,
        "There is no chat here",
        "No chat has this name. Look at the address, or ask whoever gave it to you.",
    ),
    "no_site": (
        403,
        "This site may not show the chat",
        "Its owner must add the site's address to the allowed sites of this chat.",
    ),
    "not_built": (
        503,
        "The chat is not ready",
        "The folder static/dist is missing: run make static/dist, then reload.",
    ),
    "unavailable": (
        503,
        "The chat is away for a moment",
        "Its database does not answer. Reload the page in a few seconds.",
    ),
}


@blueprint.get("/chat")
@blueprint.get("/chat/<name>")
def page(name: str = "") -> Response:
    """The page of one chat, or of the first one."""
    house = this_house()
    with house.database.reading() as session:
        chat = find_chat(session, name)
    if chat is None:
        return _refused("no_chat")
    allowed = chat.settings.allowed_origins
    if not may_frame(request, house.settings.effective_public_url, allowed):
        return _refused("no_site")
    if not (DIST / "chat.js").exists():
        return _refused("not_built")
    response = make_response(
        render_template("chat.html", chat=chat, language=_language(chat), greeting=_greeting(chat), languages=LANGUAGES)
    )
    _protect(response, frame_ancestors(allowed))
    return response


@blueprint.get("/chat/embed.js")
def embed() -> Response:
    """The script that a site names in one tag; it makes the button and the panel."""
    if not (DIST / "embed.js").exists():
        return _refused("not_built")
    response = send_from_directory(DIST, "embed.js", mimetype="text/javascript", max_age=300)
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["X-Content-Type-Options"] = "nosniff"
    return response


def unavailable(_: Exception) -> Response:
    """The database is away: a page that says so."""
    return _refused("unavailable")


for _kind in UNAVAILABLE:
    blueprint.register_error_handler(_kind, unavailable)


def _refused(code: str) -> Response:
    status, heading, sentence = _REFUSALS[code]
    # Any site may frame this one: it says to the site's owner why the panel stays empty.
    return plain_page("refused.html", status, ancestors="*", heading=heading, sentence=sentence)


def _protect(response: Response, ancestors: str) -> None:
    response.headers["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self';"
        f" form-action 'none'; base-uri 'none'; {ancestors}"
    )
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"


def _language(chat: Chat) -> str:
    """What the site asks for, else the browser's, else the number's."""
    asked = request.args.get("language", "")[:2].lower()
    if asked in LANGUAGES:
        return asked
    return request.accept_languages.best_match(LANGUAGES) or (chat.language if chat.language in LANGUAGES else "en")


def _greeting(chat: Chat) -> str:
    greeting = chat.settings.greeting
    return greeting.get(_language(chat)) or next(iter(greeting.values()), "")
