"""The page of the audit log: who did what, the newest first."""

from typing import Final

from sqlalchemy import select
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.roles import Right
from app.db import now
from app.models import Audit, Person
from app.web.screens.doors import Screens, Visit, asked_for, last_seen
from app.web.screens.frame import framed

screens = Screens("audit")

_MOST: Final = 100


@screens.get("/audit", Right.READ_AUDIT)
def show(visit: Visit) -> BaseResponse:
    """A page of it."""
    last, who = last_seen(), asked_for("who").strip()
    query = select(Audit, Person.name).outerjoin(Person, Person.email == Audit.who).order_by(Audit.id.desc())
    if last:
        query = query.where(Audit.id < last)
    if who:
        query = query.where(Audit.who == who.lower() if "@" in who else Audit.who == who)
    with visit.house.database.reading() as session:
        rows = session.execute(query.limit(_MOST + 1)).all()
        present = now(session)
    more = rows[_MOST - 1][0].id if len(rows) > _MOST else None
    return framed(
        "audit.html", visit.caller, rows=rows[:_MOST], more=more, who=who, is_later=bool(last), present=present
    )
