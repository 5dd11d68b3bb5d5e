"""What becomes of the events of a commit: done, dropped, set aside, kept for a later step, or queued to begin a run."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from app.handled import Handled
from app.store.rows import ids, over

# What begins a run has its own instant when it begins one.
_QUEUE = "UPDATE inbound_events SET state = 'queued', attempts = 0, charged = 0, now = NULL WHERE id IN ({ids})"
_RELEASE = """
    UPDATE inbound_events SET state = 'waiting' FROM {rows} WHERE inbound_events.conversation_id = r.id
    AND (inbound_events.state = 'kept' AND r.kept = 1 OR inbound_events.state = 'queued' AND r.queued = 1)
"""


def write(session: Session, group: Sequence[Handled], now: int) -> None:
    """Also what the group sets free again, and the timers of waits that are over."""
    rows: list[dict[str, Any]] = []
    for one in group:
        rows += [{"id": id_, "state": "done", "error": ""} for id_ in one.done]
        rows += [{"id": id_, "state": "dropped", "error": ""} for id_ in one.dropped]
        rows += [{"id": id_, "state": "set_aside", "error": why} for id_, why in one.set_aside]
    if rows:
        over(
            session,
            "UPDATE inbound_events SET state = r.state, error = r.error, handled_at = :now"
            " FROM {rows} WHERE inbound_events.id = r.id",
            {"id": "bigint", "state": "text", "error": "text"},
            rows,
            now=now,
        )
    kept = [id_ for one in group for id_ in one.kept]
    if kept:
        # Nothing failed: when a step takes it later, that is its first attempt and its own instant.
        statement = (
            "UPDATE inbound_events SET state = 'kept', attempts = 0, charged = 0, now = NULL WHERE id IN ({ids})"
        )
        ids(session, statement, kept)
    queued = [id_ for one in group for id_ in one.queued]
    if queued:
        ids(session, _QUEUE, queued)
    finished = [one.conversation_id for one in group if one.finishes_kept]
    if finished:
        statement = (
            "UPDATE inbound_events SET state = 'done', handled_at = :now WHERE conversation_id IN ({ids})"
            " AND state = 'kept'"
        )
        ids(session, statement, finished, now=now)
    _drop_timers(session, group, now)
    released = [one for one in group if one.releases_kept or one.releases_queued]
    if released:
        rows = [
            {"id": one.conversation_id, "kept": int(one.releases_kept), "queued": int(one.releases_queued)}
            for one in released
        ]
        over(session, _RELEASE, {"id": "bigint", "kept": "bigint", "queued": "bigint"}, rows)


def _drop_timers(session: Session, group: Sequence[Handled], now: int) -> None:
    """A committed turn ends the wait before it: the run's older timers are not ours any more."""
    runs = [{"conversation_id": one.conversation_id, "run_id": run.id} for one in group for run in one.runs]
    if runs:
        over(
            session,
            """
            UPDATE inbound_events SET state = 'dropped', handled_at = :now FROM {rows}
            WHERE inbound_events.conversation_id = r.conversation_id AND inbound_events.state = 'waiting'
              AND inbound_events.kind = 'timer_fired' AND inbound_events.run_id = r.run_id
            """,
            {"conversation_id": "bigint", "run_id": "bigint"},
            runs,
            now=now,
        )
