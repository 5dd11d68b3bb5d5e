"""Commit: a group of handled events in one transaction; whoever lost the fence leaves no trace.

Keeps the promises "re-run, committed once" and "two executions, one commit" of RELIABILITY §3: the first statement
raises each conversation's fence where it still is what was read, and only those survive into the others.
"""

from collections import Counter
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.db import now_microseconds
from app.handled import Handled, Unsent
from app.points import point
from app.store import consequences, entries, event_states, letters, marks, messages, reports, sends, timers, webhooks
from app.store.rows import over

_QUARTER = 15 * 60 * 1_000_000  # microseconds in a quarter of an hour
_SHARDS = 16


def commit(session: Session, group: Sequence[Handled]) -> tuple[set[int], list[Unsent]]:
    """Writes the group. Returns the conversations whose turn is written, and their messages that are to be sent.

    The others leave no trace: they have lost their fence, or their queue is full by now. A message that is put off
    waits in the outbox, as everything that is not due.
    """
    if any(map(entries.touches, group)):
        entries.lock_domain(session)
        group = entries.with_room(session, group)
    webhooks.lock(session, group)
    now = now_microseconds(session)
    consequences.lock_contacts(session, group)
    survivors = _raise_fences(session, group, now)
    kept = [one for one in group if one.conversation_id in survivors]
    point("commit:fenced")
    event_states.write(session, kept, now)
    _store_runs(session, kept, now)
    _count(session, kept, now)
    point("commit:runs")
    consequences.cancel(session, kept, now)
    unsent, settled = messages.write(session, kept, now)
    letters.queue(session, kept, now)
    timers.write(session, kept, now)
    entries.write(session, kept, now)
    sends.follow(session, settled, now)
    consequences.write(session, kept, now)
    webhooks.expect(session, kept)
    reports.write(session, kept, now)
    marked = [one for one in unsent if one.state == "sending"]
    leaving = marks.hold_back(session, marked, now)
    point("commit:written")
    return survivors, [one for one in unsent if one in leaving or (one not in marked and one.next_attempt_at <= now)]


def _raise_fences(session: Session, group: Sequence[Handled], now: int) -> set[int]:
    rows = [
        {
            "id": one.conversation_id,
            "fence": one.fence,
            "owner": one.owner,
            "state": one.state,
            "run_id": one.run_id,
            "call_turn": one.call_turn,
            "pending_verbs": one.pending_verbs,
            "call_ended": int(one.call_ended),
        }
        for one in sorted(group, key=lambda one: one.conversation_id)
    ]
    result = over(
        session,
        """
        UPDATE conversations SET fence = conversations.fence + 1, owner = r.owner, run_id = r.run_id,
            closed_at = CASE WHEN r.state = 'closed' AND conversations.state <> 'closed' THEN :now
                             WHEN r.state = 'open' THEN NULL ELSE conversations.closed_at END,
            state = r.state, call_turn = r.call_turn, pending_verbs = r.pending_verbs, hold_prompt = NULL,
            not_before_at = NULL,
            call_ended_at = CASE WHEN r.call_ended = 1 THEN coalesce(conversations.call_ended_at, :now)
                                 ELSE conversations.call_ended_at END
        FROM {rows} WHERE conversations.id = r.id AND conversations.fence = r.fence RETURNING conversations.id
        """,
        {
            "id": "bigint",
            "fence": "bigint",
            "owner": "text",
            "state": "text",
            "run_id": "bigint",
            "call_turn": "bigint",
            "pending_verbs": "text",
            "call_ended": "bigint",
        },
        rows,
        now=now,
    )
    return {int(row.id) for row in result}


def _store_runs(session: Session, group: Sequence[Handled], now: int) -> None:
    rows = [
        {
            "id": run.id,
            "conversation_id": one.conversation_id,
            "version_id": run.version_id,
            "state": run.state,
            "status": run.status,
            "outcome": run.outcome,
            "turn": run.turn,
            "step_version_id": run.step_version_id,
            "step": run.step,
            "unasked_hours": run.unasked_hours,
            "started_at": run.started_at,
            "ended_at": now if run.status == "ended" else None,
        }
        for one in group
        for run in one.runs
    ]
    if rows:
        over(
            session,
            """
            INSERT INTO runs (id, conversation_id, version_id, state, status, outcome, turn, step_version_id, step,
                              unasked_hours, started_at, ended_at)
            SELECT r.id, r.conversation_id, r.version_id, r.state, r.status, r.outcome, r.turn, r.step_version_id,
                   r.step, r.unasked_hours, r.started_at, r.ended_at
            FROM {rows} WHERE true ON CONFLICT (id) DO UPDATE SET state = excluded.state, status = excluded.status,
                outcome = excluded.outcome, turn = excluded.turn, version_id = excluded.version_id,
                step_version_id = excluded.step_version_id, step = excluded.step,
                unasked_hours = excluded.unasked_hours, ended_at = excluded.ended_at
            """,
            {
                "id": "bigint",
                "conversation_id": "bigint",
                "version_id": "bigint",
                "state": "text",
                "status": "text",
                "outcome": "text",
                "turn": "bigint",
                "step_version_id": "bigint",
                "step": "text",
                "unasked_hours": "text",
                "started_at": "bigint",
                "ended_at": "bigint",
            },
            rows,
        )
    turns = [vars(turn) for one in group for turn in one.turns]
    if turns:
        over(
            session,
            "INSERT INTO turns (run_id, number, event_id, record, trace, created_at)"
            " SELECT r.run_id, r.number, r.event_id, r.record, r.trace, :now FROM {rows}",
            {"run_id": "bigint", "number": "bigint", "event_id": "bigint", "record": "text", "trace": "text"},
            turns,
            now=now,
        )


def _count(session: Session, group: Sequence[Handled], now: int) -> None:
    """Upserts in the order of the keys, so that two groups never wait for each other in a circle."""
    taken: Counter[tuple[int, str, str, int]] = Counter()
    failed: Counter[tuple[int, str, str, int]] = Counter()
    for one in group:
        for version_id, step, exit_, was_failure in one.counts:
            key = (version_id, step, exit_, one.conversation_id % _SHARDS)
            taken[key] += 1
            failed[key] += was_failure
    if taken:
        over(
            session,
            """
            INSERT INTO step_counts (version_id, step, exit, quarter_at, shard, taken, failed)
            SELECT r.version_id, r.step, r.exit, :quarter, r.shard, r.taken, r.failed FROM {rows} WHERE true
            ORDER BY r.version_id, r.step, r.exit, r.shard
            ON CONFLICT (version_id, step, exit, quarter_at, shard)
            DO UPDATE SET taken = step_counts.taken + excluded.taken, failed = step_counts.failed + excluded.failed
            """,
            {
                "version_id": "bigint",
                "step": "text",
                "exit": "text",
                "shard": "bigint",
                "taken": "bigint",
                "failed": "bigint",
            },
            [
                {
                    "version_id": v,
                    "step": s,
                    "exit": e,
                    "shard": d,
                    "taken": taken[v, s, e, d],
                    "failed": failed[v, s, e, d],
                }
                for v, s, e, d in sorted(taken)
            ],
            quarter=now - now % _QUARTER,
        )
