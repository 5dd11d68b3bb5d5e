"""The page of people: who is here, who is invited; invite, change a role, remove, make a link for a new password."""

from dataclasses import dataclass
from typing import Any, Final

from flask import request
from sqlalchemy import func, select
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.invitations import cancel_invitation, invite, open_invitations
from app.accounts.password_links import make_password_link
from app.accounts.people import change_role, person_of, read_email, read_role, remove_person
from app.accounts.roles import Right, Role, may_give
from app.db import now
from app.errors import DomainError
from app.models import Person
from app.web.api.doors import ROW_ID
from app.web.screens.doors import Screens, Visit, back_to, last_seen
from app.web.screens.frame import framed

screens = Screens("people")

_MOST: Final = 200
_DONE: Final = ("role", "removed", "cancelled")


@dataclass(frozen=True)
class Link:
    """A link of one use, shown once to whoever made it."""

    kind: str
    email: str
    address: str


@screens.get("/people", Right.READ_PEOPLE)
def show(visit: Visit) -> BaseResponse:
    """Everybody, by name."""
    return _page(visit)


@screens.post("/people/invitations", Right.EDIT_PEOPLE)
def invite_somebody(visit: Visit) -> BaseResponse:
    """Shows the link once."""
    try:
        email, role = read_email(visit.field("email")), read_role(visit.field("role"))
        with visit.house.database.transaction() as session:
            _, secret = invite(session, email, role, visit.actor)
    except DomainError as fault:
        return _page(visit, 422, fault=fault, email=visit.field("email"), chosen=visit.field("role"))
    return _page(visit, link=Link("invitation", email, _address(visit, f"invitation/{secret}")))


@screens.post(f"/people/invitations/{ROW_ID}/cancel", Right.EDIT_PEOPLE)
def cancel(visit: Visit, number: int) -> BaseResponse:
    """Ends the link."""
    with visit.house.database.transaction() as session:
        cancel_invitation(session, number, visit.actor)
    return back_to("/people", "cancelled")


@screens.post(f"/people/{ROW_ID}/role", Right.EDIT_PEOPLE)
def give_role(visit: Visit, number: int) -> BaseResponse:
    """Gives another role."""
    try:
        with visit.house.database.transaction() as session:
            change_role(session, number, read_role(visit.field("role")), visit.actor)
    except DomainError as fault:
        return _page(visit, 409, notice_of=fault)
    return back_to("/people", "role")


@screens.post(f"/people/{ROW_ID}/remove", Right.EDIT_PEOPLE)
def remove(visit: Visit, number: int) -> BaseResponse:
    """Removes the person."""
    try:
        with visit.house.database.transaction() as session:
            remove_person(session, number, visit.actor)
    except DomainError as fault:
        return _page(visit, 409, notice_of=fault)
    return back_to("/people", "removed")


@screens.post(f"/people/{ROW_ID}/password-link", Right.EDIT_PEOPLE)
def password_link(visit: Visit, number: int) -> BaseResponse:
    """Shows the link once."""
    try:
        with visit.house.database.transaction() as session:
            person = person_of(session, number)
            secret = make_password_link(session, person, visit.actor)
    except DomainError as fault:
        return _page(visit, 409, notice_of=fault)
    return _page(visit, link=Link("password", person.email, _address(visit, f"password/{secret}")))


def _page(visit: Visit, status: int = 200, **values: Any) -> BaseResponse:
    done = request.args.get("done", "")
    with visit.house.database.reading() as session:
        here = select(Person).where(Person.removed_at.is_(None))
        total = session.scalar(select(func.count()).select_from(here.subquery())) or 0
        people = session.scalars(here.where(Person.id > last_seen()).order_by(Person.id).limit(_MOST + 1)).all()
        invitations = open_invitations(session)
        present = now(session)
    rights = visit.caller.rights
    may_edit = Right.EDIT_PEOPLE in rights
    return framed(
        "people.html",
        visit.caller,
        status,
        people=people[:_MOST],
        more=people[_MOST - 1].id if len(people) > _MOST else None,
        total=total,
        invitations=invitations,
        present=present,
        may_edit=may_edit,
        touchable={role for role in Role if may_edit and may_give(rights, role)},
        roles=[role for role in Role if may_give(rights, role)],
        done=done if done in _DONE else "",
        **values,
    )


def _address(visit: Visit, path: str) -> str:
    return f"{visit.house.settings.effective_public_url}/{path}"
