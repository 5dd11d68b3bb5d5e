"""What there is to do for schedules now: one look, which only reads, so that a house without schedules pays little."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from app.db import sql

MOST_STARTS: Final = 50  # of one look: each is a transaction, and the sweeper has other duties each second
_MOST_OCCURRENCES: Final = 20
NEVER_FOR: Final = 86_400 * 1_000_000
"""Microseconds after which a schedule without a further time is looked at again: its calendar may have changed."""


@dataclass(frozen=True)
class Todo:
    """Whether occurrences must be planned, which must be filled, and whose starts are due (occurrence and contact)."""

    plans: bool = False
    fills: Sequence[int] = ()
    starts: Sequence[tuple[int, int]] = ()


# A live trigger has one planned occurrence, made for the version that is live; without a further time it has `never`.
_UNPLANNED: Final = """
    SELECT 1 FROM live_numbers l WHERE l.kind = 'schedule' AND NOT EXISTS (
        SELECT 1 FROM occurrences o WHERE o.flow_id = l.flow_id AND o.step = l.step AND o.version_id = l.version_id
        AND o.number_id = l.number_id AND o.state IN ('planned', 'never')
        AND (o.state = 'planned' OR o.state = 'never' AND o.due_at > {now} - :day))
    UNION ALL
    SELECT 1 FROM occurrences o WHERE o.state IN ('planned', 'filling') AND o.state = 'planned' AND NOT EXISTS (
        SELECT 1 FROM live_numbers l WHERE l.kind = 'schedule' AND l.flow_id = o.flow_id AND l.step = o.step)
    LIMIT 1
"""
_FILLS: Final = """
    SELECT id FROM occurrences WHERE state IN ('planned', 'filling') AND due_at <= {now} ORDER BY due_at LIMIT :most
"""
_STARTS: Final = """
    SELECT occurrence_id, contact_id FROM occurrence_contacts WHERE state = 'waiting' AND due_at <= {now}
    ORDER BY due_at LIMIT :most
"""


def look(session: Session) -> Todo:
    """What is to be done now."""
    return Todo(
        plans=session.execute(sql(session, _UNPLANNED), {"day": NEVER_FOR}).first() is not None,
        fills=session.execute(sql(session, _FILLS), {"most": _MOST_OCCURRENCES}).scalars().all(),
        starts=[
            (row.occurrence_id, row.contact_id) for row in session.execute(sql(session, _STARTS), {"most": MOST_STARTS})
        ],
    )
