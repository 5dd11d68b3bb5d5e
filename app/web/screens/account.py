"""The page of one's own account: name and role, another password, signing out everywhere."""

from typing import Any

from flask import request
from sqlalchemy import func, select
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.audit import note_act
from app.accounts.passwords import hashed, is_right, refuse_weak
from app.accounts.people import set_password
from app.accounts.roles import Right
from app.accounts.sign_in_sessions import end_all_sessions
from app.accounts.sign_in_tries import count_try
from app.db import now
from app.errors import Conflict, DomainError, Invalid
from app.models import Person, SignInSession
from app.web.hashing import apart
from app.web.screens.doors import Screens, Visit, back_to
from app.web.screens.frame import framed

screens = Screens("account")


@screens.get("/account", Right.OWN_ACCOUNT)
def show(visit: Visit) -> BaseResponse:
    """Who I am here."""
    return _page(visit)


@screens.post("/account/password", Right.OWN_ACCOUNT)
def change(visit: Visit) -> BaseResponse:
    """Sets another password, by who knows the present one; signed out everywhere else."""
    try:
        _change(visit, visit.field("present"), visit.field("password"))
    except DomainError as fault:
        return _page(visit, 422, fault=fault)
    return back_to("/account", "password")


@screens.post("/account/sign-out-everywhere", Right.OWN_ACCOUNT)
def sign_out_everywhere(visit: Visit) -> BaseResponse:
    """Ends all other sign-in sessions."""
    with visit.house.database.transaction() as session:
        ended = end_all_sessions(session, visit.signed_in.person.id, visit.signed_in.secret)
        note_act(session, visit.caller.who, "sign_out_everywhere", f"{ended} other browsers")
    return back_to("/account", "signed_out")


def _change(visit: Visit, present: str, password: str) -> None:
    """Raises: Invalid, Conflict."""
    person = visit.signed_in.person
    with visit.house.database.transaction() as session:  # whoever found this browser open may not guess here either
        counted = count_try(session, person.email, request.remote_addr or "")
    if not counted.is_allowed:
        minutes = -(-counted.wait_seconds // 60)
        raise Conflict(f"That was tried too often: wait {minutes} min and try again.", "too_often")
    if not apart(is_right, person.password, present):
        raise Invalid("The present password is not right: type it again.", "wrong_present")
    refuse_weak(password, person.email, person.name)
    stored = apart(hashed, password)
    with visit.house.database.transaction() as session:
        row = session.get_one(Person, person.id)
        set_password(session, row, stored, visit.caller.who, visit.signed_in.secret)


def _page(visit: Visit, status: int = 200, **values: Any) -> BaseResponse:
    query = select(func.count()).where(SignInSession.person_id == visit.signed_in.person.id)
    with visit.house.database.reading() as session:
        browsers, present = session.scalar(query) or 1, now(session)
    done = request.args.get("done", "")
    return framed(
        "account.html",
        visit.caller,
        status,
        others=browsers - 1,
        present=present,
        signed_in=visit.signed_in,
        done=done if done in {"password", "signed_out"} else "",
        **values,
    )
