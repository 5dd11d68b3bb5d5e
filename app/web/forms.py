"""The forms' doors: a page that needs no script, and what it and the forms of other sites post to."""

import secrets
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from flask import Blueprint, Response, current_app, jsonify, make_response, redirect, render_template, request
from flask.blueprints import BlueprintSetupState
from sqlalchemy import text as sql_text
from werkzeug.wrappers import Response as BaseResponse

from app import inbox
from app.channels.web_form import FilledIn, arrival
from app.db import now
from app.house import House
from app.models.conversation import conversation_of, reference
from app.web.form_requests import Form, find_form, is_key, new_key, read_form
from app.web.form_words import WORDS
from app.web.origins import frame_ancestors, may_frame, may_post
from app.web.plain_page import plain_page
from app.web.rates import Rates
from app.web.refusals import UNAVAILABLE
from app.web.this_house import this_house

blueprint = Blueprint("forms", __name__, template_folder="templates")

_RATES: Final = "patchbay.form_rates"
_TRAP: Final = "website"  # people do not see this field; programs that fill in everything do
_DONE: Final = "form-done"


def _set_rates(state: BlueprintSetupState) -> None:
    # More than any person fills in; many people may share one network address.
    state.app.extensions[_RATES] = {
        "email": Rates(per_second=1 / 60, burst=5),
        "network": Rates(per_second=1 / 10, burst=30),
    }


blueprint.record_once(_set_rates)


@blueprint.get("/forms/<name>")
def page(name: str) -> Response:
    """The form, or what became of it."""
    house = this_house()
    with house.database.reading() as session:
        form = find_form(session, name)
        present = now(session)
    if form is None:
        return _refused("There is no form here", "No form has this name. Look at the address.", 404)
    if not may_frame(request, house.settings.effective_public_url, form.settings.allowed_origins):
        return _refused("This site may not show the form", "Its owner must add it to the form's allowed sites.", 403)
    done, _, mac = request.args.get("done", "").partition(".")
    if done and house.key.verify(_DONE, f"{form.id}:{done}".encode(), mac):
        return _shown(form, done=done)
    return _shown(form, key=new_key(house.key, form, present))


@blueprint.post("/forms/<name>")
def take(name: str) -> BaseResponse:
    """Takes one form, once for each key: name, email, category, text. Our page is led on to its confirmation; who asks
    for JSON gets {reference}."""
    house = this_house()
    with house.database.reading() as session:
        form = find_form(session, name)
        present = now(session)
    if form is None:
        return _refused("There is no form here", "No form has this name. Look at the address.", 404)
    key = request.form.get("key", "")
    from_page = is_key(house.key, form, key, present)
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    allowed = may_post(request, house.settings.effective_public_url, form.settings.allowed_origins)
    if not allowed or not (origin or from_page):
        return _refused("This site may not send this form", "Its owner must add it to the form's allowed sites.", 403)
    fresh = new_key(house.key, form, present)
    own = secrets.token_urlsafe(16)
    filled_in, wrong = read_form(request, form, _language(form), key if from_page else own)
    if wrong:
        return _again(form, filled_in, wrong, 422, key if from_page else fresh)
    if key and not from_page:
        return _again(form, filled_in, {"": "expired"}, 422, fresh)
    if request.form.get(_TRAP):
        return _answered(form, "")
    if _comes_too_often(filled_in):
        return _again(form, filled_in, {"": "too_often"}, 429, key if from_page else fresh)
    return _answered(form, reference(_keep(house, form, filled_in)))


def unavailable(_: Exception) -> Response:
    """The database is away: a page that says so."""
    return _refused(
        "The form is away for a moment", "Nothing was kept. Go back and send it again in a few seconds.", 503
    )


for _kind in UNAVAILABLE:
    blueprint.register_error_handler(_kind, unavailable)


def _keep(house: House, form: Form, filled_in: FilledIn) -> int:
    """The conversation, committed; then a worker is woken."""
    with house.database.transaction() as session:
        put = inbox.put(session, form.connection_id, arrival(form.value, filled_in), house.limits)
        if filled_in.category and not put.duplicate:
            statement = "UPDATE conversations SET category = :category WHERE id = :id"
            session.execute(sql_text(statement), {"category": filled_in.category, "id": put.conversation_id})
    house.lanes.wake("turns")
    house.lanes.announce(put.conversation_id)
    return put.conversation_id


def _comes_too_often(filled_in: FilledIn) -> bool:
    rates: Mapping[str, Rates] = current_app.extensions[_RATES]
    return bool(rates["network"].take(request.remote_addr or "") or rates["email"].take(filled_in.email))


def _answered(form: Form, done: str) -> BaseResponse:
    """What a form that was taken gets; one of a program is thanked too, and learns nothing by it."""
    if _wants_json():
        response = jsonify({"reference": done})
        response.status_code = 201
        return _readable(form, response)
    house = this_house()
    marked = f"{done}.{house.key.sign(_DONE, f'{form.id}:{done}'.encode())}" if conversation_of(done) else ""
    if not marked:
        return _shown(form, done="–")
    query = {"done": marked} | ({"language": _language(form)} if request.args.get("language") else {})
    return redirect(f"/forms/{form.name}?{urlencode(query)}", code=303)


def _again(form: Form, filled_in: FilledIn, wrong: Mapping[str, str], status: int, key: str) -> Response:
    words = WORDS[_language(form)]
    if _wants_json():
        code = next(iter(wrong.values()))
        response = jsonify(
            error=words[code], code=code, details={"fields": {k: words[v] for k, v in wrong.items() if k}}
        )
        response.status_code = status
        return _readable(form, response)
    return _shown(form, status, key=key, filled_in=filled_in, wrong=wrong)


def _shown(form: Form, status: int = 200, **values: Any) -> Response:
    language, nonce = _language(form), secrets.token_urlsafe(16)
    texts = {name: _of_language(getattr(form.settings, name), language) for name in ("introduction", "thanks")}
    html = render_template(
        "form.html", form=form, words=WORDS[language], language=language, nonce=nonce, **texts, **values
    )
    response = make_response(html, status)
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        f"{frame_ancestors(form.settings.allowed_origins)}"
    )
    response.headers["Referrer-Policy"] = "same-origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _refused(heading: str, sentence: str, status: int) -> Response:
    if _wants_json():
        response = jsonify(error=f"{heading}. {sentence}", code="form_refused", details={})
        response.status_code = status
        return response
    return plain_page("refused.html", status, heading=heading, sentence=sentence)


def _readable(form: Form, response: Response) -> Response:
    """An allowed site's own script may read the answer (https://fetch.spec.whatwg.org/#http-cors-protocol)."""
    origin = request.headers.get("Origin", "")
    if origin in form.settings.allowed_origins:
        response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Vary"] = "Origin"
    response.headers["Cache-Control"] = "no-store"
    return response


def _wants_json() -> bool:
    accepted = request.accept_mimetypes
    return accepted.quality("application/json") > accepted.quality("text/html")


def _language(form: Form) -> str:
    """What the site asks for, else the browser's, else the number's."""
    asked = request.values.get("language", "")[:2].lower()
    if asked in WORDS:
        return asked
    return request.accept_languages.best_match(list(WORDS)) or (form.language if form.language in WORDS else "en")


def _of_language(texts: Mapping[str, str], language: str) -> str:
    return texts.get(language) or next(iter(texts.values()), "")
