"""People of the installation: who they are, which role each has, and that there is always an owner."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.passwords import refuse_weak
from app.accounts.roles import Right, Rights, Role, may_give, rights_of
from app.accounts.sign_in_sessions import end_all_sessions
from app.accounts.sign_in_tries import forget_tries
from app.accounts.tokens import revoke_all
from app.db import now
from app.errors import Conflict, DomainError, Invalid, NotFound
from app.models import Invitation, PasswordLink, Person

LONGEST_NAME: Final = 80
LONGEST_EMAIL: Final = 254  # RFC 5321 §4.5.3.1.3, without the angle brackets
_EMAIL: Final = re.compile(
    r"[^\s@\"<>(),:;\\\[\]\x00-\x1f\x7f]{1,64}@(?=.{3,253}\Z)[^\s@.,:;/\\<>\"]+(\.[^\s@.,:;/\\<>\"]+)+\Z"
)


class Forbidden(DomainError):
    """The one who asks lacks a right."""

    code = "forbidden"


@dataclass(frozen=True)
class Actor:
    """Who changes something about people, and what this one may do."""

    who: str
    rights: Rights


@dataclass(frozen=True)
class Newcomer:
    """What somebody enters who joins."""

    email: str
    name: str
    password: str


def read_email(text: str) -> str:
    """An e-mail address in small letters. Raises: Invalid."""
    email = unicodedata.normalize("NFC", text).strip().lower()
    if len(email) > LONGEST_EMAIL or not _EMAIL.match(email) or not email.isprintable():
        raise Invalid("This is no e-mail address: it should look like ada@example.com.", "bad_email", field="email")
    return email


def read_name(text: str) -> str:
    """A person's name. Raises: Invalid."""
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= LONGEST_NAME or not name.isprintable():
        raise Invalid(f"A name has 1 to {LONGEST_NAME} characters, such as Ada Lovelace.", "bad_name", field="name")
    return name


def read_role(text: str) -> Role:
    """One of the seven. Raises: Invalid."""
    try:
        return Role(text)
    except ValueError:
        raise Invalid(
            f"There is no role “{text[:80]}”: choose among {', '.join(Role)}.", "bad_role", field="role"
        ) from None


def read_newcomer(email: str, name: str, password: str) -> Newcomer:
    """What was entered, in order. Raises: Invalid."""
    newcomer = Newcomer(read_email(email), read_name(name), password)
    refuse_weak(password, newcomer.email, newcomer.name)
    return newcomer


def is_anybody_here(session: Session) -> bool:
    """Whether there is a person yet."""
    return session.scalar(select(Person.id).where(Person.removed_at.is_(None)).limit(1)) is not None


def find_person(session: Session, email: str, *, locked: bool = False) -> Person | None:
    """The person with this address, unless removed; locked as by `person_of`."""
    query = select(Person).where(Person.email == email, Person.removed_at.is_(None))
    return session.scalar(query.with_for_update() if locked else query)


def person_of(session: Session, number: int, *, locked: bool = False) -> Person:
    """Locked: as the row is now, and nobody changes it until the transaction ends. Raises: NotFound."""
    person = session.get(Person, number, with_for_update=locked, populate_existing=locked)
    if person is None or person.removed_at is not None:
        raise NotFound(f"There is no person {number} here any more: GET /api/v1/people lists all.")
    return person


def add_person(session: Session, newcomer: Newcomer, password: str, role: str) -> Person:
    """A person, also one who was removed and comes back; `password` is hashed. Raises: Conflict."""
    person = session.scalar(select(Person).where(Person.email == newcomer.email).with_for_update())
    if person is not None and person.removed_at is None:
        raise Conflict(f"{newcomer.email} is here already: sign in with it.", "email_taken")
    at = now(session)
    if person is None:
        person = Person(email=newcomer.email, created_at=at)
        session.add(person)
    person.name, person.role, person.password, person.removed_at = newcomer.name, role, password, None
    session.flush()
    end_all_sessions(session, person.id)  # also what began in the moment in which the person was removed
    revoke_all(session, person.id)
    return person


def change_role(session: Session, number: int, role: Role, actor: Actor) -> Person:
    """Another role; the person is signed out everywhere. Raises: NotFound, Forbidden, Conflict for the last owner."""
    owners, person = _locked_owners(session), person_of(session, number, locked=True)
    refuse_role(actor, person.role)
    refuse_role(actor, role)
    if person.role != role:
        _refuse_last_owner(owners, person, "give the role of owner to somebody else first")
        note_act(session, actor.who, "change_role", f"{person.email}: {person.role} to {role}")
        person.role = role
        end_all_sessions(session, person.id)
        _end_links(session, person)
    return person


def remove_person(session: Session, number: int, actor: Actor) -> Person:
    """Ends everything that is the person's at once: sign-in sessions, tokens, and the links that the person made.

    Raises: NotFound, Forbidden, Conflict for the last owner.
    """
    owners, person = _locked_owners(session), person_of(session, number, locked=True)
    refuse_role(actor, person.role)
    _refuse_last_owner(owners, person, "make somebody else an owner first")
    person.removed_at = now(session)
    end_all_sessions(session, person.id)
    revoke_all(session, person.id)
    _end_links(session, person)
    note_act(session, actor.who, "remove_person", f"{person.email}, {person.role}")
    return person


def set_password(session: Session, person: Person, password: str, who: str, but: str = "") -> None:
    """Another password, hashed already; signed out everywhere but in the browser whose secret is `but`."""
    person.password = password
    _end_password_links(session, PasswordLink.person_id == person.id)
    end_all_sessions(session, person.id, but)
    forget_tries(session, person.email)
    note_act(session, who, "change_password", person.email)


def refuse_role(actor: Actor, role: str) -> None:
    """Raises: Forbidden when the actor may not make or touch a person of this role."""
    if Right.EDIT_PEOPLE not in actor.rights or not may_give(actor.rights, role):
        raise Forbidden(f"You may not do this with the role {role}: ask somebody who has more rights.")


def may_still_give(session: Session, who: str, role: str) -> bool:
    """Whether a link for a person of this role still holds: its maker is here and may give the role now.

    A link that was made in the very moment in which its maker was removed is ended by nobody else. The machine's own
    links, made by whoever has no address, hold.
    """
    if "@" not in who:
        return True
    maker = find_person(session, who)
    rights = rights_of(maker.role) if maker is not None else frozenset[Right]()
    return Right.EDIT_PEOPLE in rights and may_give(rights, role)


def _end_links(session: Session, person: Person) -> None:
    """Whoever loses rights keeps no way back: neither an invitation nor a link for another's password. And nobody keeps
    a link for this one's password, who may have more rights now than whoever made it."""
    at = now(session)
    invitations = update(Invitation).where(Invitation.made_by == person.email, Invitation.used_at.is_(None))
    session.execute(invitations.where(Invitation.cancelled_at.is_(None)).values(cancelled_at=at))
    _end_password_links(session, (PasswordLink.made_by == person.email) | (PasswordLink.person_id == person.id))


def _end_password_links(session: Session, which: ColumnElement[bool]) -> None:
    links = update(PasswordLink).where(which, PasswordLink.used_at.is_(None))
    session.execute(links.values(used_at=now(session)))


def _locked_owners(session: Session) -> Sequence[Person]:
    """All owners, locked until the transaction ends, so that two never remove each other at once."""
    return session.scalars(
        select(Person)
        .where(Person.role == Role.OWNER, Person.removed_at.is_(None))
        .order_by(Person.id)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).all()


def _refuse_last_owner(owners: Sequence[Person], person: Person, what: str) -> None:
    if [owner.id for owner in owners] == [person.id]:
        raise Conflict(f"{person.name} is the last owner: {what}.", "last_owner")
