"""The one-time link of the first start: for 24 hours and one use it makes an owner."""

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.digests import digest
from app.accounts.people import Newcomer, add_person
from app.accounts.roles import Role
from app.db import now
from app.models import FirstLink, Person

LIFETIME: Final = timedelta(hours=24)


def make_first_link(session: Session, who: str) -> str:
    """The secret of a new link."""
    secret = secrets.token_urlsafe(24)
    note_act(session, who, "make_owner_link", "")
    session.add(FirstLink(sha256=digest(secret), created_at=now(session)))
    return secret


def is_open(session: Session, secret: str) -> bool:
    """Whether the link would still make an owner."""
    link = session.get(FirstLink, digest(secret))
    return link is not None and link.used_at is None and now(session) < link.created_at + LIFETIME


def use_first_link(session: Session, secret: str, newcomer: Newcomer, password: str) -> Person | None:
    """The owner, with a password that is hashed already; None when the link is unknown, used or too old.

    Two who try at once make one owner between them. Raises: Conflict for an address that is here already.
    """
    at = now(session)
    used = session.execute(
        update(FirstLink)
        .where(FirstLink.sha256 == digest(secret), FirstLink.used_at.is_(None), FirstLink.created_at > at - LIFETIME)
        .values(used_at=at)
        .returning(FirstLink.sha256)
    ).scalar()
    if used is None:
        return None
    person = add_person(session, newcomer, password, Role.OWNER)
    note_act(session, person.email, "join", "as owner, by the link of the machine")
    return person
