"""When a turn cannot be finished: back-off, charges, and what a look-up must ignore."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import sql
from app.handled import Unsent
from app.store.loading import Held
from app.store.rows import ids
from flows import wire
from flows.effect import Say
from flows.values import clean_text

_OWNED_WITHIN = 25 * 3_600 * 1_000_000  # microseconds: longer than a message is retried
_BACK_OFF_SECONDS = 1.0  # doubles with each charge
_LONGEST_BACK_OFF_SECONDS = 60.0
_LONGEST_WORDS = 1_000  # of an error that is stored


def charge(session: Session, held: Held, why: str) -> None:
    """Charges the first event, and keeps its conversation away for a while, or it would be claimed again for ever."""
    event = held.events[0]
    session.execute(
        text("UPDATE inbound_events SET charged = charged + :charge, error = :why WHERE id = :id"),
        {"charge": int(not held.is_charged), "why": clean_text(why)[:_LONGEST_WORDS], "id": event.id},
    )
    pause = int(min(_BACK_OFF_SECONDS * 2**held.charged, _LONGEST_BACK_OFF_SECONDS) * 1_000_000)
    session.execute(
        text("UPDATE conversations SET not_before_at = :instant WHERE id = :id"),
        {"instant": held.now + pause, "id": held.id},
    )


def blame(session: Session, conversation_id: int, why: str, kills: int) -> None:
    """Charges the event under way in a conversation whose step has cost so many processes, as their parent has seen.

    Nobody else was to blame, so it need not be tried alone to be found out; and it is kept away for a while, so that
    the others are answered before it is tried again.
    """
    statement = """
        UPDATE inbound_events SET charged = CASE WHEN charged < :kills THEN :kills ELSE charged END, error = :why
        WHERE id = (SELECT id FROM inbound_events WHERE conversation_id = :id AND state = 'waiting' AND attempts > 0
                    ORDER BY seq LIMIT 1)
    """
    session.execute(text(statement), {"kills": kills, "why": clean_text(why)[:_LONGEST_WORDS], "id": conversation_id})
    pause = int(min(_BACK_OFF_SECONDS * 2**kills, _LONGEST_BACK_OFF_SECONDS) * 1_000_000)
    session.execute(
        sql(session, "UPDATE conversations SET not_before_at = {now} + :pause WHERE id = :id"),
        {"pause": pause, "id": conversation_id},
    )


def end_unreadable(session: Session, held: Held) -> None:
    """Ends the conversation's run, though its state cannot be read."""
    session.execute(
        sql(session, "UPDATE runs SET status = 'ended', outcome = 'failed', ended_at = {now} WHERE id = :id"),
        {"id": held.row.run_id},
    )
    session.execute(text("UPDATE conversations SET run_id = NULL WHERE id = :id"), {"id": held.id})


def bury(session: Session, unsent: Unsent, why: str) -> None:
    """A message that cannot even be tried: dead, and shown on the errors page."""
    values = {"id": unsent.id, "key": unsent.key, "why": clean_text(why)[:_LONGEST_WORDS]}
    session.execute(
        sql(session, "UPDATE effects SET state = 'dead', error = :why, settled_at = {now} WHERE id = :id"), values
    )
    session.execute(
        sql(session, "UPDATE messages SET rank = 5, error = :why, changed_at = {now} WHERE effect_key = :key"), values
    )
    session.execute(
        sql(
            session,
            "INSERT INTO problems (conversation_id, run_id, version_id, step, kind, message, created_at)"
            " VALUES (:conversation, :run, (SELECT version_id FROM runs WHERE id = :run), '', 'channel_disconnected',"
            " :why, {now})",
        ),
        {**values, "conversation": unsent.conversation_id, "run": unsent.run_id},
    )


def note_hold_prompt(session: Session, conversation_id: int, prompt: Say) -> None:
    """What a caller hears when the turn's answer takes long; the turn's commit removes it."""
    session.execute(
        text("UPDATE conversations SET hold_prompt = :prompt WHERE id = :id"),
        {"prompt": wire.write(prompt), "id": conversation_id},
    )


def postpone(session: Session, held: Held, instant: int) -> None:
    """Claims pass by what is in the conversation's inbox now until then (microseconds); what comes is not delayed."""
    statement = "UPDATE inbound_events SET due_at = :instant WHERE id IN ({ids})"
    ids(session, statement, [event.id for event in held.events], instant=instant)


def look_later(session: Session, unsent: Unsent, seconds: float) -> None:
    """A message that was attempted before is looked at again in so long."""
    session.execute(
        sql(
            session,
            "UPDATE effects SET next_attempt_at = {now} + :wait WHERE id = :id AND state IN ('queued', 'sending')",
        ),
        {"wait": int(seconds * 1_000_000), "id": unsent.id},
    )


def owned_ids(session: Session, unsent: Unsent) -> frozenset[str]:
    """The provider ids of the same address and connection that other messages own already."""
    rows = session.execute(
        sql(
            session,
            'SELECT provider_id FROM effects WHERE connection_id = :connection AND "to" = :to AND id <> :id'
            " AND provider_id <> '' AND created_at > {now} - :window",
        ),
        {"connection": unsent.connection_id, "to": unsent.to, "id": unsent.id, "window": _OWNED_WITHIN},
    )
    return frozenset(row.provider_id for row in rows)
