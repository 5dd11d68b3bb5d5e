"""Which conversations have something due: candidates only, true at the moment they are locked and read again."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.store.rows import Kind, over

# Only the first due event of each conversation counts, so that one contact's pile does not hide the others, and what
# comes while messages wait to be joined is found.
# Two processes see the same oldest conversations, so far more are read than wanted; then the locks decide.
_READ = 400
ANY_NUMBER = 1_000_000

# The instant is read once, in `present`, so that both halves and the index conditions see the same. A conversation is
# looked up by a subquery that gives one value: a join might begin with all conversations, when statistics are old.
_DUE = """
    WITH present AS (SELECT {now} AS now),
    due AS (
        SELECT * FROM (
            SELECT e.conversation_id, e.due_at FROM inbound_events e
            WHERE e.state = 'waiting' AND e.due_at <= (SELECT now FROM present)
              AND e.conversation_id NOT IN ({held}) AND e.attempts < :below
              AND (SELECT CASE WHEN coalesce(c.not_before_at, 0) > (SELECT now FROM present) THEN 0
                               WHEN c.kind = 'call' THEN 1
                               WHEN :calls_only = 1 OR c.number_id IN ({crowded}) THEN 0 ELSE 1 END
                   FROM conversations c WHERE c.id = e.conversation_id) = 1
              AND (e.kind = 'timer_fired' OR NOT EXISTS (
                  SELECT 1 FROM inbound_events h WHERE h.conversation_id = e.conversation_id AND h.state = 'waiting'
                  AND h.kind <> 'timer_fired' AND h.seq < e.seq AND h.due_at <= (SELECT now FROM present)))
            ORDER BY e.due_at LIMIT :most) AS events
        UNION ALL
        SELECT * FROM (
            SELECT f.conversation_id, f.next_attempt_at AS due_at FROM effects f
            WHERE f.state IN ('queued', 'sending') AND f.next_attempt_at <= (SELECT now FROM present)
              AND f.conversation_id IS NOT NULL AND f.conversation_id NOT IN ({held})
              AND f.connection_id NOT IN ({full})
              AND (:calls_only = 0 OR (SELECT c.kind FROM conversations c WHERE c.id = f.conversation_id) = 'call')
              AND NOT EXISTS (SELECT 1 FROM effects h WHERE h.conversation_id = f.conversation_id
                              AND h.state IN ('queued', 'sending') AND h.id < f.id)
            ORDER BY f.next_attempt_at LIMIT :most) AS messages)
    SELECT conversation_id FROM due GROUP BY conversation_id
    ORDER BY CASE (SELECT c.kind FROM conversations c WHERE c.id = due.conversation_id) WHEN 'call' THEN 0 ELSE 1 END,
             min(due_at)
"""
for _column in ("held", "full", "crowded"):
    _DUE = _DUE.replace(f"{{{_column}}}", f"SELECT r.{_column} FROM {{rows}} WHERE r.{_column} IS NOT NULL")  # noqa: S608 - constants


@dataclass(frozen=True)
class Passed:
    """What a claim passes by."""

    held: Collection[int] = ()  # conversations in hand
    full: Collection[int] = ()  # connections: their providers take no more messages just now
    crowded: Collection[int] = ()  # numbers: enough of their conversations wait for a slow API
    all_but_calls: bool = False
    attempts: int = ANY_NUMBER  # events that were begun so often already


def due(session: Session, passed: Passed = Passed()) -> Sequence[int]:
    """Ids of conversations with due events or messages, calls first, then the longest due."""
    return _found(session, passed, _READ)


def any_due(session: Session) -> bool:
    """Whether a claim would find anything; what waits behind a message that is tried again later is not due either."""
    return bool(_found(session, Passed(), 1))


def _found(session: Session, passed: Passed, most: int) -> Sequence[int]:
    columns: dict[str, Kind] = {"held": "bigint", "full": "bigint", "crowded": "bigint"}
    rows = [{**dict.fromkeys(columns), column: id_} for column in columns for id_ in getattr(passed, column)]
    more = {"most": most, "calls_only": int(passed.all_but_calls), "below": passed.attempts}
    found = over(session, _DUE, columns, rows, **more)
    return [int(one) for one in found.scalars()]
