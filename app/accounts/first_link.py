"""The one-time link of the first start: for 24 hours and one use it shows an API token."""

import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import update
from sqlalchemy.orm import Session

from app.accounts.digests import digest
from app.accounts.tokens import create_token, unused_name
from app.db import now
from app.models import FirstLink

LIFETIME: Final = timedelta(hours=24)


def make_first_link(session: Session) -> str:
    """The secret of a new link."""
    secret = secrets.token_urlsafe(24)
    session.add(FirstLink(sha256=digest(secret), created_at=now(session)))
    return secret


def is_open(session: Session, secret: str) -> bool:
    """Whether the link would still show a token."""
    link = session.get(FirstLink, digest(secret))
    return link is not None and link.used_at is None and now(session) < link.created_at + LIFETIME


def use_first_link(session: Session, secret: str) -> str | None:
    """A new API token; None when the link is unknown, used or too old. Two who try at once get one between them."""
    at = now(session)
    used = session.execute(
        update(FirstLink)
        .where(FirstLink.sha256 == digest(secret), FirstLink.used_at.is_(None), FirstLink.created_at > at - LIFETIME)
        .values(used_at=at)
        .returning(FirstLink.sha256)
    ).scalar()
    return None if used is None else create_token(session, unused_name(session, "first"), "first link")
