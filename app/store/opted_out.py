"""The last door before a message leaves: an opt-out is honoured by every send, whenever the message was made."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.handled import Unsent
from app.store.rows import ids

OPTED_OUT: Final = "The contact has opted out of messages."
# Whoever opts out is told so once: the house's own words, which no run says.
_REFUSED = """
    SELECT f.id FROM effects f JOIN messages m ON m.effect_key = f.key
    JOIN conversations c ON c.id = m.conversation_id JOIN addresses a ON a.id = c.address_id
    WHERE f.id IN ({ids}) AND a.opted_out_at IS NOT NULL AND NOT (f.key LIKE 'event/%' AND m.author = 'flow')
"""


def refused(session: Session, leaving: Sequence[Unsent]) -> list[Unsent]:
    """Those to an address that has opted out."""
    found = set(ids(session, _REFUSED, [one.id for one in leaving]).scalars()) if leaving else set()
    return [one for one in leaving if one.id in found]
