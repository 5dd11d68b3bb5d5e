"""Appends an event to a conversation: its place in the order and its row in one transaction."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db import sql

# `seq` is taken by an update of the conversation's row, so the order of commits is the order of `seq` (plain ids are
# not). `at` never falls below the conversation's last one, though somebody may set the clock back; `due_at` is the
# present, so that such an event does not wait until the clock has caught up.
_TAKE_SEQ = """
    UPDATE conversations SET next_seq = next_seq + 1, last_at = CASE WHEN last_at > {now} THEN last_at ELSE {now} END
    WHERE id = :id RETURNING next_seq - 1 AS seq, last_at, connection_id
"""
_TAKE_SEQ_AND_REOPEN = _TAKE_SEQ.replace(
    "\n    WHERE",
    """, state = 'open', closed_at = NULL, last_message_at = {now},
        opened_at = CASE WHEN state = 'closed' THEN {now} ELSE opened_at END WHERE""",
    1,
)
_INSERT = """
    INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at, state,
                                attempts, charged, error, created_at)
    VALUES (:connection, :provider, :conversation, :kind, :happened, :seq, :at, {now}, 'waiting', 0, 0, '', {now})
    ON CONFLICT (connection_id, provider_id) DO NOTHING RETURNING id
"""


@dataclass(frozen=True)
class NewEvent:
    """An event to be appended; `happened` is canonical JSON, `provider_id` unique in the conversation's connection."""

    conversation_id: int
    provider_id: str
    kind: str
    happened: str
    reopens: bool = False  # a contact's arrival opens a closed conversation again


def append(session: Session, new: NewEvent) -> int | None:
    """The row's id; None when an event with this provider id is there already."""
    take = _TAKE_SEQ_AND_REOPEN if new.reopens else _TAKE_SEQ
    place = session.execute(sql(session, take), {"id": new.conversation_id}).one()
    event_id = session.execute(
        sql(session, _INSERT),
        {
            "connection": place.connection_id,
            "provider": new.provider_id,
            "conversation": new.conversation_id,
            "kind": new.kind,
            "happened": new.happened,
            "seq": place.seq,
            "at": place.last_at,
        },
    ).scalar()
    return None if event_id is None else int(event_id)


# What is due now must not wait until a clock that was set back has caught up with its old time.
_REPAIRS = (
    """UPDATE inbound_events SET due_at = {now}
       WHERE state = 'waiting' AND kind <> 'timer_fired' AND due_at > {now}""",
    """UPDATE effects SET next_attempt_at = {now}
       WHERE state = 'queued' AND attempts = 0 AND next_attempt_at > {now}""",
    """UPDATE effects SET next_attempt_at = {now} + 30000000
       WHERE state = 'sending' AND next_attempt_at > {now} + 30000000""",
    "UPDATE numbers SET paced_until_at = NULL WHERE paced_until_at > {now}",
    "UPDATE numbers SET blocked_until_at = NULL WHERE blocked_until_at > {now}",
    "UPDATE conversations SET not_before_at = {now} WHERE not_before_at > {now}",
)


def repair_instants(session: Session) -> None:
    """After the clock was set back. It reads all that is waiting, so it is called only then."""
    for statement in _REPAIRS:
        session.execute(sql(session, statement))
