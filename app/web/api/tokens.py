"""The API's tokens: listed and revoked; new ones are made on the machine itself, by `patchbay token NAME`."""

from typing import Any

from sqlalchemy import select

from app.accounts.tokens import revoke_token
from app.models import Token
from app.web.api.doors import Asked, Noun
from app.web.api.lists import PAGE, page, wanted

noun = Noun("tokens")


@noun.get("/tokens", PAGE)
def list_tokens(asked: Asked) -> dict[str, Any]:
    """All API tokens, also revoked ones; their texts are not stored."""
    with asked.house.database.reading() as session:
        rows = session.scalars(
            select(Token).where(Token.id > asked.query.get("after", 0)).order_by(Token.id).limit(wanted(asked.query))
        ).all()
    return page(rows, asked.query, _token_data, lambda row: row.id)


@noun.delete("/tokens/<token>")
def end_token(asked: Asked, token: str) -> dict[str, Any]:
    """Revokes a token at once; the one that asks may end itself."""
    with asked.house.database.transaction() as session:
        return _token_data(revoke_token(session, token, asked.who))


def _token_data(row: Token) -> dict[str, Any]:
    return {
        "name": row.name,
        "created_at": row.created_at.isoformat(),
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
    }
