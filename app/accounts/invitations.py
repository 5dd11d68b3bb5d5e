"""Invitations: a link, shown once to whoever invites, by which one person joins with a role."""

import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.digests import digest
from app.accounts.people import Actor, Newcomer, add_person, find_person, may_still_give, refuse_role
from app.accounts.roles import Role
from app.db import now
from app.errors import Conflict, NotFound
from app.models import Invitation, Person

LIFETIME: Final = timedelta(days=7)


def invite(session: Session, email: str, role: Role, actor: Actor) -> tuple[Invitation, str]:
    """An invitation and its secret; one that the address had before ends. Raises: Forbidden, Conflict."""
    refuse_role(actor, role)
    if find_person(session, email) is not None:
        raise Conflict(f"{email} is here already: change the role in the list instead.", "email_taken", field="email")
    at, secret = now(session), secrets.token_urlsafe(24)
    session.execute(update(Invitation).where(Invitation.email == email, _is_open(session)).values(cancelled_at=at))
    row = Invitation(sha256=digest(secret), email=email, role=role, made_by=actor.who, created_at=at)
    session.add(row)
    session.flush()
    note_act(session, actor.who, "invite", f"{email} as {role}")
    return row, secret


def open_invitations(session: Session, after: int = 0, most: int = 200) -> Sequence[Invitation]:
    """Those that can still be used, by their number."""
    query = select(Invitation).where(_is_open(session), Invitation.id > after).order_by(Invitation.id).limit(most)
    return session.scalars(query).all()


def find_invitation(session: Session, secret: str) -> Invitation | None:
    """The invitation of a link, while it can be used."""
    found = session.scalar(select(Invitation).where(Invitation.sha256 == digest(secret), _is_open(session)))
    return found if found is not None and may_still_give(session, found.made_by, found.role) else None


def cancel_invitation(session: Session, number: int, actor: Actor) -> Invitation:
    """Ends a link. Raises: NotFound when it was used, cancelled or too old; Forbidden."""
    row = session.scalar(select(Invitation).where(Invitation.id == number, _is_open(session)).with_for_update())
    if row is None:
        raise NotFound("This invitation was used, cancelled or is too old: look at the list again.")
    refuse_role(actor, row.role)
    row.cancelled_at = now(session)
    note_act(session, actor.who, "cancel_invitation", f"{row.email} as {row.role}")
    return row


def accept(session: Session, secret: str, newcomer: Newcomer, password: str) -> Person | None:
    """The new person; None when the link cannot be used any more. Of two at once one gets in. Raises: Conflict."""
    used = session.execute(
        update(Invitation)
        .where(Invitation.sha256 == digest(secret), _is_open(session))
        .values(used_at=now(session))
        .returning(Invitation.role, Invitation.made_by)
    ).one_or_none()
    if used is None or not may_still_give(session, used.made_by, used.role):
        return None
    person = add_person(session, newcomer, password, used.role)
    note_act(session, person.email, "join", f"as {used.role}")
    return person


def _is_open(session: Session) -> ColumnElement[bool]:
    return (
        Invitation.used_at.is_(None)
        & Invitation.cancelled_at.is_(None)
        & (Invitation.created_at > now(session) - LIFETIME)
    )
