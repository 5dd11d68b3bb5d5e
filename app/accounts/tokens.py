"""API tokens: shown once, stored as SHA-256, scoped, revocable."""

import json
import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.digests import digest
from app.accounts.roles import SCOPES, Right, Rights, rights_of
from app.db import now
from app.errors import Conflict, Invalid, NotFound
from app.models import Person, Token

_PREFIX: Final = "pb_"  # so that people and secret scanners recognise one
# It stands in the address that revokes it; with an @ it could pass for a person in what it did.
_NAME = re.compile(r"(?!\.{1,2}\Z)[^/@\x00-\x1f\x7f]{1,80}\Z")
_USE_APART: Final = timedelta(minutes=1)
"""How exactly its last use is known: a write for every request would cost more than most requests."""


@dataclass(frozen=True)
class Maker:
    """Who makes a token: a person, who lends it own rights and takes it along when removed, or the machine itself."""

    who: str
    rights: Rights = SCOPES
    person_id: int | None = None


def create_token(session: Session, name: str, maker: Maker | str, scopes: Iterable[str] = SCOPES) -> str:
    """A new token's text, which nobody can read again.

    Raises: Invalid for a name or scope that cannot be; Conflict for a name that is taken.
    """
    maker = Maker(maker) if isinstance(maker, str) else maker
    name = name.strip()
    if not _NAME.match(name):
        raise Invalid("A token needs a name of 1 to 80 characters, without / and @, such as “reports”.", field="name")
    granted = _granted(scopes, maker)
    if session.scalar(select(Token.id).where(Token.name == name)) is not None:
        raise Conflict(f"A token “{name}” was made before: choose another name.", "name_taken", field="name")
    text = _PREFIX + secrets.token_urlsafe(32)
    session.add(
        Token(
            name=name,
            sha256=digest(text),
            scopes=json.dumps(granted),
            person_id=maker.person_id,
            created_at=now(session),
        )
    )
    note_act(session, maker.who, "create_token", f"{name}: {', '.join(granted)}")
    return text


def find_token(session: Session, text: str) -> tuple[Token, Rights] | None:
    """The token with this text and what it may do now, unless it is unknown or revoked, or its maker was removed.

    Only digests are compared, so the time it takes tells nothing about a token that is near.
    """
    token = session.scalar(select(Token).where(Token.sha256 == digest(text)))
    rights = _rights_now(session, token) if token is not None else None
    return (token, rights) if token is not None and rights is not None else None


def rights_by_name(session: Session, name: str) -> Rights:
    """What the token of this name may do now; nothing when there is none any more."""
    token = session.scalar(select(Token).where(Token.name == name))
    return (_rights_now(session, token) if token is not None else None) or frozenset()


def _rights_now(session: Session, token: Token) -> Rights | None:
    if token.revoked_at is not None:
        return None
    if token.person_id is None:
        return scopes_of(token)
    person = session.get_one(Person, token.person_id)
    return None if person.removed_at is not None else scopes_of(token) & rights_of(person.role)


def scopes_of(token: Token) -> Rights:
    """What it was made for."""
    return frozenset(Right(scope) for scope in json.loads(token.scopes)) & SCOPES


def is_use_old(session: Session, token: Token) -> bool:
    """Whether its last use should be noted again."""
    return token.used_at is None or now(session) - token.used_at >= _USE_APART


def note_use(session: Session, token_id: int) -> None:
    """Notes that it was used now."""
    session.execute(update(Token).where(Token.id == token_id).values(used_at=now(session)))


def revoke_token(session: Session, name: str, who: str) -> Token:
    """Ends a token; again is no mistake. Raises: NotFound."""
    token = session.scalar(select(Token).where(Token.name == name))
    if token is None:
        raise NotFound(f"There is no token “{name[:80]}”: GET /api/v1/tokens lists them.")
    if token.revoked_at is None:
        token.revoked_at = now(session)
        note_act(session, who, "revoke_token", name)
    return token


def revoke_all(session: Session, person_id: int) -> None:
    """Ends all tokens of somebody who leaves."""
    query = update(Token).where(Token.person_id == person_id, Token.revoked_at.is_(None))
    session.execute(query.values(revoked_at=now(session)))


def _granted(scopes: Iterable[str], maker: Maker) -> list[str]:
    wanted = sorted({str(scope) for scope in scopes})
    if not wanted:
        raise Invalid("A token needs at least one scope: choose what it may do.", "no_scope", field="scopes")
    for scope in wanted:
        if scope not in SCOPES:
            known = ", ".join(sorted(SCOPES))
            raise Invalid(
                f"A token cannot have the scope “{scope[:80]}”: choose among {known}.", "bad_scope", field="scopes"
            )
        if scope not in maker.rights:
            raise Invalid(
                f"You may not give the scope “{scope}”: your role does not have it.", "scope_not_yours", field="scopes"
            )
    return wanted
