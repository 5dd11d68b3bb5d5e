"""Links of one use: the first owner's, an invitation, and the one for a new password. Opening one uses nothing up."""

from collections.abc import Callable
from typing import Final

from flask import Blueprint
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.audit import note_act
from app.accounts.first_link import is_open, use_first_link
from app.accounts.invitations import accept, find_invitation
from app.accounts.password_links import use_password_link, whose_password
from app.accounts.passwords import hashed, refuse_weak
from app.accounts.people import read_newcomer
from app.accounts.sign_in_sessions import begin_session
from app.errors import DomainError
from app.models import Person
from app.web.hashing import apart
from app.web.screens.cookies import refuse_other_sites, set_cookie
from app.web.screens.doors import back_to, entered, house
from app.web.screens.frame import unframed

blueprint = Blueprint("joining", __name__, template_folder="../templates")

_GONE: Final = 410


@blueprint.get("/first/<secret>")
def first(secret: str) -> BaseResponse:
    """The form of the first owner: whoever merely previews the link uses nothing up."""
    with house().database.reading() as session:
        usable = is_open(session, secret)
    return unframed("joining.html", kind="first") if usable else _gone("first")


@blueprint.post("/first/<secret>")
def become_owner(secret: str) -> BaseResponse:
    """Makes the owner, who is signed in then."""
    refuse_other_sites(house())
    with house().database.reading() as session:
        if not is_open(session, secret):
            return _gone("first")
    try:
        newcomer = read_newcomer(entered("email"), entered("name"), entered("password"))
        password = apart(hashed, newcomer.password)
        return _enter("first", lambda session: use_first_link(session, secret, newcomer, password))
    except DomainError as fault:
        return _again("first", fault, email=entered("email"))


@blueprint.get("/invitation/<secret>")
def invitation(secret: str) -> BaseResponse:
    """The form of somebody who was invited."""
    with house().database.reading() as session:
        found = find_invitation(session, secret)
    return _gone("invitation") if found is None else unframed("joining.html", kind="invitation", invited=found)


@blueprint.post("/invitation/<secret>")
def join(secret: str) -> BaseResponse:
    """Makes the person, who is signed in then."""
    refuse_other_sites(house())
    with house().database.reading() as session:
        found = find_invitation(session, secret)
    if found is None:
        return _gone("invitation")
    try:
        newcomer = read_newcomer(found.email, entered("name"), entered("password"))
        password = apart(hashed, newcomer.password)
        return _enter("invitation", lambda session: accept(session, secret, newcomer, password))
    except DomainError as fault:
        return _again("invitation", fault, invited=found)


@blueprint.get("/password/<secret>")
def forgotten(secret: str) -> BaseResponse:
    """The form for a new password."""
    with house().database.reading() as session:
        person = whose_password(session, secret)
    return _gone("password") if person is None else unframed("joining.html", kind="password", person=person)


@blueprint.post("/password/<secret>")
def choose_password(secret: str) -> BaseResponse:
    """Sets it; the person is signed in here, and nowhere else any more."""
    refuse_other_sites(house())
    with house().database.reading() as session:
        person = whose_password(session, secret)
    if person is None:
        return _gone("password")
    try:
        refuse_weak(entered("password"), person.email, person.name)
        password = apart(hashed, entered("password"))
        return _enter("password", lambda session: use_password_link(session, secret, password))
    except DomainError as fault:
        return _again("password", fault, person=person)


def _enter(kind: str, use: Callable[[Session], Person | None]) -> BaseResponse:
    """Signs in whom the link lets in. Raises: Conflict."""
    with house().database.transaction() as session:
        person = use(session)
        secret = begin_session(session, person) if person is not None else ""
        if person is not None:
            note_act(session, person.email, "sign_in", "by a link of one use")
    if not secret:
        return _gone(kind)
    response = back_to("/")
    set_cookie(house(), response, secret)
    return response


def _again(kind: str, fault: DomainError, **values: object) -> BaseResponse:
    """The form with what was wrong; the link is not used up."""
    return unframed("joining.html", 422, kind=kind, fault=fault, name=entered("name"), **values)


def _gone(kind: str) -> BaseResponse:
    return unframed("gone.html", _GONE, kind=kind)
