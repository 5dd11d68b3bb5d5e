"""What carriers must be told: effects that belong to a number instead of a conversation."""

from sqlalchemy.orm import Session

from app.db import sql
from app.handled import UNSENT, Unsent, unsent_of

# Only the latest addresses of a number count: an older publication must not be told after a newer one.
_DROP_OLD = """
    UPDATE effects SET state = 'cancelled', settled_at = {now}
    WHERE conversation_id IS NULL AND kind = 'set_webhooks' AND state = 'queued' AND EXISTS (
        SELECT 1 FROM effects n WHERE n.number_id = effects.number_id AND n.kind = effects.kind AND n.id > effects.id
        AND n.conversation_id IS NULL)
"""
_DUE = """
    SELECT {columns} FROM effects
    WHERE conversation_id IS NULL AND kind = 'set_webhooks' AND state IN ('queued', 'sending')
        AND next_attempt_at <= {now} ORDER BY id LIMIT 4
""".replace("{columns}", UNSENT)


def due(session: Session) -> list[Unsent]:
    """A few effects that are due, the oldest first."""
    return unsent_of(session.execute(sql(session, _DUE)).all())


def drop_old(session: Session) -> None:
    """Cancels what a later publication has replaced."""
    session.execute(sql(session, _DROP_OLD))
