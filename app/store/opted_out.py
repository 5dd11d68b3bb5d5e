"""The last door before a message or a letter leaves, whenever it was made: an opt-out is honoured by every send, and
nothing of a schedule leaves without consent before the contact has said something in its run."""

from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.handled import Unsent
from app.store.rows import ids
from flows import wire
from flows.run import Run

OPTED_OUT: Final = "The contact has opted out of messages."
NO_CONSENT: Final = "The contact does not agree to messages they did not ask for."
# Few runs are a schedule's, and of those only the ones without consent are read.
_MAY_BE_UNASKED: Final = """k.consent <> 'given' AND u.state NOT LIKE '%"quiet_hours":""%'"""
# Whoever opts out is told so once: the house's own words, which no run says.
_TO_OPTED_OUT: Final = "a.opted_out_at IS NOT NULL AND NOT (f.key LIKE 'event/%' AND m.author = 'flow')"
_REFUSED: Final = f"""
    SELECT f.id, {_TO_OPTED_OUT} AS opted_out, u.state FROM effects f JOIN messages m ON m.effect_key = f.key
    JOIN conversations c ON c.id = m.conversation_id JOIN addresses a ON a.id = c.address_id
    JOIN contacts k ON k.id = c.contact_id LEFT JOIN runs u ON u.id = f.run_id AND {_MAY_BE_UNASKED}
    WHERE f.id IN ({{ids}}) AND ({_TO_OPTED_OUT} OR u.id IS NOT NULL)
"""  # noqa: S608 - from constants
_OF_RUN: Final = f"""
    SELECT u.state, a.opted_out_at IS NOT NULL AS opted_out FROM runs u JOIN conversations c ON c.id = u.conversation_id
    JOIN addresses a ON a.id = c.address_id JOIN contacts k ON k.id = c.contact_id
    WHERE u.id = :run AND (a.opted_out_at IS NOT NULL OR {_MAY_BE_UNASKED})
"""  # noqa: S608 - from constants


def refused(session: Session, leaving: Sequence[Unsent]) -> Mapping[int, str]:
    """The ids of the messages that may not leave, each with the reason."""
    found = ids(session, _REFUSED, [one.id for one in leaving]) if leaving else ()
    return {row.id: OPTED_OUT if row.opted_out else NO_CONSENT for row in found if row.opted_out or _unasked(row.state)}


def refusing_unasked(session: Session, run_id: int | None) -> str:
    """Why a run may not write to its contact unasked by another way either; empty when it may, or was asked."""
    row = session.execute(text(_OF_RUN), {"run": run_id}).first()
    if row is None or not _unasked(row.state):
        return ""
    return OPTED_OUT if row.opted_out else NO_CONSENT


def _unasked(state: str) -> bool:
    """Whether a schedule began the run and the contact has said nothing in it."""
    run = wire.read(Run, state)
    return bool(run.quiet_hours) and not run.message
