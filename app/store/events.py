"""Appends an event to a conversation: its place in the order and its row, on PostgreSQL in one statement."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Result, Row
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.db import DatabaseUnavailable, Executor, sql

# `seq` is taken by an update of the conversation's row, so the order of commits is the order of `seq` (plain ids are
# not). `at` never falls below the conversation's last one, though somebody may set the clock back; `due_at` is the
# present, so that such an event does not wait until the clock has caught up.
TAKE_SEQ: Final = """
    UPDATE conversations SET next_seq = conversations.next_seq + 1,
        last_at = CASE WHEN conversations.last_at > {now} THEN conversations.last_at ELSE {now} END"""
TAKE_SEQ_AND_REOPEN: Final = f"""{TAKE_SEQ}, state = 'open', closed_at = NULL, last_message_at = {{now}},
        opened_at = CASE WHEN conversations.state = 'closed' THEN {{now}} ELSE conversations.opened_at END"""
RETURNING_PLACE: Final = """
    RETURNING conversations.id, conversations.connection_id, conversations.next_seq - 1 AS seq, conversations.last_at"""
INSERT_EVENT: Final = """
    INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at, state,
                                attempts, charged, error, created_at)
    SELECT place.connection_id, :provider_id, place.id, :kind, :happened, place.seq, place.last_at, {now}, 'waiting',
           0, 0, '', {now} FROM {place} AS place"""
PLACE_OF_VALUES: Final = "(SELECT :id AS id, :connection_id AS connection_id, :seq AS seq, :last_at AS last_at)"


@dataclass(frozen=True)
class NewEvent:
    """An event to be appended; `happened` is canonical JSON, `provider_id` unique in the conversation's connection."""

    conversation_id: int
    provider_id: str
    kind: str
    happened: str


@dataclass(frozen=True)
class Put:
    """The row that something became. A duplicate names the row that was there already."""

    event_id: int
    conversation_id: int
    duplicate: bool = False


def append(session: Session, new: NewEvent) -> Put:
    """The new event's row, or the one with its provider id that is there already; then no `seq` is taken.

    Raises: LookupError when there is no such conversation, DatabaseUnavailable as `execute_at_once`.
    """
    if session.get_bind().dialect.name == "sqlite":
        return _append_in_steps(session, new)
    put = append_at_once(session, new)
    if put is None:
        session.execute(sql(session, _LOCK), vars(new))
        put = append_at_once(session, new)
    if put is None:
        raise DatabaseUnavailable(f"The conversation {new.conversation_id} changed while it was locked.")
    return put


def append_at_once(session: Executor, new: NewEvent) -> Put | None:
    """The same by one statement on PostgreSQL; None when it was overtaken and so did nothing. Raises: as `append`."""
    row = execute_at_once(session, _AT_ONCE, vars(new)).first()
    if row is None:
        raise LookupError(f"There is no conversation {new.conversation_id}.")
    return outcome(row)


def execute_at_once(session: Executor, statement: str, values: dict[str, Any]) -> Result[Any]:
    """What a statement that stores an event at once returns.

    Raises: DatabaseUnavailable when all must be rolled back and may then be tried again.
    """
    try:
        return session.execute(sql(session, statement), values)
    except IntegrityError as error:
        sentence = "The same provider id came for two conversations at the same moment: try again."
        raise DatabaseUnavailable(sentence) from error


def outcome(row: Row[Any]) -> Put | None:
    """What became of such a statement: None when it was overtaken and so did nothing."""
    if row.before_id is not None:
        return Put(row.before_id, row.before_conversation_id, duplicate=True)
    return None if row.event_id is None else Put(row.event_id, row.conversation_id)


# The statement sees what was committed when it began. Whoever waited for the row and finds another `next_seq` than it
# saw has been overtaken, perhaps by this very event: then it does nothing, and is done again under the row's lock.
_AT_ONCE = (
    """
    WITH seen AS (SELECT id, connection_id, next_seq AS seen_seq FROM conversations WHERE id = :conversation_id),
    before AS (
        SELECT e.id, e.conversation_id FROM inbound_events e JOIN seen ON e.connection_id = seen.connection_id
        WHERE e.provider_id = :provider_id),
    place AS ({take} FROM seen WHERE conversations.id = seen.id AND conversations.next_seq = seen.seen_seq
              AND NOT EXISTS (SELECT 1 FROM before) {returning}),
    event AS ({insert} RETURNING id, conversation_id)
    SELECT before.id AS before_id, before.conversation_id AS before_conversation_id,
           event.id AS event_id, event.conversation_id
    FROM seen LEFT JOIN before ON true LEFT JOIN event ON true
""".replace("{take}", TAKE_SEQ)
    .replace("{returning}", RETURNING_PLACE)
    .replace("{insert}", INSERT_EVENT)
    .replace("{place}", "place")
)
_LOCK = "SELECT id FROM conversations WHERE id = :conversation_id FOR NO KEY UPDATE"
_LOOK = """
    SELECT e.id AS before_id, e.conversation_id FROM conversations c
    LEFT JOIN inbound_events e ON e.connection_id = c.connection_id AND e.provider_id = :provider_id
    WHERE c.id = :conversation_id
"""
_TAKE = TAKE_SEQ + " WHERE id = :conversation_id" + RETURNING_PLACE
_INSERT = INSERT_EVENT.replace("{place}", PLACE_OF_VALUES) + " RETURNING id"


def _append_in_steps(session: Session, new: NewEvent) -> Put:
    """For SQLite, whose write transactions exclude each other."""
    before = session.execute(sql(session, _LOOK), vars(new)).first()
    if before is None:
        raise LookupError(f"There is no conversation {new.conversation_id}.")
    if before.before_id is not None:
        return Put(before.before_id, before.conversation_id, duplicate=True)
    place = session.execute(sql(session, _TAKE), vars(new)).mappings().one()
    event_id = session.execute(sql(session, _INSERT), {**vars(new), **place}).scalar_one()
    return Put(event_id, new.conversation_id)


_A_SWEEP: Final = 5_000_000  # microseconds: what was stored since the clock was last looked at
# What is due now must not wait until a clock that was set back has caught up with its old time.
_REPAIRS = (
    """UPDATE inbound_events SET due_at = {now}
       WHERE state = 'waiting' AND kind <> 'timer_fired' AND due_at > {now}""",
    """UPDATE effects SET next_attempt_at = {now}
       WHERE state IN ('queued', 'sending') AND state = 'queued' AND attempts = 0 AND next_attempt_at > {now}
         AND next_attempt_at <= :seen""",
    """UPDATE effects SET next_attempt_at = {now} + 30000000
       WHERE state IN ('queued', 'sending') AND state = 'sending' AND next_attempt_at > {now} + 30000000""",
    # Two processes may look into one then: a mail is known by its id, so none comes twice.
    "UPDATE mailboxes SET next_look_at = {now} WHERE next_look_at > {now}",
    "UPDATE numbers SET paced_until_at = NULL WHERE paced_until_at > {now}",
    "UPDATE numbers SET blocked_until_at = NULL WHERE blocked_until_at > {now}",
    "UPDATE conversations SET not_before_at = {now} WHERE not_before_at > {now}",
)


def repair_instants(session: Session, seen: int) -> None:
    """After the clock was set back; `seen` (microseconds) is how far it was. What is put off beyond that, because it is
    night for the contact, stays so. It reads all that is waiting, so it is called only then."""
    for statement in _REPAIRS:
        session.execute(sql(session, statement), {"seen": seen + _A_SWEEP})
