"""Sign-in sessions: a random secret in the browser's cookie, its hash in the database, an idle and an absolute end."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session

from app.accounts.digests import digest
from app.accounts.roles import Rights, rights_of
from app.db import now
from app.models import Person, SignInSession

IDLE: Final = timedelta(hours=12)
"""Somebody who works at a desk for a day is not asked again; a browser left alone over night is."""
LIFETIME: Final = timedelta(days=7)
_SEEN_APART: Final = timedelta(minutes=5)


@dataclass(frozen=True)
class SignedIn:
    """A person in one browser."""

    person: Person
    secret: str
    created_at: datetime
    is_seen_old: bool

    @property
    def rights(self) -> Rights:
        """What the person may do now."""
        return rights_of(self.person.role)

    @property
    def csrf(self) -> str:
        """What a form or request of our own pages carries; other sites can neither read nor work it out."""
        return csrf_of(self.secret)


def begin_session(session: Session, person: Person) -> str:
    """Signs a person in; the cookie's secret."""
    secret, at = secrets.token_urlsafe(32), now(session)
    session.add(SignInSession(sha256=digest(secret), person_id=person.id, created_at=at, seen_at=at))
    person.signed_in_at = at
    session.execute(delete(SignInSession).where(SignInSession.person_id == person.id, _is_over(at)))
    return secret


def find_session(session: Session, secret: str) -> SignedIn | None:
    """Who the cookie stands for; None when it is unknown, ended or too old, or its person was removed."""
    at = now(session)
    row = session.execute(
        select(SignInSession, Person)
        .join(Person, Person.id == SignInSession.person_id)
        .where(SignInSession.sha256 == digest(secret), Person.removed_at.is_(None), ~_is_over(at))
    ).one_or_none()
    if row is None:
        return None
    found, person = row
    return SignedIn(person, secret, found.created_at, at - found.seen_at >= _SEEN_APART)


def note_seen(session: Session, secret: str) -> None:
    """Puts the idle end off."""
    session.execute(update(SignInSession).where(SignInSession.sha256 == digest(secret)).values(seen_at=now(session)))


def end_session(session: Session, secret: str) -> None:
    """Signs out in this browser."""
    session.execute(delete(SignInSession).where(SignInSession.sha256 == digest(secret)))


def end_all_sessions(session: Session, person_id: int, but: str = "") -> int:
    """Signs a person out everywhere, but in the browser with this secret; in how many browsers."""
    ended = session.execute(
        delete(SignInSession)
        .where(SignInSession.person_id == person_id, SignInSession.sha256 != digest(but))
        .returning(SignInSession.sha256)
    )
    return len(ended.all())


def csrf_of(secret: str) -> str:
    """The CSRF token of a cookie's secret."""
    return digest(f"csrf {secret}")


def is_csrf(signed_in: SignedIn, given: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(signed_in.csrf.encode(), given.encode("utf-8", "replace"))


def _is_over(at: datetime) -> ColumnElement[bool]:
    return (SignInSession.seen_at <= at - IDLE) | (SignInSession.created_at <= at - LIFETIME)
