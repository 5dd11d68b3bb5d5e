"""The API's tokens: made by people, listed, and revoked. A token makes no others, so that a leaked one stays alone."""

from typing import Annotated, TypedDict

from sqlalchemy import select

from app.accounts.roles import SCOPES, Right
from app.accounts.tokens import create_token, revoke_token, scopes_of
from app.models import Person, Token
from app.web.api.answers import Instant, OneOf, PageData
from app.web.api.doors import NAME, Asked, Noun, fields, one_of
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted

noun = Noun("tokens", Right.READ_TOKENS, Right.END_TOKENS)

_Scope = Annotated[str, OneOf(tuple(sorted(SCOPES)))]


class TokenData(TypedDict):
    """A token, without its text; `made_by` is a person's e-mail address."""

    name: str
    scopes: list[_Scope]
    made_by: str | None
    created_at: Instant
    used_at: Instant | None
    revoked_at: Instant | None


class NewTokenData(TypedDict):
    """A new token with its text, which is shown only once."""

    name: str
    scopes: list[_Scope]
    token: str


_SCOPES = {"type": "array", "items": one_of(*sorted(SCOPES)), "minItems": 1, "maxItems": len(SCOPES)}


@noun.get("/tokens", {**PAGE, **SEARCH})
def list_tokens(asked: Asked) -> PageData[TokenData]:
    """All API tokens, also revoked ones; their texts are not stored."""
    with asked.house.database.reading() as session:
        rows = session.execute(
            select(Token, Person.email)
            .outerjoin(Person, Person.id == Token.person_id)
            .where(Token.id > asked.query.get("after", 0), searched(asked.query, Token.name))
            .order_by(Token.id)
            .limit(wanted(asked.query))
        ).all()
    return page(rows, asked.query, lambda row: _token_data(row[0], row[1]), lambda row: row[0].id)


@noun.post("/tokens", fields({"name": NAME, "scopes": _SCOPES}, "name", "scopes"), status=201, right=Right.MAKE_TOKENS)
def new_token(asked: Asked) -> NewTokenData:
    """A new token, shown only here: it may do what its scopes name, and never more than the person who made it."""
    with asked.house.database.transaction() as session:
        made = create_token(session, asked.body["name"], asked.caller.maker, asked.body["scopes"])
    return {"name": asked.body["name"].strip(), "scopes": sorted(set(asked.body["scopes"])), "token": made}


@noun.delete("/tokens/<token>")
def end_token(asked: Asked, token: str) -> TokenData:
    """Revokes a token at once; the one that asks may end itself."""
    with asked.house.database.transaction() as session:
        row = revoke_token(session, token, asked.who)
        maker = session.get(Person, row.person_id) if row.person_id is not None else None
        return _token_data(row, maker.email if maker else None)


def _token_data(row: Token, made_by: str | None) -> TokenData:
    return {
        "name": row.name,
        "scopes": sorted(scopes_of(row)),
        "made_by": made_by,
        "created_at": row.created_at.isoformat(),
        "used_at": row.used_at.isoformat() if row.used_at else None,
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
    }
