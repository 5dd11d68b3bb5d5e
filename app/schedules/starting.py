"""Starting: one contact of one occurrence, in one transaction with the inbox event that begins the run.

Keeps "each contact once": the row is taken from `waiting` by the transaction that stores the event, whose id is the
occurrence's and the contact's. Consent, opt-out and quiet hours are looked at again in that very moment.
"""

from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.channels.registry import channel_of
from app.db import from_microseconds, now_microseconds, sql, to_microseconds
from app.desk.quiet_hours import allowed_at
from app.points import point
from app.schedules.placed import Placed, live_schedule, placed_at
from app.store.beginnings import Place, conversation_at
from app.store.events import NewEvent, append
from flows import wire
from flows.event import ScheduleDue
from flows.values import clean_text

_OCCURRENCE: Final = "SELECT flow_id, step, due_at FROM occurrences WHERE id = :occurrence"
_WHERE_TO: Final = """
    SELECT n.id AS number_id, n.connection_id, c.kind FROM numbers n JOIN connections c ON c.id = n.connection_id
    WHERE n.id = :number
"""
# Locked before anything else, as everywhere: address, contact, conversation.
_ADDRESS: Final = """
    SELECT a.id, a.contact_id FROM addresses a WHERE a.contact_id = :contact AND a.kind = :kind
    AND a.opted_out_at IS NULL ORDER BY a.last_seen_at DESC, a.id LIMIT 1 {for update}
"""
_CONTACT: Final = "SELECT id, consent, zone FROM contacts WHERE id = :contact {for update}"
_TAKE: Final = """
    UPDATE occurrence_contacts SET state = 'started' WHERE occurrence_id = :occurrence AND contact_id = :contact
    AND state = 'waiting' AND due_at <= :now
"""
_NOTE: Final = """
    UPDATE occurrence_contacts SET event_id = :event WHERE occurrence_id = :occurrence AND contact_id = :contact
"""
_LEAVE_OUT: Final = """
    UPDATE occurrence_contacts SET state = 'passed_over', reason = :reason
    WHERE occurrence_id = :occurrence AND contact_id = :contact AND state = 'waiting'
"""
_LEAVE_ALL_OUT: Final = """
    UPDATE occurrence_contacts SET state = 'passed_over', reason = :reason
    WHERE occurrence_id = :occurrence AND state = 'waiting'
"""
_PUT_OFF: Final = """
    UPDATE occurrence_contacts SET due_at = :due
    WHERE occurrence_id = :occurrence AND contact_id = :contact AND state = 'waiting'
"""

_CANCEL: Final = "UPDATE occurrences SET state = 'cancelled' WHERE id = :occurrence"
_PROBLEM: Final = """
    INSERT INTO problems (step, kind, message, created_at)
    SELECT step, 'not_started', :message, {now} FROM occurrences WHERE id = :occurrence
"""
_LONGEST_WORDS: Final = 500


def begin_for(session: Session, occurrence_id: int, contact_id: int) -> bool:
    """Whether the contact's run begins now; else they are passed over, put off, or were another sweeper's."""
    about: dict[str, Any] = {"occurrence": occurrence_id, "contact": contact_id, "now": now_microseconds(session)}
    occurrence = session.execute(text(_OCCURRENCE), about).one()
    live = live_schedule(session, occurrence.flow_id, occurrence.step)
    if live is None:
        session.execute(text(_LEAVE_ALL_OUT), {**about, "reason": "the flow is not live any more"})
        return False
    placed, to = placed_at(live), session.execute(text(_WHERE_TO), {"number": live.number_id}).one()
    address = session.execute(sql(session, _ADDRESS), {**about, "kind": _kind(to)}).first()
    contact = session.execute(sql(session, _CONTACT), about).first()
    if address is None or contact is None or contact.consent != "given":
        session.execute(text(_LEAVE_OUT), {**about, "reason": "no consent or address any more"})
        return False
    if due := _night_ends_at(session, placed, contact, about["now"]):
        session.execute(text(_PUT_OFF), {**about, "due": due})
        return False
    taken = session.execute(text(_TAKE), about)
    if taken.rowcount != 1:  # type: ignore[attr-defined]  # a textual statement gives a cursor's result
        return False
    busy = conversation_at(session, Place(address.id, contact_id, to.number_id, to.connection_id))
    happened = ScheduleDue(
        occurrence.flow_id, occurrence.step, from_microseconds(occurrence.due_at), placed.quiet_hours
    )
    key = f"schedule/{occurrence_id}/{contact_id}"
    put = append(session, NewEvent(busy.conversation_id, key, "schedule_due", wire.write(happened)))
    session.execute(text(_NOTE), {**about, "event": put.event_id})
    point("schedule:written")
    return True


def give_up(session: Session, occurrence_id: int, contact_id: int, why: str) -> None:
    """What cannot go on is not tried each second for ever: this contact's start, or (0) the whole occurrence."""
    about = {"occurrence": occurrence_id, "contact": contact_id, "reason": clean_text(why)[:_LONGEST_WORDS]}
    if contact_id:
        session.execute(text(_LEAVE_OUT), about)
    else:
        session.execute(text(_LEAVE_ALL_OUT), about)
        session.execute(text(_CANCEL), about)
    sentence = f"A start of this schedule was left out, because it failed: {about['reason']}"
    session.execute(sql(session, _PROBLEM), {**about, "message": sentence})


def _kind(to: Row[Any]) -> str:
    channel = channel_of(to.kind)
    return "" if channel.policy.local else channel.address_kind


def _night_ends_at(session: Session, placed: Placed, contact: Row[Any], now: int) -> int:
    """Microseconds; 0 when it is day for the contact."""
    zone = contact.zone or session.execute(text("SELECT zone FROM installation WHERE id = 1")).scalar() or "UTC"
    present = from_microseconds(now)
    allowed = allowed_at(present, zone, placed.config["quiet_from"], placed.config["quiet_to"])
    return 0 if allowed == present else to_microseconds(allowed)
