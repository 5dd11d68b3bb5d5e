"""The messages of a commit: one row for people to read, one in the outbox to be sent.

A turn's first message may be on its way by the turn's own commit, which saves another one: `sending` is stored with it.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy.orm import Session

from app.handled import UNSENT, Handled, Outgoing, Unsent, unsent_of
from app.store.pacing import limited_numbers
from app.store.rows import over
from app.store.sends import Settled
from app.store.stored_files import with_files
from app.store.ways import enter_conversation, ways_to_contact

_RANKS = {"queued": 1, "sending": 2, "sent": 4, "dead": 5}


def write(session: Session, group: Sequence[Handled], now: int) -> tuple[list[Unsent], list[Settled]]:
    """Stores the group's messages once each. Returns those that are to be sent, oldest first, and those by another
    number that need not or cannot be sent."""
    placed = [(one, *_placed(session, one, with_files(session, new))) for one in group for new in one.messages]
    leaving = _leaving(session, group, now)
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
            "state": (state := _state(message, leaving)),
            "attempts": int(state == "sending"),
            "sending_at": now if state == "sending" else None,
            "next_attempt_at": max(now + leaving.get(message.key, 0), message.not_before),
            "rank": _RANKS[state],
            "error": message.error,
            "settled_at": now if state in ("dead", "sent") else None,
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
    unsent = sorted((one for one in inserted if one.state in ("queued", "sending")), key=lambda one: one.id)
    elsewhere = {message.key: message for _, message, _ in placed if message.number}
    return unsent, [
        Settled(
            one,
            "dead" if one.state == "dead" else "sent",
            error_kind=elsewhere[one.key].error_kind,
            error=elsewhere[one.key].error,
        )
        for one in inserted
        if one.state in ("dead", "sent") and one.key in elsewhere
    ]


def _leaving(session: Session, group: Sequence[Handled], now: int) -> dict[str, int]:
    """The keys of first messages that leave at once, and in how many microseconds a crash of them is looked at."""
    first: dict[Outgoing, float] = {}
    for one in group:
        sendable = [message for message in one.messages if not message.error_kind]
        if one.first_recheck_seconds and sendable and sendable[0].has_key and not sendable[0].not_before:
            first[sendable[0]] = one.first_recheck_seconds
    limited = limited_numbers(session, [message.number_id for message in first], now) if first else set()
    return {
        message.key: int(seconds * 1_000_000) for message, seconds in first.items() if message.number_id not in limited
    }


def _state(message: Outgoing, leaving: dict[str, int]) -> str:
    if message.error_kind:
        return "dead"
    return "sent" if message.local else "sending" if message.key in leaving else "queued"


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
                                 attempts, sending_at, next_attempt_at, provider_id, error, settled_at, created_at)
            SELECT r.key, 'send_message', r.conversation_id, r.connection_id, r.number_id, r.run_id, r.payload, r."to",
                   r.state, r.attempts, r.sending_at, r.next_attempt_at, '', r.error, r.settled_at, :now
            FROM {rows} WHERE true ORDER BY r.n
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
                "attempts": "bigint",
                "sending_at": "bigint",
                "next_attempt_at": "bigint",
                "error": "text",
                "settled_at": "bigint",
            },
            rows,
            now=now,
        ).all()
    )
