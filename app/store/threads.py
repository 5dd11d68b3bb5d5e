"""Threads of mails: to which conversation a mail belongs, and what our answer in one names."""

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy.orm import Session

from app.channels.arrival import Fetched
from app.channels.contract import Thread
from app.db import now, sql
from app.models.conversation import conversation_of, reference
from app.store.new_arrival import REOPENS_WITHIN
from app.store.rows import over

# By a Message-ID of ours, which nobody can make up; by one of a mail that came; or by a reference in the subject, which
# anybody can write, so it counts only for whoever the conversation is with.
_OF_EFFECT: Final = (
    "SELECT m.conversation_id FROM effects f JOIN messages m ON m.effect_key = f.key WHERE f.id = :effect"
)
_OF_MAILS: Final = """
    SELECT i.conversation_id FROM mails i JOIN {rows} ON i.message_id = r.message_id
    WHERE i.connection_id = :connection ORDER BY r.place, i.id DESC LIMIT 1
"""
_OF_REFERENCE: Final = """
    SELECT c.id FROM conversations c JOIN addresses a ON a.contact_id = c.contact_id
    WHERE c.id = :id AND a.kind = :kind AND a.value = :address
"""
_OPEN: Final = """
    SELECT c.id, a.value FROM conversations c JOIN addresses a ON a.id = c.address_id
    WHERE c.id = :id AND c.kind = 'messages' AND (c.closed_at IS NULL OR c.closed_at > {now} - :within)
"""
_LATEST: Final = """
    SELECT conversation_id, subject, message_id, answers FROM mails
    WHERE conversation_id = (SELECT conversation_id FROM messages WHERE effect_key = :key) ORDER BY id DESC LIMIT 1
"""
_SHOWN_IN: Final = "SELECT conversation_id FROM messages WHERE effect_key = :key"


@dataclass(frozen=True)
class Place:
    """A conversation, and the address it is with."""

    id: int
    address: str


def conversation_of_mail(session: Session, connection_id: int, fetched: Fetched) -> Place | None:
    """The conversation that a mail goes on with; None when it begins one, or that one is over."""
    for id_ in _named(session, connection_id, fetched):
        found = session.execute(sql(session, _OPEN), {"id": id_, "within": REOPENS_WITHIN}).first()
        if found is not None:
            return Place(found.id, found.value)
    return None


def of_message(session: Session, effect_key: str) -> Thread:
    """What a message of ours answers."""
    latest = session.execute(sql(session, _LATEST), {"key": effect_key}).first()
    if latest is None:
        shown_in = session.execute(sql(session, _SHOWN_IN), {"key": effect_key}).scalar()
        return Thread(reference=reference(shown_in) if shown_in else "", at=now(session))
    return Thread(reference(latest.conversation_id), latest.subject, latest.message_id, latest.answers, at=now(session))


def _named(session: Session, connection_id: int, fetched: Fetched) -> list[int]:
    found: list[int | None] = []
    if fetched.answers_effect:
        found.append(session.execute(sql(session, _OF_EFFECT), {"effect": fetched.answers_effect}).scalar())
    if fetched.answers:
        rows = [{"message_id": one, "place": place} for place, one in enumerate(fetched.answers)]
        kinds: dict[str, Any] = {"message_id": "text", "place": "bigint"}
        found.append(over(session, _OF_MAILS, kinds, rows, connection=connection_id).scalar())
    if fetched.reference:
        arrival = fetched.arrival
        named = {"id": conversation_of(fetched.reference), "kind": arrival.address_kind, "address": arrival.address}
        found.append(session.execute(sql(session, _OF_REFERENCE), named).scalar())
    return [one for one in found if one is not None]
