"""Filling: an occurrence that is due writes down its contacts, a bounded number in each transaction."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.channels.registry import channel_of
from app.db import from_microseconds, now_microseconds, sql, to_microseconds
from app.desk.quiet_hours import allowed_at
from app.schedules.placed import Placed, live_schedule, next_due, placed_at
from app.store.rows import over
from steps.schedule import read_address

BATCH: Final = 500
"""Contacts that one transaction writes down: some milliseconds of a database that others want too."""

_LOCK: Final = """
    SELECT o.id, o.flow_id, o.step, o.due_at, o.state, o.began_at, o.cursor, o.placed, o.passed_over
    FROM occurrences o WHERE o.id = :id AND o.state IN ('planned', 'filling') AND o.due_at <= :now {for update}
"""
_STATE: Final = """
    UPDATE occurrences SET state = :state, began_at = :began, cursor = :cursor, placed = :placed,
        passed_over = :passed_over, version_id = :version, number_id = :number WHERE id = :id
"""
_END: Final = "UPDATE occurrences SET state = :state WHERE id = :id"
_OF_SEGMENT: Final = """
    SELECT g.contact_id FROM segment_members g JOIN segments s ON s.id = g.segment_id
    WHERE s.name = :segment AND g.contact_id > :cursor ORDER BY g.contact_id LIMIT :batch
"""
_OF_LIST: Final = """
    SELECT DISTINCT a.contact_id FROM addresses a JOIN {rows} ON r.address = a.value
    WHERE a.contact_id > :cursor ORDER BY a.contact_id LIMIT :batch
"""
# The address they used last of those that may be written to.
_CONTACTS: Final = """
    SELECT k.id, k.consent, k.zone, EXISTS (
        SELECT 1 FROM addresses a WHERE a.contact_id = k.id AND a.kind = :kind AND a.opted_out_at IS NULL) AS reachable
    FROM contacts k JOIN {rows} ON r.contact_id = k.id ORDER BY k.id
"""
_WRITE_DOWN: Final = """
    INSERT INTO occurrence_contacts (occurrence_id, contact_id, due_at, state, reason, created_at)
    SELECT :occurrence, r.contact_id, r.due_at, r.state, r.reason, :now FROM {rows} WHERE true
    ON CONFLICT (occurrence_id, contact_id) DO NOTHING
"""
_PROBLEM: Final = """
    INSERT INTO problems (version_id, step, kind, message, created_at) VALUES (
        (SELECT version_id FROM live_numbers WHERE kind = 'schedule' AND flow_id = :flow AND step = :step LIMIT 1),
        :step, :kind, :message, :now)
"""


def fill(session: Session, occurrence_id: int) -> None:
    """One batch of one occurrence, which begins with the first one. Another sweeper's work is left to it."""
    now = now_microseconds(session)
    row = session.execute(sql(session, _LOCK), {"id": occurrence_id, "now": now}).first()
    if row is None:
        return
    live = live_schedule(session, row.flow_id, row.step)
    if live is None:
        session.execute(text(_END), {"id": row.id, "state": "cancelled"})
        return
    placed = placed_at(live)
    if row.state == "planned" and not _is_meant(session, row, placed):
        session.execute(text(_END), {"id": row.id, "state": "cancelled"})
        return
    if row.state == "planned" and _is_missed(session, row, placed, now):
        session.execute(text(_END), {"id": row.id, "state": "missed"})
        return
    _write_batch(session, row, live, placed, now)


def _is_meant(session: Session, row: Row[Any], placed: Placed) -> bool:
    """Whether it still is one of the schedule's times: a calendar may have been changed since it was planned."""
    due_at = from_microseconds(row.due_at)
    return placed.config["when"]["by"] == "cron" or next_due(session, placed, due_at - timedelta(seconds=1)) == due_at


def _is_missed(session: Session, row: Row[Any], placed: Placed, now: int) -> bool:
    """Whether it is too late and shall not be done any more; people are told of the first of an outage."""
    late_seconds = (now - row.due_at) / 1_000_000
    if late_seconds <= placed.config["late_seconds"]:
        return False
    due = f"{from_microseconds(row.due_at):%d.%m.%Y %H:%M} UTC"
    skips = bool(placed.config["when_missed"] == "skip")
    what = "it was left out, and the next one comes as planned" if skips else "it starts now, that much later"
    sentence = f"{placed.title} was due on {due}, and the house was not running then: {what}."
    _tell(session, row, "missed_window", sentence, now)
    return skips


def _write_batch(session: Session, row: Row[Any], live: Row[Any], placed: Placed, now: int) -> None:
    began = row.began_at or now
    ids = _audience(session, placed.config["audience"], row.cursor)
    rows, taken = [], row.placed
    zone = session.execute(text("SELECT zone FROM installation WHERE id = 1")).scalar() or "UTC"
    for contact in _contacts(session, live.number_id, ids):
        reason = _why_not(contact)
        due = began if reason else _due(began, taken, placed, contact.zone or zone)
        state = "passed_over" if reason else "waiting"
        rows.append({"contact_id": contact.id, "due_at": due, "state": state, "reason": reason})
        taken += not reason
    if rows:
        kinds: Mapping[str, Any] = {"contact_id": "bigint", "due_at": "bigint", "state": "text", "reason": "text"}
        over(session, _WRITE_DOWN, kinds, rows, occurrence=row.id, now=now)
    passed_over = row.passed_over + sum(one["state"] == "passed_over" for one in rows)
    is_last = len(ids) < BATCH
    state = "filling" if not is_last else "filled" if taken else "empty"
    values = {"id": row.id, "state": state, "began": began, "cursor": max(ids, default=row.cursor), "placed": taken}
    session.execute(
        text(_STATE), {**values, "passed_over": passed_over, "version": live.version_id, "number": live.number_id}
    )
    if state == "empty":
        looked = f"{passed_over} contacts are there, but none" if passed_over else "Nobody"
        sentence = f"{placed.title} has started nothing. {looked} could be and agreed to be written to."
        _tell(session, row, "empty_audience", sentence, now)


def _audience(session: Session, audience: Mapping[str, Any], cursor: int) -> Sequence[int]:
    values: dict[str, Any] = {"cursor": cursor, "batch": BATCH}
    if audience["by"] == "segment":
        return session.execute(text(_OF_SEGMENT), {**values, "segment": audience["segment"]}).scalars().all()
    written = [{"address": read_address(address) or address.strip()} for address in audience["addresses"]]
    return over(session, _OF_LIST, {"address": "text"}, written, **values).scalars().all()


def _contacts(session: Session, number_id: int, ids: Sequence[int]) -> Sequence[Row[Any]]:
    query = "SELECT c.kind FROM numbers n JOIN connections c ON c.id = n.connection_id WHERE n.id = :id"
    channel = channel_of(session.execute(text(query), {"id": number_id}).scalar_one())
    kind = "" if channel.policy.local else channel.address_kind  # nobody finds what is left at a page
    return over(session, _CONTACTS, {"contact_id": "bigint"}, [{"contact_id": one} for one in ids], kind=kind).all()


def _why_not(contact: Row[Any]) -> str:
    if contact.consent != "given":
        return "no consent" if not contact.consent else "consent withdrawn"
    return "" if contact.reachable else "no address that this number could write to"


def _due(began: int, place: int, placed: Placed, zone: str) -> int:
    """Paced from the beginning on; what falls into the contact's night is paced from the morning on."""
    apart = timedelta(minutes=1) / placed.config["per_minute"] * place
    quiet = placed.config["quiet_from"], placed.config["quiet_to"]
    wanted = from_microseconds(began) + apart
    allowed = allowed_at(wanted, zone, *quiet)
    return to_microseconds(wanted if allowed == wanted else allowed_at(allowed + apart, zone, *quiet))


def _tell(session: Session, row: Row[Any], kind: str, sentence: str, now: int) -> None:
    values = {"flow": row.flow_id, "step": row.step, "kind": kind, "message": sentence, "now": now}
    session.execute(text(_PROBLEM), values)
