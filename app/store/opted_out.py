"""The last door before a message or a letter leaves, whenever it was made: an opt-out is honoured by every send, and
nothing of a schedule leaves without consent, and no message of it at night, before the contact has said something in
its run. A letter's night is looked at when it is stored only: no number paces it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.handled import Unsent
from app.store.rows import ids

Allowed = Callable[[datetime, str, int, int], datetime]
"""When somebody may be written to unasked: `app.desk.quiet_hours.allowed_at`, which stands upstairs."""

OPTED_OUT: Final = "The contact has opted out of messages."
NO_CONSENT: Final = "The contact does not agree to messages they did not ask for."
# Whoever opts out is told so once: the house's own words, which no run says.
_TO_OPTED_OUT: Final = "a.opted_out_at IS NOT NULL AND NOT (f.key LIKE 'event/%' AND m.author = 'flow')"
_LOOK: Final = f"""
    SELECT f.id, {_TO_OPTED_OUT} AS opted_out, u.unasked_hours, k.consent,
           coalesce(nullif(k.zone, ''), (SELECT i.zone FROM installation i WHERE i.id = 1)) AS zone
    FROM effects f JOIN messages m ON m.effect_key = f.key
    JOIN conversations c ON c.id = m.conversation_id JOIN addresses a ON a.id = c.address_id
    JOIN contacts k ON k.id = c.contact_id LEFT JOIN runs u ON u.id = f.run_id AND u.unasked_hours <> ''
    WHERE f.id IN ({{ids}}) AND ({_TO_OPTED_OUT} OR u.id IS NOT NULL)
"""  # noqa: S608 - from constants
_OF_RUN: Final = """
    SELECT a.opted_out_at IS NOT NULL FROM runs u JOIN conversations c ON c.id = u.conversation_id
    JOIN addresses a ON a.id = c.address_id JOIN contacts k ON k.id = c.contact_id
    WHERE u.id = :run AND u.unasked_hours <> '' AND (a.opted_out_at IS NOT NULL OR k.consent <> 'given')
"""


@dataclass(frozen=True)
class Unwanted:
    """Messages that may not leave now, by their ids: why never, or when at the earliest."""

    refused: dict[int, str] = field(default_factory=dict)
    put_off: dict[int, datetime] = field(default_factory=dict)


def unwanted(session: Session, leaving: Sequence[Unsent], present: datetime, allowed: Allowed | None) -> Unwanted:
    """Which of these messages their contact does not want, or not `present`ly. Without `allowed` nobody asks whether
    it is night; nor of one that was tried before, which its provider may have. Waiting for a morning is no try."""
    found = Unwanted()
    if not leaving:
        return found
    fresh = {one.id for one in leaving if not one.crashes and not one.failures} if allowed else set[int]()
    for row in ids(session, _LOOK, [one.id for one in leaving]):
        if row.opted_out:
            found.refused[row.id] = OPTED_OUT
        elif row.consent != "given":
            found.refused[row.id] = NO_CONSENT
        elif allowed and row.id in fresh and (later := _morning(row, present, allowed)) > present:
            found.put_off[row.id] = later
    return found


def refusing_unasked(session: Session, run_id: int | None) -> str:
    """Why a run may not write to its contact unasked by another way either; empty when it may, or was asked."""
    has_opted_out = session.scalar(text(_OF_RUN), {"run": run_id})
    return "" if has_opted_out is None else OPTED_OUT if has_opted_out else NO_CONSENT


def _morning(row: Row[Any], present: datetime, allowed: Allowed) -> datetime:
    first, _, last = row.unasked_hours.partition("-")
    return allowed(present, row.zone or "UTC", int(first), int(last))
