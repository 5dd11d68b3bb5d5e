"""Links of one use: the first owner's, an invitation, and the one for a new password. Opening one uses nothing up."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar

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
from app.models import Invitation, Person
from app.web.hashing import apart
from app.web.screens.cookies import refuse_other_sites, set_cookie
from app.web.screens.doors import back_to, entered
from app.web.screens.frame import unframed
from app.web.this_house import this_house

blueprint = Blueprint("joining", __name__, template_folder="../templates")

_GONE: Final = 410

T = TypeVar("T")
Use = Callable[[Session], Person | None]


@dataclass(frozen=True)
class Link(Generic[T]):
    """A kind of link. `find` gives what it is good for, None when that is over; the form shows it as `named`. `read`
    makes of that and of what was entered how the link is used. Raises: DomainError."""

    kind: str
    named: str
    find: Callable[[Session, str], T | None]
    read: Callable[[str, T], Use]


def _owner(secret: str, _open: bool) -> Use:
    newcomer = read_newcomer(entered("email"), entered("name"), entered("password"))
    password = apart(hashed, newcomer.password)
    return lambda session: use_first_link(session, secret, newcomer, password)


def _invited(secret: str, found: Invitation) -> Use:
    newcomer = read_newcomer(found.email, entered("name"), entered("password"))
    password = apart(hashed, newcomer.password)
    return lambda session: accept(session, secret, newcomer, password)


def _forgetful(secret: str, person: Person) -> Use:
    refuse_weak(entered("password"), person.email, person.name)
    password = apart(hashed, entered("password"))
    return lambda session: use_password_link(session, secret, password)


_FIRST: Final = Link("first", "usable", lambda session, secret: is_open(session, secret) or None, _owner)
_INVITATION: Final = Link("invitation", "invited", find_invitation, _invited)
_PASSWORD: Final = Link("password", "person", whose_password, _forgetful)


@blueprint.get("/first/<secret>")
def first(secret: str) -> BaseResponse:
    """The form of the first owner: whoever merely previews the link uses nothing up."""
    return _form(_FIRST, secret)


@blueprint.post("/first/<secret>")
def become_owner(secret: str) -> BaseResponse:
    """Makes the owner, who is signed in then."""
    return _use(_FIRST, secret)


@blueprint.get("/invitation/<secret>")
def invitation(secret: str) -> BaseResponse:
    """The form of somebody who was invited."""
    return _form(_INVITATION, secret)


@blueprint.post("/invitation/<secret>")
def join(secret: str) -> BaseResponse:
    """Makes the person, who is signed in then."""
    return _use(_INVITATION, secret)


@blueprint.get("/password/<secret>")
def forgotten(secret: str) -> BaseResponse:
    """The form for a new password."""
    return _form(_PASSWORD, secret)


@blueprint.post("/password/<secret>")
def choose_password(secret: str) -> BaseResponse:
    """Sets it; the person is signed in here, and nowhere else any more."""
    return _use(_PASSWORD, secret)


def _form(link: Link[T], secret: str) -> BaseResponse:
    found = _found(link, secret)
    if found is None:
        return _gone(link.kind)
    told: dict[str, Any] = {"kind": link.kind, link.named: found}
    return unframed("joining.html", **told)


def _use(link: Link[T], secret: str) -> BaseResponse:
    """Uses the link; or shows the form with what was wrong, and the link is not used up."""
    refuse_other_sites(this_house())
    found = _found(link, secret)
    if found is None:
        return _gone(link.kind)
    try:
        return _enter(link.kind, link.read(secret, found))
    except DomainError as fault:
        told: dict[str, Any] = {"kind": link.kind, link.named: found, "fault": fault}
        return unframed("joining.html", 422, name=entered("name"), email=entered("email"), **told)


def _found(link: Link[T], secret: str) -> T | None:
    with this_house().database.reading() as session:
        return link.find(session, secret)


def _enter(kind: str, use: Use) -> BaseResponse:
    """Signs in whom the link lets in. Raises: Conflict."""
    with this_house().database.transaction() as session:
        person = use(session)
        secret = begin_session(session, person) if person is not None else ""
        if person is not None:
            note_act(session, person.email, "sign_in", "by a link of one use")
    if not secret:
        return _gone(kind)
    response = back_to("/")
    set_cookie(this_house(), response, secret)
    return response


def _gone(kind: str) -> BaseResponse:
    return unframed("gone.html", _GONE, kind=kind)
