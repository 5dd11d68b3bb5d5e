"""Links by which somebody who forgot the password chooses a new one: made by an admin, or on the machine itself."""

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.digests import digest
from app.accounts.people import Actor, may_still_give, person_of, refuse_role, set_password
from app.db import now
from app.models import PasswordLink, Person

LIFETIME: Final = timedelta(hours=24)


def make_password_link(session: Session, person: Person, actor: Actor) -> str:
    """The link's secret; earlier ones of this person end. Raises: Forbidden, NotFound.

    The person's row is locked, so that another role given in the same moment either is seen here or ends the link.
    """
    person = person_of(session, person.id, locked=True)
    refuse_role(actor, person.role)
    at, secret = now(session), secrets.token_urlsafe(24)
    session.execute(
        update(PasswordLink)
        .where(PasswordLink.person_id == person.id, PasswordLink.used_at.is_(None))
        .values(used_at=at)
    )
    session.add(PasswordLink(sha256=digest(secret), person_id=person.id, made_by=actor.who, created_at=at))
    note_act(session, actor.who, "make_password_link", person.email)
    return secret


def whose_password(session: Session, secret: str) -> Person | None:
    """Who may choose a password by this link."""
    found = session.execute(
        select(Person, PasswordLink.made_by)
        .join(PasswordLink, PasswordLink.person_id == Person.id)
        .where(PasswordLink.sha256 == digest(secret), Person.removed_at.is_(None), _is_open(session))
    ).one_or_none()
    if found is None:
        return None
    person, made_by = found
    return person if may_still_give(session, made_by, person.role) else None


def use_password_link(session: Session, secret: str, password: str) -> Person | None:
    """The person with the new password, hashed already; None when the link cannot be used any more."""
    person = whose_password(session, secret)
    if person is None:
        return None
    session.refresh(person, with_for_update=True)  # the person before the link, as whoever makes or ends one
    made_by = session.execute(
        update(PasswordLink)
        .where(PasswordLink.sha256 == digest(secret), _is_open(session))
        .values(used_at=now(session))
        .returning(PasswordLink.made_by)
    ).scalar()
    if made_by is None or person.removed_at is not None or not may_still_give(session, made_by, person.role):
        return None
    set_password(session, person, password, person.email)
    return person


def _is_open(session: Session) -> ColumnElement[bool]:
    return PasswordLink.used_at.is_(None) & (PasswordLink.created_at > now(session) - LIFETIME)
