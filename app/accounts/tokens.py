"""API tokens: shown once, stored as SHA-256, revocable."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.db import now
from app.errors import Conflict, Invalid, NotFound
from app.models import Token

_PREFIX: Final = "pb_"  # so that people and secret scanners recognise one
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/\x00-\x1f\x7f]{1,80}\Z")  # it stands in the address that revokes it


def create_token(session: Session, name: str, who: str) -> str:
    """A new token's text, which nobody can read again. Raises: Invalid, Conflict for a name that is taken."""
    name = name.strip()
    if not _NAME.match(name):
        raise Invalid("A token needs a name of 1 to 80 characters, without /, such as “reports”.")
    if session.scalar(select(Token.id).where(Token.name == name)) is not None:
        raise Conflict(f"A token “{name}” was made before: choose another name.", "name_taken")
    text = _PREFIX + secrets.token_urlsafe(32)
    session.add(Token(name=name, sha256=digest(text), created_at=now(session)))
    note_act(session, who, "create_token", name)
    return text


def find_token(session: Session, text: str) -> Token | None:
    """The token with this text, unless it is unknown or revoked.

    Only digests are compared, so the time it takes tells nothing about a token that is near.
    """
    token = session.scalar(select(Token).where(Token.sha256 == digest(text)))
    return token if token is not None and token.revoked_at is None else None


def revoke_token(session: Session, name: str, who: str) -> Token:
    """Ends a token; again is no mistake. Raises: NotFound."""
    token = session.scalar(select(Token).where(Token.name == name))
    if token is None:
        raise NotFound(f"There is no token “{name[:80]}”: GET /api/v1/tokens lists them.")
    if token.revoked_at is None:
        token.revoked_at = now(session)
        note_act(session, who, "revoke_token", name)
    return token


def unused_name(session: Session, wish: str) -> str:
    """The wish, or with the first number behind it that no token has."""
    taken: Sequence[str] = session.scalars(select(Token.name)).all()
    names = (wish, *(f"{wish} {number}" for number in range(2, len(taken) + 3)))
    return next(name for name in names if name not in taken)


def digest(text: str) -> str:
    """What is stored of a secret that has 256 random bits: nothing slower is needed for those."""
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
