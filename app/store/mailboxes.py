"""When mailboxes are looked into: one worker at a time, later after failures, and never forgotten."""

from collections.abc import Collection, Sequence
from typing import Final

from sqlalchemy.orm import Session

from app.db import sql
from app.store.rows import over
from flows.values import clean_text

_LOOK_AGAIN_SECONDS: Final = 20.0
_SHOWN_AFTER: Final = 3  # failures in a row: one look may meet a server that is being restarted
_LONGEST_PAUSE_SECONDS: Final = 900.0
_LONGEST_WORDS: Final = 1_000

_DUE: Final = """
    SELECT k.id FROM connections k LEFT JOIN mailboxes b ON b.connection_id = k.id
    WHERE k.enabled AND k.kind IN (SELECT r.kind FROM {rows}) AND coalesce(b.next_look_at, 0) <= {now} ORDER BY k.id
"""
_MAKE: Final = """
    INSERT INTO mailboxes (connection_id, next_look_at, failures, problem) VALUES (:id, {now}, 0, '')
    ON CONFLICT (connection_id) DO NOTHING
"""
# The instant is compared again here: whoever waited for the row finds that somebody is looking already.
_TAKE: Final = """
    UPDATE mailboxes SET next_look_at = {now} + :lease WHERE connection_id = :id AND next_look_at <= {now}
    RETURNING connection_id
"""
_NUMBERS: Final = """
    SELECT value FROM numbers WHERE connection_id = :id AND answers_messages ORDER BY id
"""
_LOOKED: Final = """
    UPDATE mailboxes SET next_look_at = {now} + :pause, failures = 0, problem = '', looked_at = {now}
    WHERE connection_id = :id
"""
_FAILED: Final = """
    UPDATE mailboxes SET next_look_at = {now} + :pause, failures = failures + 1, problem = :why
    WHERE connection_id = :id RETURNING failures
"""
_PROBLEM: Final = """
    INSERT INTO problems (conversation_id, run_id, step, kind, message, created_at)
    VALUES (NULL, NULL, '', :kind, :why, {now})
"""


def due(session: Session, kinds: Collection[str]) -> list[int]:
    """The connections of these kinds that may be looked into now."""
    rows = over(session, _DUE, {"kind": "text"}, [{"kind": kind} for kind in kinds])
    return [int(row.id) for row in rows]


def take(session: Session, connection_id: int, lease_seconds: float) -> Sequence[str] | None:
    """The numbers to look for, when nobody else looks; for so long nobody else will."""
    session.execute(sql(session, _MAKE), {"id": connection_id})
    values = {"id": connection_id, "lease": int(lease_seconds * 1_000_000)}
    if session.execute(sql(session, _TAKE), values).first() is None:
        return None
    return session.execute(sql(session, _NUMBERS), {"id": connection_id}).scalars().all()


def looked(session: Session, connection_id: int) -> None:
    """All that was there is here."""
    session.execute(sql(session, _LOOKED), {"id": connection_id, "pause": int(_LOOK_AGAIN_SECONDS * 1_000_000)})


def failed(session: Session, connection_id: int, name: str, why: str, failures_before: int) -> None:
    """It could not be looked into; after a few times people see it on the errors page, once."""
    pause = min(_LOOK_AGAIN_SECONDS * 2**failures_before, _LONGEST_PAUSE_SECONDS)
    said = clean_text(why)[:_LONGEST_WORDS]
    values = {"id": connection_id, "pause": int(pause * 1_000_000), "why": said}
    if session.execute(sql(session, _FAILED), values).scalar() == _SHOWN_AFTER:
        sentence = f"The connection “{name}” cannot be looked into: {said}"
        session.execute(sql(session, _PROBLEM), {"kind": "mailbox_unreachable", "why": sentence})


def note_unreadable(session: Session, name: str, why: str) -> None:
    """A single mail that could not be kept; it stays in the mailbox, flagged."""
    sentence = f"A mail of the connection “{name}” could not be read and is flagged in the mailbox: {clean_text(why)}"
    session.execute(sql(session, _PROBLEM), {"kind": "mail_unreadable", "why": sentence[:_LONGEST_WORDS]})


def failures(session: Session, connection_id: int) -> int:
    """How many looks in a row have failed."""
    query = "SELECT failures FROM mailboxes WHERE connection_id = :id"
    return int(session.execute(sql(session, query), {"id": connection_id}).scalar() or 0)
