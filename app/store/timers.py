"""The timers of a commit, and of a run whose message is put off afterwards."""

from collections.abc import Mapping, Sequence

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


def put_off(session: Session, later: Mapping[int, int]) -> None:
    """Moves the timers of runs by so many microseconds each: what is said tomorrow is waited for from tomorrow on."""
    if later:
        over(
            session,
            """
            UPDATE inbound_events SET due_at = inbound_events.due_at + r.later, at = inbound_events.at + r.later
            FROM {rows} JOIN runs u ON u.id = r.run_id
            WHERE inbound_events.conversation_id = u.conversation_id AND inbound_events.state = 'waiting'
              AND inbound_events.kind = 'timer_fired' AND inbound_events.run_id = u.id
            """,
            {"run_id": "bigint", "later": "bigint"},
            [{"run_id": run_id, "later": span} for run_id, span in sorted(later.items())],
        )
