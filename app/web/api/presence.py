"""The API's presence: who else has a flow's draft open just now, and where they are in it."""

from datetime import timedelta
from typing import Annotated, Final, TypedDict

from sqlalchemy import select, text

from app import publishing
from app.accounts.roles import Right
from app.db import from_microseconds, now_microseconds
from app.models import Person, Presence
from app.web.api.answers import Instant
from app.web.api.doors import Asked, Noun, fields
from app.web.api.doors import text as text_of
from app.web.api.lists import MOST

noun = Noun("presence", Right.READ_FLOWS, Right.READ_FLOWS)

LIFETIME: Final = timedelta(seconds=30)
_SEEN: Final = text(
    "INSERT INTO presences (flow_id, who, step, seen_at) VALUES (:flow_id, :who, :step, :now)"
    " ON CONFLICT (flow_id, who) DO UPDATE SET step = excluded.step, seen_at = excluded.seen_at"
)


class PresentData(TypedDict):
    """Somebody who has a flow's draft open."""

    who: Annotated[str, "An e-mail address or a token's name."]
    name: str
    step: Annotated[str, "The id of the step that they look at; empty for none."]
    seen_at: Instant


class PresenceData(TypedDict):
    """Who else has a flow's draft open."""

    others: list[PresentData]


@noun.post("/flows/<flow>/presence", fields({"step": text_of(40)}))
def be_here(asked: Asked, flow: str) -> PresenceData:
    """Says that the caller has a flow's draft open, perhaps at a step, and tells who else does; send it every 10 s."""
    with asked.house.database.transaction() as session:
        flow_id, now = publishing.find_flow(session, flow).id, now_microseconds(session)
        here = {"flow_id": flow_id, "who": asked.who, "step": asked.body.get("step", ""), "now": now}
        session.execute(_SEEN, here)
        others = (
            select(Presence, Person.name)
            .outerjoin(Person, Person.email == Presence.who)
            .where(Presence.flow_id == flow_id, Presence.who != asked.who)
            .where(Presence.seen_at > from_microseconds(now) - LIFETIME)
            .order_by(Presence.who)
            .limit(MOST)
        )
        rows = session.execute(others).all()
    return {
        "others": [
            {"who": row.who, "name": name or row.who, "step": row.step, "seen_at": row.seen_at.isoformat()}
            for row, name in rows
        ]
    }
