"""Queue entries: who gets a place, whose turn finds the queue full by now, who leaves, and what people are shown.

Whoever changes who may be served takes the domain lock first (QUEUES §3), so what is counted here holds until the
commit.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import now_microseconds
from app.handled import Handled
from app.models.desk import LIVE_ENTRY
from app.store.rows import ids, over

LIVE: Final = f"state IN {LIVE_ENTRY}"
"""An entry that is not over, spelled as its index has it: SQLite takes no other spelling for the same."""

_WAITS = "a message waits for a step that takes it"
# The queue of that name, else the fallback queue, else any: a conversation without an entry would be seen by nobody.
_QUEUE = """
    coalesce((SELECT id FROM queues WHERE name = :queue),
             (SELECT q.id FROM queues q JOIN installation i ON i.fallback_queue = q.name WHERE i.id = 1),
             (SELECT min(id) FROM queues))
"""
# Who stands in a line already is transferred by a run and keeps the rank; other reasons leave people what they have.
_ENTER = f"""
    INSERT INTO queue_entries (queue_id, conversation_id, run_id, state, priority, reason, original_enqueued_at,
                               row_version, created_at)
    VALUES ({_QUEUE}, :conversation, :run, :state, :priority, :reason, :now, 0, :now)
    ON CONFLICT (conversation_id) WHERE {LIVE} DO UPDATE SET
        queue_id = excluded.queue_id, run_id = excluded.run_id, priority = excluded.priority, reason = excluded.reason,
        state = CASE WHEN queue_entries.state = 'active' AND queue_entries.queue_id = excluded.queue_id THEN 'active'
                     ELSE 'waiting' END,
        original_enqueued_at = CASE WHEN queue_entries.state = 'shown' THEN excluded.original_enqueued_at
                                    ELSE queue_entries.original_enqueued_at END,
        row_version = queue_entries.row_version + 1
    WHERE excluded.state = 'waiting' AND (queue_entries.state = 'shown' OR excluded.run_id IS NOT NULL)
"""  # noqa: S608 - from constants
_LEAVE = f"""
    UPDATE queue_entries SET state = :state, ended_at = :now, row_version = row_version + 1
    WHERE conversation_id = :conversation AND {LIVE}
"""  # noqa: S608 - from constants
_ACTIVATE = f"""
    UPDATE queue_entries SET state = 'active', row_version = row_version + 1
    WHERE conversation_id = :conversation AND {LIVE} AND state <> 'active'
"""  # noqa: S608 - from constants
_HIDE = f"""
    UPDATE queue_entries SET state = 'cancelled', ended_at = :now, row_version = row_version + 1
    WHERE conversation_id IN ({{ids}}) AND {LIVE} AND state = 'shown' AND NOT EXISTS (
        SELECT 1 FROM inbound_events e WHERE e.conversation_id = queue_entries.conversation_id
        AND e.state IN ('waiting', 'kept') AND e.shown_at IS NOT NULL)
"""  # noqa: S608 - from constants
_ROOM = """
    SELECT q.name, q.maximum_length,
           (SELECT count(*) FROM queue_entries e WHERE e.queue_id = q.id AND e.state = 'waiting') AS waiting
    FROM queues q JOIN {rows} ON r.name = q.name WHERE q.maximum_length > 0
"""
# Not a failure: the event is begun again as after its first attempt, so that the journal answers what it asked before.
_BEGIN_AGAIN = """
    UPDATE inbound_events SET attempts = 1, charged = 0 FROM {rows}
    WHERE inbound_events.id = r.id AND inbound_events.state = 'waiting' AND EXISTS (
        SELECT 1 FROM conversations c WHERE c.id = inbound_events.conversation_id AND c.fence = r.fence)
"""
_MARK_SHOWN = """
    UPDATE inbound_events SET shown_at = :now WHERE state = 'kept' AND shown_at IS NULL AND at < :now - :pause
    RETURNING conversation_id, kind
"""


def lock_domain(session: Session) -> None:
    """Taken before any row; SQLite's write transactions exclude each other anyway."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(7302, 0)"))


def touches(one: Handled) -> bool:
    """Whether its commit may change an entry."""
    return bool(one.entry or one.leaves or one.activates or one.shown or one.finishes_kept)


def with_room(session: Session, group: Sequence[Handled]) -> list[Handled]:
    """The group without the turns whose queue had room when they looked and is full by now.

    These leave no trace: they are walked again, and then see the full queue. Only under the domain lock.
    """
    wanted = Counter(one.entry.queue for one in group if one.entry and one.entry.if_room)
    if not wanted:
        return list(group)
    found = over(session, _ROOM, {"name": "text"}, [{"name": name} for name in sorted(wanted)])
    room = dict.fromkeys(wanted, len(group)) | {row.name: row.maximum_length - row.waiting for row in found}
    staying: list[Handled] = []
    crowded_out: list[Handled] = []
    for one in group:
        if one.entry and one.entry.if_room:
            room[one.entry.queue] -= 1
            (crowded_out if room[one.entry.queue] < 0 else staying).append(one)
        else:
            staying.append(one)
    if crowded_out:
        rows = [{"id": one.done[0], "fence": one.fence} for one in crowded_out]
        over(session, _BEGIN_AGAIN, {"id": "bigint", "fence": "bigint"}, rows)
    return staying


def write(session: Session, group: Sequence[Handled], now: int) -> None:
    """Entries that end, begin or are taken up; and those that showed what nobody has to be shown any more."""
    for one in group:
        values: dict[str, Any] = {"conversation": one.conversation_id, "now": now}
        if one.leaves:
            session.execute(text(_LEAVE), {**values, "state": one.leaves})
        if one.activates:
            session.execute(text(_ACTIVATE), values)
        if one.entry:
            told = {name: getattr(one.entry, name) for name in ("queue", "priority", "reason", "state")}
            session.execute(text(_ENTER), {**values, **told, "run": one.entry.run_id})
    hidden = [one.conversation_id for one in group if one.shown or one.finishes_kept]
    if hidden:
        ids(session, _HIDE, hidden, now=now)


def show_kept(session: Session, pause_seconds: float) -> None:
    """Shows people, in the fallback queue, the messages that no step has taken for so long; the flow keeps the
    conversation, and the next step that accepts a message still gets them."""
    lock_domain(session)
    now = now_microseconds(session)
    marked = session.execute(text(_MARK_SHOWN), {"now": now, "pause": int(pause_seconds * 1_000_000)}).all()
    for conversation_id in sorted({row.conversation_id for row in marked if row.kind == "message_received"}):
        values = {"queue": "", "priority": 0, "reason": _WAITS, "run": None, "state": "shown"}
        session.execute(text(_ENTER), {**values, "conversation": conversation_id, "now": now})
