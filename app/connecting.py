"""Telling carriers which addresses to call for a number of ours: queued with what it belongs to, told after the commit
by the runner, and again without harm; the number shows what came of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.channels.registry import channel_of
from app.db import from_microseconds, now
from app.directory import open_connection
from app.house import House
from app.models import Connection, EffectRow, Number
from app.store.rows import ids
from flows.values import canonical_json

# The kind stands here as it is, so that the databases see that their partial index serves.
_TOLD = """
    SELECT number_id, state, error, created_at, settled_at, payload FROM effects WHERE kind = 'set_webhooks'
        AND id IN (SELECT MAX(id) FROM effects WHERE kind = 'set_webhooks' AND number_id IN ({ids}) GROUP BY number_id)
"""


@dataclass(frozen=True)
class Told:
    """What the carrier was last told about a number. `state` is the effect's: queued, sending, sent, unknown, dead,
    cancelled; `error` is why it is unknown or dead, or why another attempt is needed."""

    state: str
    error: str
    asked_at: datetime
    settled_at: datetime | None
    addresses: dict[str, str]


def queue_telling(session: Session, house: House, number: Number, key: str) -> bool:
    """Queues that the carrier is told; `key` makes it once. False where nobody has to be told."""
    row = session.get_one(Connection, number.connection_id)
    connection = open_connection(row, house.key, house.settings.effective_public_url)
    addresses = channel_of(row.kind).webhook_addresses(connection)
    if not addresses:
        return False
    at = now(session)
    session.add(
        EffectRow(
            key=key,
            kind="set_webhooks",
            conversation_id=None,
            connection_id=row.id,
            number_id=number.id,
            payload=canonical_json({"number": number.value, "addresses": dict(addresses)}),
            next_attempt_at=at,
            created_at=at,
        )
    )
    return True


def told(session: Session, number_ids: Sequence[int]) -> dict[int, Told]:
    """What carriers were last told about these numbers; one that was never told about is not in it."""
    return {
        row.number_id: Told(
            row.state,
            row.error,
            from_microseconds(row.created_at),
            None if row.settled_at is None else from_microseconds(row.settled_at),
            json.loads(row.payload)["addresses"],
        )
        for row in (ids(session, _TOLD, number_ids) if number_ids else ())
    }
