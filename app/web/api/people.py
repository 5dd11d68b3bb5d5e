"""The API's people: who signs in here, with which role, and how somebody new comes."""

from typing import Annotated, TypedDict

from sqlalchemy import select

from app.accounts.invitations import LIFETIME, cancel_invitation, invite, open_invitations
from app.accounts.password_links import make_password_link
from app.accounts.people import Actor, change_role, person_of, read_email, remove_person
from app.accounts.roles import ROLES, Right, Role
from app.models import Invitation, Person
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.doors import ROW_ID, Asked, Noun, fields, one_of, text
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted

noun = Noun("people", Right.READ_PEOPLE, Right.EDIT_PEOPLE)

_ROLE = one_of(*Role)
_Role = Annotated[str, OneOf(tuple(Role))]


class PersonData(TypedDict):
    """A person who may sign in."""

    id: int
    email: str
    name: str
    role: _Role
    created_at: Instant
    signed_in_at: Instant | None


class LinkData(TypedDict):
    """A link that is shown only once."""

    link: str


class RoleData(TypedDict):
    """A role with its rights."""

    role: _Role
    rights: list[Annotated[str, OneOf(tuple(Right))]]


class InvitationData(TypedDict):
    """An invitation that can still be used; `made_by` is the e-mail address of who invites."""

    id: int
    email: str
    role: _Role
    made_by: str
    created_at: Instant
    expires_at: Instant


class NewInvitationData(InvitationData):
    """A new invitation with its link, which is shown only once."""

    link: str


@noun.get("/people", {**PAGE, **SEARCH})
def list_people(asked: Asked) -> PageData[PersonData]:
    """All people who may sign in."""
    after = asked.query.get("after", 0)
    with asked.house.database.reading() as session:
        query = select(Person).where(Person.removed_at.is_(None), Person.id > after).order_by(Person.id)
        query = query.where(searched(asked.query, Person.name, Person.email))
        rows = session.scalars(query.limit(wanted(asked.query))).all()
    return page(rows, asked.query, _person_data, lambda row: row.id)


@noun.get(f"/people/{ROW_ID}")
def read_person(asked: Asked, number: int) -> PersonData:
    """One person."""
    with asked.house.database.reading() as session:
        return _person_data(person_of(session, number))


@noun.patch(f"/people/{ROW_ID}", fields({"role": _ROLE}, "role"))
def change_person(asked: Asked, number: int) -> PersonData:
    """Gives another role; the person is signed out everywhere. Nobody gives rights that they lack."""
    with asked.house.database.transaction() as session:
        return _person_data(change_role(session, number, Role(asked.body["role"]), actor(asked)))


@noun.delete(f"/people/{ROW_ID}")
def delete_person(asked: Asked, number: int) -> PersonData:
    """Removes a person: signed out at once, own tokens ended. The last owner stays."""
    with asked.house.database.transaction() as session:
        return _person_data(remove_person(session, number, actor(asked)))


@noun.post(f"/people/{ROW_ID}/password-link", status=201)
def new_password_link(asked: Asked, number: int) -> LinkData:
    """A link by which the person chooses a new password: for a day, once; shown only here."""
    with asked.house.database.transaction() as session:
        secret = make_password_link(session, person_of(session, number), actor(asked))
    return {"link": f"{asked.house.settings.effective_public_url}/password/{secret}"}


@noun.get("/roles", right=Right.READ_PEOPLE)
def list_roles(_: Asked) -> PageData[RoleData]:
    """The roles and the rights of each."""
    return {"items": [{"role": role, "rights": sorted(rights)} for role, rights in ROLES.items()], "next": None}


@noun.get("/invitations", PAGE)
def list_invitations(asked: Asked) -> PageData[InvitationData]:
    """Invitations that can still be used."""
    with asked.house.database.reading() as session:
        rows = open_invitations(session, asked.query.get("after", 0), wanted(asked.query))
    return page(rows, asked.query, _invitation_data, lambda row: row.id)


@noun.post("/invitations", fields({"email": text(254, 1), "role": _ROLE}, "email", "role"), status=201)
def new_invitation(asked: Asked) -> NewInvitationData:
    """A link for one person: for seven days, once; shown only here. One that the address had before ends."""
    email = read_email(asked.body["email"])
    with asked.house.database.transaction() as session:
        row, secret = invite(session, email, Role(asked.body["role"]), actor(asked))
    return {**_invitation_data(row), "link": f"{asked.house.settings.effective_public_url}/invitation/{secret}"}


@noun.delete(f"/invitations/{ROW_ID}")
def delete_invitation(asked: Asked, number: int) -> InvitationData:
    """Cancels an invitation."""
    with asked.house.database.transaction() as session:
        return _invitation_data(cancel_invitation(session, number, actor(asked)))


def actor(asked: Asked) -> Actor:
    """Who changes something about people."""
    return Actor(asked.who, asked.caller.rights)


def _person_data(row: Person) -> PersonData:
    return {
        "id": row.id,
        "email": row.email,
        "name": row.name,
        "role": row.role,
        "created_at": row.created_at.isoformat(),
        "signed_in_at": row.signed_in_at.isoformat() if row.signed_in_at else None,
    }


def _invitation_data(row: Invitation) -> InvitationData:
    return {
        "id": row.id,
        "email": row.email,
        "role": row.role,
        "made_by": row.made_by,
        "created_at": row.created_at.isoformat(),
        "expires_at": (row.created_at + LIFETIME).isoformat(),
    }
