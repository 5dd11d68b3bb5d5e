"""Where somebody is led who has signed in, and the way out."""

from flask import redirect, request
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.audit import note_act
from app.accounts.people import is_anybody_here
from app.accounts.roles import Right
from app.accounts.sign_in_sessions import end_session
from app.web.callers import of_session, signed_in_of
from app.web.screens.cookies import drop_cookie
from app.web.screens.doors import Screens, Visit, back_to
from app.web.screens.frame import NAVIGATION, framed
from app.web.this_house import this_house

screens = Screens("start")


@screens.blueprint.get("/")
def home() -> BaseResponse:
    """The start page; the sign-in page for who is not signed in. While nobody has joined yet, the example chat."""
    signed_in = signed_in_of(this_house(), request)
    if signed_in is not None:
        caller = of_session(signed_in)
        cards = [place for place in NAVIGATION if place.right is None or place.right in caller.rights]
        return framed("start.html", caller, cards=cards)
    with this_house().database.reading() as session:
        somebody = is_anybody_here(session)
    return redirect("/sign-in" if somebody else "/chat")


@screens.post("/sign-out", Right.OWN_ACCOUNT)
def sign_out(visit: Visit) -> BaseResponse:
    """Signs out in this browser."""
    with visit.house.database.transaction() as session:
        end_session(session, visit.signed_in.secret)
        note_act(session, visit.caller.who, "sign_out", "")
    response = back_to("/sign-in")
    drop_cookie(visit.house, response)
    return response
