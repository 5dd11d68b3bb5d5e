"""Webhooks of other systems and the runs that wait for them: each webhook comes to one wait, whichever was first.

Keeps the promise "one row, same answer" of RELIABILITY §3 for them too: a repeated webhook is known by its id. Both
sides take the key's lock before anything else, so that a webhook and the wait for it never miss each other: the webhook
finds the wait, or the wait finds the webhook. A wait that its run has left in any other way counts no more.
"""

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.channels.arrival import Notice
from app.channels.registry import channels
from app.db import sql
from app.handled import Handled
from app.store.events import NewEvent, Put, append
from app.store.rows import ids
from flows import wire
from flows.ask import WebhookState, WebhookStateAnswer
from flows.event import WebhookReceived

KEPT_SECONDS: Final = 24 * 3_600
"""So long a webhook waits for a run that will want it."""
_KNOWN_SECONDS: Final = 30 * 86_400  # so long a repeated one is recognised: longer than senders repeat
_LONGEST_WAIT_SECONDS: Final = 91 * 86_400  # longer than a run may last
_CLASS: Final = 7303  # our class of advisory locks for keys; 7301 are conversations, 7302 the domain

_NOTE: Final = """
    INSERT INTO webhooks (connection_id, provider_id, key, happened, created_at)
    VALUES (:connection, :provider_id, :key, :happened, {now})
    ON CONFLICT (connection_id, provider_id) DO NOTHING RETURNING id
"""
_BEFORE: Final = """
    SELECT w.event_id, e.conversation_id FROM webhooks w LEFT JOIN inbound_events e ON e.id = w.event_id
    WHERE w.connection_id = :connection AND w.provider_id = :provider_id
"""
# A run that still waits there has made no turn since. Its conversation is locked before that counts.
_WAITING: Final = """
    SELECT w.run_id, w.conversation_id, w.turn FROM webhook_waits w JOIN runs r ON r.id = w.run_id
    WHERE w.connection_id = :connection AND w.key = :key AND r.status = 'waiting' AND r.turn = w.turn + 1
    ORDER BY w.created_at, w.run_id
"""
_LOCK: Final = "SELECT id FROM conversations WHERE id = :conversation {for update}"
_STILL: Final = "SELECT 1 FROM runs WHERE id = :run AND status = 'waiting' AND turn = :turn + 1"
_EARLY: Final = """
    SELECT id, happened FROM webhooks WHERE connection_id = :connection AND key = :key AND event_id IS NULL
    AND created_at > {now} - :kept ORDER BY id LIMIT 1
"""
_EXPECT: Final = """
    INSERT INTO webhook_waits (run_id, connection_id, key, conversation_id, turn, created_at)
    VALUES (:run, :connection, :key, :conversation, :turn, {now})
    ON CONFLICT (run_id) DO UPDATE SET connection_id = excluded.connection_id, key = excluded.key,
        turn = excluded.turn, created_at = excluded.created_at
"""
_TAKEN: Final = "UPDATE webhooks SET event_id = :event WHERE id = :id"
_KEYS: Final = "SELECT connection_id, key FROM webhooks WHERE event_id IN ({ids})"
_GIVE_BACK: Final = """
    UPDATE webhooks SET event_id = NULL WHERE event_id IN ({ids}) RETURNING id, connection_id, key, happened
"""
_FREE: Final = "SELECT 1 FROM webhooks WHERE id = :id AND event_id IS NULL"
_OVER: Final = "DELETE FROM webhook_waits WHERE run_id = :run"
_FORGET: Final = """
    DELETE FROM {table} WHERE created_at IN (
        SELECT created_at FROM {table} WHERE created_at < {now} - :known ORDER BY created_at LIMIT :most) RETURNING 1
"""
_FORGETS_AT_ONCE: Final = 500
_CONNECTIONS: Final = "SELECT id, name FROM connections"
_NAME: Final = "SELECT name FROM connections WHERE id = :id"


def webhook_state(session: Session, asked: WebhookState) -> WebhookStateAnswer:
    """Whether a wait for this connection's webhooks makes sense: without a secret none could be believed."""
    query = "SELECT kind, enabled, sealed FROM connections WHERE name = :name"
    row = session.execute(text(query), {"name": asked.connection}).first()
    name = f"“{asked.connection}”"
    if row is None:
        return WebhookStateAnswer(f"There is no connection {name}.")
    channel = channels().get(row.kind)
    if channel is None or not channel.notices:
        return WebhookStateAnswer(f"The connection {name} is no webhook connection: make one of the kind “webhook”.")
    if not row.enabled:
        return WebhookStateAnswer(f"The connection {name} is turned off: nothing comes in by it.")
    if not row.sealed:
        return WebhookStateAnswer(f"The connection {name} has no secret, so that no webhook of it could be believed.")
    return WebhookStateAnswer()


def receive(session: Session, connection_id: int, notice: Notice) -> Put | None:
    """The event it became in the conversation that waited for it, or None: it is kept for who will wait for it.

    A repeated one is what it was.
    """
    _lock(session, [(connection_id, notice.key)])
    about = {"connection": connection_id, "provider_id": notice.provider_id, "key": notice.key}
    name = session.execute(text(_NAME), {"id": connection_id}).scalar() or ""
    happened = wire.write(WebhookReceived(notice.key, notice.data, name))
    id_ = session.execute(sql(session, _NOTE), {**about, "happened": happened}).scalar()
    if id_ is None:
        before = session.execute(text(_BEFORE), about).one()
        return Put(before.event_id, before.conversation_id, duplicate=True) if before.event_id else None
    return _tell_who_waits(session, id_, happened, about)


def lock(session: Session, group: Sequence[Handled]) -> None:
    """Takes the keys that this group waits for, or gives webhooks back for, before any row."""
    wanted: list[tuple[int, str]] = []
    if returned := _returned(group):
        wanted += [(row.connection_id, row.key) for row in ids(session, _KEYS, returned)]
    if any(one.expects for one in group):
        known = _connections(session)
        wanted += [(known.get(one.connection, 0), one.key) for handled in group for one in handled.expects]
    _lock(session, wanted)


def expect(session: Session, group: Sequence[Handled]) -> None:
    """Webhooks that come back for others, and the group's waits: each takes one that came lately, or is noted.

    What comes back is for whoever waits for it already as much as for who will.
    """
    returned = _returned(group)
    back = ids(session, _GIVE_BACK, returned).all() if returned else []
    waiting = [one for one in group if one.expects and one.runs]
    known = _connections(session) if waiting else {}
    for one in waiting:
        run = one.runs[-1]
        if run.status != "waiting":
            continue
        wanted = one.expects[-1]
        values: dict[str, Any] = {
            "run": run.id,
            "conversation": one.conversation_id,
            "turn": run.turn - 1,
            "connection": known.get(wanted.connection, 0),
            "key": wanted.key,
            "kept": KEPT_SECONDS * 1_000_000,
        }
        early = session.execute(sql(session, _EARLY), values).first()
        if early is None and values["connection"]:
            session.execute(sql(session, _EXPECT), values)
        elif early is not None:
            name = f"webhook/{early.id}/{run.id}/{values['turn']}"
            place = NewEvent(one.conversation_id, name, _KIND, early.happened)
            session.execute(text(_TAKEN), {"event": append(session, place).event_id, "id": early.id})
    for row in back:
        if session.execute(text(_FREE), {"id": row.id}).first() is not None:
            _tell_who_waits(session, row.id, row.happened, {"connection": row.connection_id, "key": row.key})


def note_unsigned(session: Session, sentence: str) -> None:
    """People see that a sender and a connection do not agree about the secret, or that a stranger tries."""
    statement = "INSERT INTO problems (step, kind, message, created_at) VALUES ('', 'signature_invalid', :it, {now})"
    session.execute(sql(session, statement), {"it": sentence})


def forget_old(session: Session) -> bool:
    """Forgets a bounded number of those that nobody will ask for any more; whether there may be more of them."""
    more = False
    for table, seconds in (("webhooks", _KNOWN_SECONDS), ("webhook_waits", _LONGEST_WAIT_SECONDS)):
        values = {"known": seconds * 1_000_000, "most": _FORGETS_AT_ONCE}
        gone = session.execute(sql(session, _FORGET.replace("{table}", table)), values)
        more |= len(gone.all()) >= _FORGETS_AT_ONCE
    return more


_KIND: Final = "webhook_received"


def _returned(group: Sequence[Handled]) -> list[int]:
    return [event_id for one in group for event_id in one.returned]


def _tell_who_waits(session: Session, id_: int, happened: str, about: Mapping[str, Any]) -> Put | None:
    """The event it becomes in the conversation that has waited longest for this connection and key."""
    for wait in session.execute(text(_WAITING), about).all():
        values = {"conversation": wait.conversation_id, "run": wait.run_id, "turn": wait.turn}
        session.execute(sql(session, _LOCK), values)
        if session.execute(text(_STILL), values).first() is not None:
            session.execute(text(_OVER), values)
            return _tell(session, id_, happened, wait)
    return None


def _tell(session: Session, id_: int, happened: str, wait: Row[Any]) -> Put:
    place = NewEvent(wait.conversation_id, f"webhook/{id_}/{wait.run_id}/{wait.turn}", _KIND, happened)
    put = append(session, place)
    session.execute(text(_TAKEN), {"event": put.event_id, "id": id_})
    return put


def _connections(session: Session) -> dict[str, int]:
    return {row.name: row.id for row in session.execute(text(_CONNECTIONS))}


def _lock(session: Session, keys: Sequence[tuple[int, str]]) -> None:
    """SQLite's write transactions exclude each other anyway."""
    if session.get_bind().dialect.name != "postgresql":
        return
    numbers = {zlib.crc32(json.dumps(key).encode()) - 2**31 for key in keys}
    for number in sorted(numbers):
        session.execute(text("SELECT pg_advisory_xact_lock(:class, :number)"), {"class": _CLASS, "number": number})
