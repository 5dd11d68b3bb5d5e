"""The page of API tokens: which there are, what each may do and when it was last used; make one, end one."""

from typing import Any, Final

from flask import request
from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.roles import SCOPES, Right
from app.accounts.tokens import create_token, revoke_token, scopes_of
from app.db import now
from app.errors import DomainError
from app.models import Person, Token
from app.web.api.doors import ROW_ID
from app.web.screens.doors import Screens, Visit, back_to, last_seen
from app.web.screens.frame import framed

screens = Screens("tokens")

_MOST: Final = 200


@screens.get("/tokens", Right.READ_TOKENS)
def show(visit: Visit) -> BaseResponse:
    """All that still work, the newest first."""
    return _page(visit)


@screens.post("/tokens", Right.MAKE_TOKENS)
def make(visit: Visit) -> BaseResponse:
    """Shows the new token once."""
    scopes = request.form.getlist("scope")
    try:
        with visit.house.database.transaction() as session:
            made = create_token(session, visit.field("name"), visit.caller.maker, scopes)
    except DomainError as fault:
        return _page(visit, 422, fault=fault, name=visit.field("name"), chosen=scopes)
    address = visit.house.settings.effective_public_url
    return _page(visit, made=made, made_name=visit.field("name").strip(), address=address)


@screens.post(f"/tokens/{ROW_ID}/end", Right.END_TOKENS)
def end(visit: Visit, number: int) -> BaseResponse:
    """Revokes it at once."""
    with visit.house.database.transaction() as session:
        token = session.get(Token, number)
        if token is not None:
            revoke_token(session, token.name, visit.caller.who)
    return back_to("/tokens", "ended")


def _page(visit: Visit, status: int = 200, **values: Any) -> BaseResponse:
    last = last_seen()
    query = (
        select(Token, Person)
        .outerjoin(Person, Person.id == Token.person_id)
        .where(Token.revoked_at.is_(None))
        .order_by(Token.id.desc())
        .limit(_MOST + 1)
    )
    with visit.house.database.reading() as session:
        rows = session.execute(query.where(Token.id < last) if last else query).all()
        present = now(session)
    return framed(
        "tokens.html",
        visit.caller,
        status,
        tokens=[(token, maker, sorted(scopes_of(token))) for token, maker in rows[:_MOST]],
        more=rows[_MOST - 1][0].id if len(rows) > _MOST else None,
        present=present,
        scopes=[right for right in Right if right in SCOPES and right in visit.caller.rights],
        all_scopes=len(SCOPES),
        may_make=Right.MAKE_TOKENS in visit.caller.rights,
        may_end=Right.END_TOKENS in visit.caller.rights,
        done=request.args.get("done", "") if request.args.get("done") == "ended" else "",
        **values,
    )
