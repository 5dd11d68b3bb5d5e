"""The outbox against the database: mark what is about to leave.

Keeps the promise "kill between sending and the answer" of RELIABILITY §3: `sending` is committed before the request
leaves, by a compare-and-set on the attempts, so of two processes only one sends.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from sqlalchemy.orm import Session

from app.db import from_microseconds, now_microseconds
from app.handled import Unsent
from app.store import opted_out, pacing, timers
from app.store.opted_out import Allowed
from app.store.rows import ids, over
from app.store.sends import Settled, settle


def mark_sending(
    session: Session, rechecks: Sequence[tuple[Unsent, float]], allowed: Allowed | None = None
) -> dict[int, Unsent]:
    """Marks messages as on their way, each unless somebody else did, its number is paced, its contact does not want it
    (or, by `allowed`, not at night), it was cancelled, or it is the flow's and what an agent did waits: that may take
    the conversation over.

    Returns those that may leave now, as they are stored now. With each stands when it is looked at again, in seconds,
    should this process die now.
    """
    now = now_microseconds(session)
    unsent, again = [one for one, _ in rechecks], {one.id: now + int(wait * 1_000_000) for one, wait in rechecks}
    limited = pacing.limited_numbers(session, [one.number_id for one in unsent], now)
    in_order = sorted(unsent, key=lambda one: one.number_id)
    free = [one for one in in_order if one.number_id not in limited or pacing.takes_turn(session, one, now)]
    rows = [
        {"id": one.id, "attempts": one.attempts, "again": again[one.id]} for one in sorted(free, key=lambda one: one.id)
    ]
    if not rows:
        return {}
    marked = over(
        session,
        """
        UPDATE effects SET state = 'sending', attempts = effects.attempts + 1, sending_at = :now,
            next_attempt_at = r.again, crashes = effects.crashes + CASE WHEN effects.state = 'sending' THEN 1 ELSE 0 END
        FROM {rows} WHERE effects.id = r.id AND effects.attempts = r.attempts AND effects.state IN ('queued', 'sending')
            AND (effects.run_id IS NULL OR NOT EXISTS (
                SELECT 1 FROM inbound_events e JOIN conversations c ON c.id = e.conversation_id
                WHERE e.conversation_id = effects.conversation_id AND e.state = 'waiting' AND e.due_at <= :now
                AND e.kind IN ('agent_took_over', 'agent_replied', 'agent_closed')
                AND coalesce(c.not_before_at, 0) <= :now))
        RETURNING effects.id, effects.attempts, effects.crashes
        """,
        {"id": "bigint", "attempts": "bigint", "again": "bigint"},
        rows,
        now=now,
    ).all()
    ids(
        session,
        "UPDATE messages SET rank = 2, changed_at = :now WHERE rank < 2 AND effect_key IN"
        " (SELECT key FROM effects WHERE id IN ({ids}))",
        [row.id for row in marked],
        now=now,
    )
    stored = {row.id: row for row in marked}
    leaving = [
        replace(one, state="sending", attempts=stored[one.id].attempts, crashes=stored[one.id].crashes, sending_at=now)
        for one in free
        if one.id in stored
    ]
    return {one.id: one for one in hold_back(session, leaving, now, allowed)}


def hold_back(session: Session, leaving: Sequence[Unsent], now: int, allowed: Allowed | None = None) -> list[Unsent]:
    """Those of the marked ones that may leave; what their contact does not want is dead, or waits for the morning, and
    the time limit of its run with it."""
    present = from_microseconds(now)
    found = opted_out.unwanted(session, leaving, present, allowed)
    stay = [
        Settled(one, "dead", error_kind="opted_out", error=found.refused[one.id])
        if one.id in found.refused
        else Settled(one, "retry", again_seconds=(found.put_off[one.id] - present).total_seconds())
        for one in leaving
        if one.id in found.refused or one.id in found.put_off
    ]
    settle(session, stay)
    later = [(one.run_id, found.put_off[one.id] - present) for one in leaving if one.id in found.put_off]
    timers.put_off(session, {run_id: span // timedelta(microseconds=1) for run_id, span in later if run_id is not None})
    return [one for one in leaving if one.id not in found.refused and one.id not in found.put_off]


def mark_look_ups(session: Session, rechecks: Sequence[tuple[Unsent, float]]) -> None:
    """A look-up that ends with its process must not be repeated at once, or for ever, either; and nobody may send or
    cancel the message meanwhile."""
    now = now_microseconds(session)
    if rechecks:
        over(
            session,
            """
            UPDATE effects SET state = 'sending', crashes = effects.crashes + 1, next_attempt_at = r.again FROM {rows}
            WHERE effects.id = r.id AND effects.attempts = r.attempts AND effects.state IN ('queued', 'sending')
            """,
            {"id": "bigint", "attempts": "bigint", "again": "bigint"},
            [
                {"id": one.id, "attempts": one.attempts, "again": now + int(wait * 1_000_000)}
                for one, wait in sorted(rechecks, key=lambda recheck: recheck[0].id)
            ],
        )
