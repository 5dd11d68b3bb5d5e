"""The outbox against the database: settle what came of an attempt, and tell whoever waits for it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sqlalchemy.orm import Session

from app.db import now_microseconds
from app.handled import Unsent
from app.store import pacing
from app.store.events import NewEvent, append
from app.store.rows import ids, over
from flows import wire
from flows.event import MessageAccepted, MessageFailed
from flows.values import clean_text


@dataclass(frozen=True)
class Settled:
    """What came of one attempt.

    outcome: sent, retry (try again after `again_seconds`), later (look or try again, still sending), unknown, dead.
    """

    unsent: Unsent
    outcome: Literal["sent", "retry", "later", "unknown", "dead"]
    provider_id: str = ""
    rank: int = 4
    error_kind: str = ""
    error: str = ""
    again_seconds: float = 0
    blocks_number_seconds: float = 0
    failed: bool = False  # the provider, or the way to it, let it fail: the next pause is longer


_LONGEST_WORDS = 1_000
_RANKS = {"sent": 4, "retry": 1, "later": 2, "unknown": 3, "dead": 5}
_STATES = {"sent": "sent", "retry": "queued", "later": "sending", "unknown": "unknown", "dead": "dead"}


def settle(session: Session, settled: Sequence[Settled]) -> set[int]:
    """Stores what came of attempts. Returns the conversations that have a new event because of it."""
    if not settled:
        return set()
    now = now_microseconds(session)
    settled = [_storable(one) for one in settled]
    rows = [
        {
            "id": one.unsent.id,
            "attempts": one.unsent.attempts,
            "state": _STATES[one.outcome],
            "provider_id": one.provider_id,
            "error": one.error,
            "failed": int(one.failed),
            "settled": int(one.outcome in ("sent", "unknown", "dead")),
            "again": now + int(one.again_seconds * 1_000_000),
            "rank": one.rank if one.outcome == "sent" else _RANKS[one.outcome],
        }
        for one in sorted(settled, key=lambda one: one.unsent.id)
    ]
    # Only the attempt that is still the latest may settle; a status callback may have settled it already. An answer
    # that comes after the message was given up as unknown is still the truth.
    changed = over(
        session,
        """
        UPDATE effects SET state = r.state, error = r.error, next_attempt_at = r.again,
            failures = effects.failures + r.failed, crashes = 0,
            provider_id = CASE WHEN r.provider_id = '' THEN effects.provider_id ELSE r.provider_id END,
            settled_at = CASE WHEN r.settled = 1 THEN :now ELSE NULL END
        FROM {rows} WHERE effects.id = r.id AND effects.attempts = r.attempts
            AND (effects.state = 'sending' OR (effects.state = 'unknown' AND r.state IN ('sent', 'dead')))
        RETURNING effects.id, effects.key
        """,
        {
            "id": "bigint",
            "attempts": "bigint",
            "state": "text",
            "provider_id": "text",
            "error": "text",
            "failed": "bigint",
            "settled": "bigint",
            "again": "bigint",
        },
        rows,
        now=now,
    ).all()
    mine = {row.id for row in changed}
    over(
        session,
        """
        UPDATE messages SET rank = r.rank, error = r.error, changed_at = :now,
            provider_id = CASE WHEN r.provider_id = '' THEN messages.provider_id ELSE r.provider_id END
        FROM {rows} WHERE messages.effect_key = (SELECT key FROM effects WHERE effects.id = r.id)
            AND (messages.rank < r.rank OR (r.rank = 1 AND messages.rank = 2))
        """,
        {"id": "bigint", "rank": "bigint", "error": "text", "provider_id": "text"},
        [row for row in rows if row["id"] in mine],
        now=now,
    )
    for one in sorted(settled, key=lambda one: one.unsent.number_id):
        if one.blocks_number_seconds > 0:
            pacing.block_number(session, one.unsent.number_id, now + int(one.blocks_number_seconds * 1_000_000))
    final = [one for one in settled if one.unsent.id in mine and one.outcome in ("sent", "unknown", "dead")]
    _note_unknown(session, [one for one in final if one.outcome == "unknown"], now)
    return follow(session, final, now)


def _note_unknown(session: Session, unknown: Sequence[Settled], now: int) -> None:
    """People decide whether such a message is sent again."""
    if unknown:
        over(
            session,
            "INSERT INTO problems (conversation_id, run_id, version_id, step, kind, message, created_at)"
            " SELECT r.conversation_id, r.run_id, (SELECT u.version_id FROM runs u WHERE u.id = r.run_id), '',"
            " 'outcome_unknown', r.message, :now FROM {rows}",
            {"conversation_id": "bigint", "run_id": "bigint", "message": "text"},
            [
                {
                    "conversation_id": one.unsent.conversation_id,
                    "run_id": one.unsent.run_id,
                    "message": f"Whether a message arrived is unknown. {one.error}",
                }
                for one in unknown
            ],
            now=now,
        )


def _storable(one: Settled) -> Settled:
    """What providers say is a stranger's text: without what databases refuse, and not endless."""
    return replace(one, error=clean_text(one.error)[:_LONGEST_WORDS], provider_id=clean_text(one.provider_id)[:200])


def follow(session: Session, final: Sequence[Settled], now: int) -> set[int]:
    """What hangs on a settled message: the question's limit begins, and the run that waits for it hears of it."""
    if not final:
        return set()
    over(
        session,
        """
        UPDATE inbound_events SET due_at = :now + CAST(limit_seconds * 1000000 AS bigint),
            at = :now + CAST(limit_seconds * 1000000 AS bigint), armed_by = NULL
        FROM {rows} WHERE inbound_events.armed_by = r.key AND inbound_events.state = 'waiting'
        """,
        {"key": "text"},
        [{"key": one.unsent.key} for one in final],
        now=now,
    )
    waiting = _waiting_runs(session, [one for one in final if one.outcome != "unknown"])
    woken = set()
    for one in final:
        conversation_id = one.unsent.conversation_id
        if one.outcome == "unknown" or conversation_id is None:
            continue
        if one.outcome == "sent" and one.unsent.run_id not in waiting:
            continue
        happened = (
            MessageAccepted(one.unsent.key)
            if one.outcome == "sent"
            else MessageFailed(one.unsent.key, one.error_kind or "provider_code", one.error)
        )
        name = "settled" if one.outcome == "sent" else "failed"
        kind = wire.kind_of(type(happened))
        append(session, NewEvent(conversation_id, f"{name}/{one.unsent.key}", kind, wire.write(happened)))
        woken.add(conversation_id)
    return woken


def _waiting_runs(session: Session, final: Sequence[Settled]) -> set[int]:
    """The runs that wait just now for the acceptance of a message; the others need not be told."""
    run_ids = {one.unsent.run_id for one in final if one.unsent.run_id}
    if not run_ids:
        return set()
    rows = ids(session, "SELECT id, state FROM runs WHERE id IN ({ids}) AND status = 'waiting'", run_ids)
    return {row.id for row in rows if '"accepted"' in row.state}
