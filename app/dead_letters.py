"""Dead letters: messages, e-mails and posts to the team that have failed for good, or may have arrived, which nobody
knows; and what people decide about each: send it again, send it with another text, or leave it.

Whoever decides first decides: the message is taken out of its state by one statement, so of two people one is told that
it was done already.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.db import sql
from app.errors import Conflict, NotFound
from app.store.letters import CREDENTIALS, KINDS, Letter, refusing
from flows import wire
from flows.effect import SendMessage

STATES = ("dead", "unknown")

# A letter stands in no conversation's line; its run tells which one it is about.
_FIND = """
    SELECT f.id, f.key, f.kind, f.state, f.error, f.attempts, f."to", f.payload, f.created_at, f.settled_at,
           c.id AS conversation_id, m.author, m.text, m.media, n.name AS number, n.answers_messages,
           k.name AS connection, k.enabled, a.opted_out_at
    FROM effects f LEFT JOIN messages m ON m.effect_key = f.key LEFT JOIN runs u ON u.id = f.run_id
    JOIN numbers n ON n.id = f.number_id JOIN connections k ON k.id = f.connection_id
    JOIN conversations c ON c.id = coalesce(m.conversation_id, u.conversation_id)
    JOIN addresses a ON a.id = c.address_id
    WHERE f.state IN ('dead', 'unknown') AND (m.id IS NOT NULL OR f.kind IN ('send_email', 'post_to_team'))
"""
_LIST = f"""
    {_FIND} AND (f.id < :after OR :after = 0) AND (f.state = CAST(:state AS text) OR CAST(:state AS text) = '')
      AND (c.id = :conversation OR :conversation = 0) ORDER BY f.id DESC LIMIT :most
"""
# What an earlier attempt still has to tell about itself cannot be about this one; it keeps its key, by which a provider
# that has it after all knows it again.
_SEND_AGAIN = """
    UPDATE effects SET state = 'queued', failures = 0, crashes = 0, error = '', provider_id = '', settled_at = NULL,
        next_attempt_at = {now}
    WHERE id = :id AND state IN ('dead', 'unknown') RETURNING id
"""
_SHOW_QUEUED = "UPDATE messages SET rank = 1, error = '', changed_at = {now} WHERE effect_key = :key"
# What comes of it is told like the first time: the event that told of its failure must not pass for the new one.
_TELL_ANEW = """
    UPDATE inbound_events SET provider_id = provider_id || '/' || id
    WHERE provider_id IN (:failed, :settled) AND connection_id = (
        SELECT c.connection_id FROM effects f LEFT JOIN runs u ON u.id = f.run_id
        JOIN conversations c ON c.id = coalesce(f.conversation_id, u.conversation_id) WHERE f.id = :id)
"""
_LEAVE = """
    UPDATE effects SET state = 'cancelled', settled_at = {now} WHERE id = :id AND state IN ('dead', 'unknown')
    RETURNING id
"""
# Messages of one conversation are inserted under its row lock, so that their ids rise in its order.
_LOCK = "SELECT id FROM conversations WHERE id = :id {for update}"
_CREDENTIAL = "SELECT name FROM credentials WHERE name = :name AND kind = :kind"
_QUEUE_EDITED = """
    INSERT INTO effects (key, kind, conversation_id, connection_id, number_id, payload, "to", state, attempts,
                         next_attempt_at, provider_id, error, created_at)
    SELECT :key, kind, conversation_id, connection_id, number_id, :payload, "to", 'queued', 0, {now}, '', '', {now}
    FROM effects WHERE id = :id
"""
_SHOW_EDITED = """
    INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                          client_key, effect_key, created_at, changed_at)
    SELECT conversation_id, 'out', 'agent', :text, media, choices, 1, '', '', '', :key, {now}, {now}
    FROM messages WHERE effect_key = :old
"""


def find(session: Session, wanted: dict[str, Any]) -> Sequence[Row[Any]]:
    """The newest first. wanted: state ("" = both), conversation (its id, 0 = all), after (0 = the newest), most."""
    return session.execute(sql(session, _LIST), wanted).all()


def read(session: Session, id_: int) -> Row[Any]:
    """One that nobody has decided about. Raises: NotFound; Conflict when somebody has."""
    found = session.execute(sql(session, f"{_FIND} AND f.id = :id"), {"id": id_}).first()
    return found if found is not None else _refuse(session, id_)


def retry(session: Session, id_: int) -> Row[Any]:
    """Sends it again as it is. Raises: NotFound; Conflict when somebody was faster, or it cannot be sent."""
    row = _sendable(session, id_)
    _take(session, _SEND_AGAIN, id_)
    session.execute(sql(session, _SHOW_QUEUED), {"key": row.key})
    told = {"failed": f"failed/{row.key}", "settled": f"settled/{row.key}"}
    session.execute(sql(session, _TELL_ANEW), {"id": id_, **told})
    return row


def edit(session: Session, id_: int, text: str) -> Row[Any]:
    """Sends another text in its place, as a new message under a key of its own. Raises: as `retry`."""
    if is_letter(read(session, id_)):
        sentence = (
            "An e-mail or a post to the team has no other text than its flow's: send it again as it is, or skip it."
        )
        raise Conflict(sentence, "not_editable")
    row = _sendable(session, id_)
    _take(session, _LEAVE, id_)
    session.execute(sql(session, _LOCK), {"id": row.conversation_id})
    message = wire.read(SendMessage, row.payload)
    edited = wire.write(replace(message, text=text, template="", template_variables={}))
    new = {"key": f"edited/{row.key}", "payload": edited, "text": text, "old": row.key, "id": id_}
    for statement in (_QUEUE_EDITED, _SHOW_EDITED):
        session.execute(sql(session, statement), new)
    return row


def skip(session: Session, id_: int) -> Row[Any]:
    """Leaves it as it is, and out of the list. Raises: NotFound; Conflict when somebody was faster."""
    row = read(session, id_)
    _take(session, _LEAVE, id_)
    return row


def is_letter(row: Row[Any]) -> bool:
    """Whether it is an e-mail or a post to the team, and no message of a conversation."""
    return row.kind in KINDS


def _take(session: Session, statement: str, id_: int) -> None:
    if session.execute(sql(session, statement), {"id": id_}).first() is None:
        _refuse(session, id_)


def _refuse(session: Session, id_: int) -> Row[Any]:
    query = "SELECT state FROM effects WHERE id = :id AND kind IN ('send_message', 'send_email', 'post_to_team')"
    state = session.execute(sql(session, query), {"id": id_}).scalar()
    if state is None:
        raise NotFound(f"There is no message or letter {id_} that failed: GET /api/v1/dead-letters lists them.")
    sentence = f"Number {id_} is {state} now: it was decided about, or was settled, a moment ago."
    raise Conflict(sentence, "decided_already", {"state": state})


def _sendable(session: Session, id_: int) -> Row[Any]:
    """What a new message could not pass either is refused here, where somebody hears it."""
    row = read(session, id_)
    if is_letter(row):
        _refuse_letter(session, row)
        return row
    if row.opted_out_at is not None:
        sentence = "The contact has opted out of messages, so nothing can be sent until they ask for messages again."
        raise Conflict(sentence, "opted_out")
    through = wire.read(SendMessage, row.payload).number or row.number
    if through != row.number:
        raise Conflict(f"The number “{through}” did not lead to the contact: skip this one.", "channel_disconnected")
    if not row.answers_messages or not row.enabled:
        sentence = f"The number “{row.number}” sends no messages now: let it, or skip this one."
        raise Conflict(sentence, "channel_disconnected")
    return row


def _refuse_letter(session: Session, row: Row[Any]) -> None:
    letter: Letter = wire.read(Letter, row.payload)
    if (
        session.execute(sql(session, _CREDENTIAL), {"name": letter.credential, "kind": CREDENTIALS[row.kind]}).first()
        is None
    ):
        sentence = f"There is no credential “{letter.credential}” of the kind {CREDENTIALS[row.kind]}: enter it first."
        raise Conflict(sentence, "secret_missing")
    address = refusing(session, letter)
    if address is not None:
        raise Conflict(
            f"{address} has opted out of messages, so nothing can be sent there: skip this one.", "opted_out"
        )
