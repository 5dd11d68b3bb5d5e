"""The API's audit log: who did what to the installation."""

from typing import TypedDict

from sqlalchemy import select

from app.accounts.roles import Right
from app.models import Audit
from app.web.api.answers import Instant, PageData
from app.web.api.doors import Asked, Noun, text
from app.web.api.lists import PAGE, page, wanted
from app.web.api.run_queries import SINCE, between

noun = Noun("audit", Right.READ_AUDIT)


class AuditData(TypedDict):
    """Who did what, and to what."""

    id: int
    at: Instant
    who: str
    did: str
    what: str


@noun.get("/audit", {**PAGE, "who": text(254), "did": text(80), **SINCE})
def list_audit(asked: Asked) -> PageData[AuditData]:
    """Sign-ins, roles, invitations, credentials, tokens, publishing, exports and takeovers, the newest first."""
    query = select(Audit).order_by(Audit.id.desc()).limit(wanted(asked.query))
    if asked.query.get("after"):
        query = query.where(Audit.id < asked.query["after"])
    if "who" in asked.query:
        query = query.where(Audit.who == asked.query["who"])
    if "did" in asked.query:
        query = query.where(Audit.did == asked.query["did"])
    since, until = between(asked.query)
    query = query.where(Audit.created_at >= since) if since else query
    query = query.where(Audit.created_at < until) if until else query
    with asked.house.database.reading() as session:
        rows = session.scalars(query).all()
    return page(rows, asked.query, _shown, lambda row: row.id)


def _shown(row: Audit) -> AuditData:
    return {"id": row.id, "at": row.created_at.isoformat(), "who": row.who, "did": row.did, "what": row.what}
