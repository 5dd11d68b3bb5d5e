"""Signing in: unknown and wrong look and last alike, every try is counted before the password is looked at."""

import re
from typing import Final

from flask import Blueprint, request
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.audit import note_act
from app.accounts.passwords import hashed, is_outdated, is_right
from app.accounts.people import LONGEST_EMAIL, find_person
from app.accounts.sign_in_sessions import begin_session, end_session
from app.accounts.sign_in_tries import Counted, clear_old_tries, count_try, forget_tries
from app.house import House
from app.web.callers import cookie_name, signed_in_of
from app.web.hashing import apart
from app.web.screens.cookies import refuse_other_sites, set_cookie
from app.web.screens.doors import back_to, entered
from app.web.screens.frame import unframed
from app.web.this_house import this_house

blueprint = Blueprint("sign_in", __name__, template_folder="../templates")

_LOCAL: Final = re.compile(r"/(?![/\\])[A-Za-z0-9/_.~%?=&-]{0,500}\Z")


@blueprint.get("/sign-in")
def page() -> BaseResponse:
    """The form; whoever is signed in already is led on."""
    if signed_in_of(this_house(), request) is not None:
        return back_to(_next())
    return unframed("sign_in.html", state="", email="", next=_next())


@blueprint.post("/sign-in")
def sign_in() -> BaseResponse:
    """Signs in, or says that it did not work, and never which part was wrong."""
    refuse_other_sites(this_house())
    email, password = entered("email").strip().lower()[:LONGEST_EMAIL], entered("password")
    counted = _counted(this_house(), email)
    if not counted.is_allowed:
        minutes = -(-counted.wait_seconds // 60)
        refused = unframed("sign_in.html", 429, state="too_often", minutes=minutes, email=email, next=_next())
        refused.headers["Retry-After"] = str(counted.wait_seconds)
        return refused
    secret = _let_in(this_house(), email, password)
    if secret is None:
        return unframed("sign_in.html", 401, state="wrong", email=email, next=_next())
    response = back_to(_next())
    set_cookie(this_house(), response, secret)
    this_house().database.retried(clear_old_tries)
    return response


def _counted(house: House, email: str) -> Counted:
    """Counted and committed before the password is looked at: many at once get no more tries than one by one."""
    address = request.remote_addr or ""
    with house.database.transaction() as session:
        counted = count_try(session, email, address)
        if counted.is_first_refused:
            known = find_person(session, email)
            note_act(session, known.email if known else "nobody", "stop_sign_in", f"too many tries from {address}")
    return counted


def _let_in(house: House, email: str, password: str) -> str | None:
    """The secret of a new sign-in session; None when the account is unknown or the password wrong."""
    with house.database.reading() as session:
        person = find_person(session, email)
    stored = person.password if person else None
    right = apart(is_right, stored, password)
    fresh = apart(hashed, password) if right and stored and is_outdated(stored) else ""
    address = request.remote_addr or ""
    with house.database.transaction() as session:
        # Locked, or who knows the old password would stay signed in by a try in the moment in which it is changed.
        person = find_person(session, email, locked=True)
        if not right or person is None or person.password != stored:  # changed while we were looking
            note_act(session, person.email if person else "nobody", "fail_sign_in", f"from {address}")
            return None
        person.password = fresh or person.password
        old = request.cookies.get(cookie_name(house.settings.effective_public_url), "")
        if old:
            end_session(session, old)
        secret = begin_session(session, person)
        forget_tries(session, person.email)
        note_act(session, person.email, "sign_in", f"from {address}")
    return secret


def _next() -> str:
    """Where to go then: an address of ours, never another site's."""
    wanted = request.values.get("next", "")
    return wanted if _LOCAL.match(wanted) and not wanted.startswith("/sign-") else "/"
