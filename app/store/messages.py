"""The messages of a commit: one row for people to read, one in the outbox to be sent."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from app.handled import UNSENT, Handled, Outgoing, Unsent, unsent_of
from app.store.rows import over
from app.store.sends import Settled
from app.store.ways import enter_conversation, ways_to_contact


def write(session: Session, group: Sequence[Handled], now: int) -> tuple[list[Unsent], list[Settled]]:
    """Stores the group's messages once each. Returns those that are to be sent, oldest first, and those by another
    number that need not or cannot be sent."""
    placed = [(one, *_placed(session, one, message)) for one in group for message in one.messages]
    rows = [
        {
            "n": n,
            "key": message.key,
            "conversation_id": one.conversation_id,
            "shown_in": shown_in,
            "connection_id": message.connection_id,
            "number_id": message.number_id,
            "run_id": _run_of(message.key),
            "payload": message.payload,
            "to": message.to,
            "state": "dead" if message.error_kind else "sent" if message.local else "queued",
            "rank": 5 if message.error_kind else 4 if message.local else 1,
            "error": message.error,
            "settled_at": now if message.error_kind or message.local else None,
            "author": message.author,
            "text": message.text,
            "media": message.media,
            "choices": message.choices,
        }
        for n, (one, message, shown_in) in enumerate(placed)
    ]
    if not rows:
        return [], []
    inserted = _queue(session, rows, now)
    over(
        session,
        """
        INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                              client_key, effect_key, created_at, changed_at)
        SELECT r.shown_in, 'out', r.author, r.text, r.media, r.choices, r.rank, r.error, '',
               '', r.key, :now, :now
        FROM {rows} WHERE true ORDER BY r.n ON CONFLICT (effect_key) DO NOTHING
        """,
        {
            "n": "bigint",
            "key": "text",
            "shown_in": "bigint",
            "rank": "bigint",
            "error": "text",
            "author": "text",
            "text": "text",
            "media": "text",
            "choices": "text",
        },
        rows,
        now=now,
    )
    unsent = sorted((one for one in inserted if one.state == "queued"), key=lambda one: one.id)
    elsewhere = {message.key: message for _, message, _ in placed if message.number}
    return unsent, [
        Settled(
            one,
            "dead" if one.state == "dead" else "sent",
            error_kind=elsewhere[one.key].error_kind,
            error=elsewhere[one.key].error,
        )
        for one in inserted
        if one.state != "queued" and one.key in elsewhere
    ]


def _placed(session: Session, one: Handled, message: Outgoing) -> tuple[Outgoing, int]:
    """The message and the conversation in which it is shown. Its outbox row stays with the run that sends it, which
    waits for its fate; people and the contact find it with what else was said on that number."""
    if not message.number:
        return message, one.conversation_id
    (way,) = ways_to_contact(session, one.conversation_id, [message.number])
    if way.error_kind:
        return replace(message, error_kind=way.error_kind, error=way.error), one.conversation_id
    went = replace(message, connection_id=way.connection_id, number_id=way.number_id, to=way.to, local=way.local)
    return went, way.conversation_id or enter_conversation(session, one.conversation_id, way)


def _run_of(key: str) -> int | None:
    """The run in a key `run/turn/n`; messages outside a run are `event/n`."""
    first = key.partition("/")[0]
    return int(first) if first.isdecimal() else None


def _queue(session: Session, rows: Sequence[dict[str, Any]], now: int) -> list[Unsent]:
    return unsent_of(
        over(
            session,
            """
            INSERT INTO effects (key, kind, conversation_id, connection_id, number_id, run_id, payload, "to", state,
                                 attempts, next_attempt_at, provider_id, error, settled_at, created_at)
            SELECT r.key, 'send_message', r.conversation_id, r.connection_id, r.number_id, r.run_id, r.payload, r."to",
                   r.state, 0, :now, '', r.error, r.settled_at, :now FROM {rows} WHERE true ORDER BY r.n
            ON CONFLICT (key) DO NOTHING
            RETURNING {columns}
            """.replace("{columns}", UNSENT),
            {
                "n": "bigint",
                "key": "text",
                "conversation_id": "bigint",
                "connection_id": "bigint",
                "number_id": "bigint",
                "run_id": "bigint",
                "payload": "text",
                "to": "text",
                "state": "text",
                "error": "text",
                "settled_at": "bigint",
            },
            rows,
            now=now,
        ).all()
    )
