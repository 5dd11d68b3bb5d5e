"""When a turn cannot be finished: back-off, charges, and what a look-up must ignore."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import sql
from app.handled import Unsent
from app.store.loading import Held

_OWNED_WITHIN = 25 * 3_600 * 1_000_000  # microseconds: longer than a message is retried
_BACK_OFF_SECONDS = 1.0  # doubles with each charge


def charge(session: Session, held: Held, why: str) -> None:
    """Charges the first event, and keeps its conversation away for a while, or it would be claimed again for ever."""
    event = held.events[0]
    session.execute(
        text("UPDATE inbound_events SET charged = charged + :charge, error = :why WHERE id = :id"),
        {"charge": int(not held.is_charged), "why": why, "id": event.id},
    )
    pause = int(_BACK_OFF_SECONDS * 1_000_000 * 2**held.charged)
    wait_until(session, held.id, held.now + pause)


def wait_until(session: Session, conversation_id: int, instant: int) -> None:
    """Claims pass the conversation by until then (microseconds)."""
    session.execute(
        text("UPDATE conversations SET not_before_at = :instant WHERE id = :id"),
        {"instant": instant, "id": conversation_id},
    )


def owned_ids(session: Session, unsent: Unsent) -> frozenset[str]:
    """The provider ids of the same address and connection that other messages own already."""
    rows = session.execute(
        sql(
            session,
            'SELECT provider_id FROM effects WHERE connection_id = :connection AND "to" = :to AND id <> :id'
            " AND provider_id <> '' AND created_at > {now} - :window",
        ),
        {"connection": unsent.connection_id, "to": unsent.to, "id": unsent.id, "window": _OWNED_WITHIN},
    )
    return frozenset(row.provider_id for row in rows)
