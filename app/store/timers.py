"""The timers of a commit."""

from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.handled import Handled
from app.store.rows import over


def write(session: Session, group: Sequence[Handled], now: int) -> None:
    """A timer is an inbox event with a due instant; its `at` is that instant, so that earlier events go before it."""
    rows = [
        {
            "connection_id": one.connection_id,
            "provider_id": f"timer/{one.timer.run_id}/{one.timer.turn}",
            "conversation_id": one.conversation_id,
            "due_at": one.timer.due_at,
            "run_id": one.timer.run_id,
            "turn": one.timer.turn,
            "armed_by": one.timer.armed_by,
            "limit_seconds": one.timer.limit_seconds,
        }
        for one in group
        if one.timer
    ]
    if rows:
        over(
            session,
            """
            INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at,
                                        state, run_id, turn, armed_by, limit_seconds, attempts, charged, error,
                                        created_at)
            SELECT r.connection_id, r.provider_id, r.conversation_id, 'timer_fired', '{"kind":"timer_fired"}', 0,
                   r.due_at, r.due_at, 'waiting', r.run_id, r.turn, r.armed_by, r.limit_seconds, 0, 0, '', :now
            FROM {rows} WHERE true ON CONFLICT (connection_id, provider_id) DO NOTHING
            """,
            {
                "connection_id": "bigint",
                "provider_id": "text",
                "conversation_id": "bigint",
                "due_at": "bigint",
                "run_id": "bigint",
                "turn": "bigint",
                "armed_by": "text",
                "limit_seconds": "double",
            },
            rows,
            now=now,
        )
