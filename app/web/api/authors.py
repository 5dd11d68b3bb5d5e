"""Who of the agents wrote a message: by what they did in the inbox, or as the audit log has it for one they edited."""

import json
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from app.models import Audit, EffectRow, InboundEvent, Message
from app.models.conversation import reference

_REPLIED: Final = "event/"
_EDITED: Final = "edited/"  # before the key of the message that had failed: app.dead_letters
_AROUND: Final = timedelta(minutes=1)
"""An edit is noted in the transaction that writes the message; the audit log is found by its time."""


def agents_of(session: Session, rows: Sequence[Message]) -> dict[int, str]:
    """Who wrote each message of an agent, by the message's id: an e-mail address or a token's name."""
    by_agents = [row for row in rows if row.author == "agent"]
    return {**_repliers(session, _keyed(by_agents, _REPLIED)), **_editors(session, _keyed(by_agents, _EDITED))}


def _keyed(rows: Sequence[Message], prefix: str) -> dict[str, Message]:
    """The messages of this kind, by the rest of their keys."""
    keys = [(row.effect_key or "", row) for row in rows]
    return {key.removeprefix(prefix): row for key, row in keys if key.startswith(prefix)}


def _repliers(session: Session, replies: Mapping[str, Message]) -> dict[int, str]:
    query = select(InboundEvent.id, InboundEvent.happened).where(InboundEvent.id.in_(map(int, replies)))
    return {replies[str(id_)].id: str(json.loads(happened).get("by", "")) for id_, happened in session.execute(query)}


def _editors(session: Session, edits: Mapping[str, Message]) -> dict[int, str]:
    query = select(EffectRow.key, EffectRow.id).where(EffectRow.key.in_(edits))
    failed = session.execute(query) if edits else ()
    noted = {f"{reference(edits[key].conversation_id)} message {id_}": edits[key] for key, id_ in failed}
    acts = [
        and_(Audit.what == what, Audit.created_at.between(row.created_at - _AROUND, row.created_at + _AROUND))
        for what, row in noted.items()
    ]
    if not acts:
        return {}
    noticed = session.execute(select(Audit.what, Audit.who).where(Audit.did == "edit_message", or_(*acts)))
    return {noted[what].id: who for what, who in noticed}
