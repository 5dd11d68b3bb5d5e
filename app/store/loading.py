"""Begin: read locked conversations again, choose each one's next event, and count the attempt."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row
from sqlalchemy.orm import Session

from app.db import now_microseconds
from app.handled import UNSENT
from app.store.entries import LIVE
from app.store.rows import ids, over
from flows import wire
from flows.errors import FlowError
from flows.run import Run


@dataclass
class Held:
    """A conversation whose lock this process has, as it was read under the lock. Instants in microseconds."""

    row: Row[Any]
    events: Sequence[Row[Any]]  # unhandled, in order; the first is handled next
    now: int
    run: Run | None = None
    version_id: int = 0
    unsent: Sequence[Row[Any]] = ()  # queued or sending messages, oldest first
    triggers: Sequence[Row[Any]] = ()  # live triggers of the conversation's number
    journal: Mapping[tuple[int, int, int], Row[Any]] = field(default_factory=dict)  # by run, turn, n
    floods: bool = False  # the first event is one message too many in a minute
    asked_by: int = 0  # another conversation, whose run has asked here and waits for the answer
    attempts: int = 0  # of the first event, this one included
    charged: int = 0  # attempts that counted towards setting it aside, before this one
    is_charged: bool = False  # whether this one counts already
    event_now: int = 0  # the engine's instant of the first event
    broken: str = ""  # why its run cannot be read

    @property
    def id(self) -> int:
        """The conversation's id."""
        return int(self.row.id)


_CONVERSATIONS = """
    SELECT c.id, c.contact_id, c.address_id, c.connection_id, c.number_id, c.kind, c.call_id, c.state, c.owner,
           c.run_id, c.fence, c.call_turn, c.pending_verbs, c.call_ended_at, c.opened_at, c.created_at, c.not_before_at,
           c.last_message_at,
           k.name AS contact_name, k.language AS contact_language, k.attributes, k.account_manager, k.first_seen_at,
           k.zone AS contact_zone, k.consent, k.consent_at,
           (SELECT string_agg(s.name, ',' ORDER BY s.name) FROM segment_members g JOIN segments s ON s.id = g.segment_id
            WHERE g.contact_id = c.contact_id) AS segments,
           a.kind AS address_kind, a.value AS address, a.opted_out_at,
           (SELECT p.value FROM addresses p WHERE p.contact_id = c.contact_id AND p.kind = 'phone'
            ORDER BY p.id LIMIT 1) AS phone,
           (SELECT p.value FROM addresses p WHERE p.contact_id = c.contact_id AND p.kind = 'email'
            ORDER BY p.id LIMIT 1) AS email,
           (SELECT count(*) FROM conversations o
            WHERE o.contact_id = c.contact_id AND o.next_seq > 1) AS conversation_count,
           (SELECT max(o.run_id) FROM conversations o
            WHERE o.contact_id = c.contact_id AND o.id <> c.id AND o.owner = 'flow') AS other_run_id,
           EXISTS (SELECT 1 FROM inbound_events e WHERE e.conversation_id = c.id AND e.state = 'kept') AS has_kept,
           c.next_seq, q.state AS entry_state, q.run_id AS entry_run_id
    FROM conversations c JOIN contacts k ON k.id = c.contact_id JOIN addresses a ON a.id = c.address_id
    LEFT JOIN queue_entries q ON q.conversation_id = c.id AND q.{live}
    WHERE c.id IN ({ids})
""".replace("{live}", LIVE)
# A timer's `at` is its due instant, so future timers stay out, while an event that waits for another attempt stays in
# front of the later ones. What has happened is here whatever the clock says: it may have been set back since.
# Of a pile only the first few are read: the others follow when these are done.
_EVENTS = """
    SELECT e.id, e.conversation_id, e.connection_id, e.provider_id, e.kind, e.happened, e.seq, e.at, e.due_at, e.run_id,
           e.turn, e.armed_by, e.attempts, e.charged, e.now, e.shown_at, e.created_at
    FROM (SELECT id, row_number() OVER (PARTITION BY conversation_id ORDER BY at, seq) AS place FROM inbound_events
          WHERE conversation_id IN ({ids}) AND state = 'waiting' AND (kind <> 'timer_fired' OR at <= :now)) AS ranked
    JOIN inbound_events e ON e.id = ranked.id
    WHERE ranked.place <= 50 ORDER BY e.conversation_id, e.at, e.seq
"""
_RUNS = "SELECT id, conversation_id, version_id, state FROM runs WHERE id IN ({ids}) AND status <> 'ended'"
_UNSENT = """
    SELECT {columns} FROM effects
    WHERE conversation_id IN ({ids}) AND state IN ('queued', 'sending') ORDER BY conversation_id, id
""".replace("{columns}", UNSENT)
_TRIGGERS = """
    SELECT number_id, slot, kind, flow_id, version_id, step, priority, interrupts FROM live_numbers
    WHERE number_id IN ({ids}) ORDER BY number_id, id
"""
# As many as are needed are read from the latest on, however long the conversation is.
_RECENT = """
    SELECT e.id, (SELECT count(*) FROM (
                      SELECT m.created_at FROM messages m
                      WHERE m.conversation_id = e.conversation_id AND m.direction = 'in' AND m.event_id <= e.id
                      ORDER BY m.id DESC LIMIT :most + 1) AS latest
                  WHERE latest.created_at > e.at - 60000000) AS recent
    FROM inbound_events e WHERE e.id IN ({ids})
"""
# A question by another number than the run's own: it is shown where it was asked, the outbox row stays with the run.
_ASKED = """
    SELECT m.conversation_id, m.effect_key, w.conversation_id AS asked_by, w.state
    FROM messages m JOIN effects f ON f.key = m.effect_key JOIN runs w ON w.id = f.run_id
    JOIN conversations c ON c.id = w.conversation_id
    WHERE m.conversation_id IN ({ids}) AND w.conversation_id <> m.conversation_id AND w.status = 'waiting'
      AND c.owner = 'flow' ORDER BY m.id
"""
_JOURNAL = """
    SELECT j.run_id, j.turn, j.n, j.fingerprint, j.state, j.answer FROM journal j WHERE j.run_id IN ({ids})
"""


def load(session: Session, conversation_ids: Sequence[int], messages_per_minute: int) -> list[Held]:
    """The conversations as they stand now. Reads only; the caller holds their locks.

    messages_per_minute: a contact who writes more floods (0 = nobody does).
    """
    now = now_microseconds(session)
    rows = ids(session, _CONVERSATIONS, conversation_ids).all()
    events = _grouped(ids(session, _EVENTS, conversation_ids, now=now).all(), "conversation_id")
    unsent = _grouped(ids(session, _UNSENT, conversation_ids).all(), "conversation_id")
    runs = {row.id: row for row in ids(session, _RUNS, [row.run_id for row in rows if row.run_id])}
    starting = [row.number_id for row in rows if events.get(row.id)]
    triggers = _grouped(ids(session, _TRIGGERS, set(starting)).all(), "number_id") if starting else {}
    held = []
    for row in rows:
        one = Held(
            row, events.get(row.id, ()), now, unsent=unsent.get(row.id, ()), triggers=triggers.get(row.number_id, ())
        )
        run = runs.get(row.run_id)
        if run is not None:
            one.version_id = run.version_id
            try:
                one.run = wire.read(Run, run.state)
            except FlowError as error:  # one run that cannot be read must not keep the others from being read
                one.broken = str(error)
        held.append(one)
    if messages_per_minute:
        _note_floods(session, held, messages_per_minute)
    _note_questions(session, held)
    return held


def _note_questions(session: Session, held: Sequence[Held]) -> None:
    """Finds the runs of other conversations that wait for what is said here."""
    answering = {
        one.id: one
        for one in held
        if one.run is None and one.row.other_run_id and one.events and one.events[0].kind == "message_received"
    }
    if answering:
        for row in ids(session, _ASKED, answering):
            waiting = wire.read(Run, row.state).waiting
            if waiting and "message" in waiting.accepts and waiting.keep.get("effect") == row.effect_key:
                answering[row.conversation_id].asked_by = row.asked_by


def _note_floods(session: Session, held: Sequence[Held], most: int) -> None:
    """Counts the contact's messages of the minute before the first event, where there can be so many."""
    suspects = {
        one.events[0].id: one
        for one in held
        if one.row.next_seq > most and one.events and one.events[0].kind == "message_received"
    }
    if suspects:
        for row in ids(session, _RECENT, suspects, most=most):
            suspects[row.id].floods = row.recent > most


def begin(session: Session, held: Sequence[Held], alone: bool) -> None:
    """Counts an attempt of each one's first event and fixes its `now`; reads the journal of repeated ones.

    `alone` says that nothing else is under way in this process: only then may a repeated attempt be charged, since a
    killed process has charged innocents too.
    """
    for one in held:
        one.is_charged = alone and one.events[0].attempts >= 2
    rows = [{"id": one.events[0].id, "charge": int(one.is_charged)} for one in held]
    begun = over(
        session,
        """
        UPDATE inbound_events SET attempts = attempts + 1, charged = charged + r.charge, now = coalesce(now, {now})
        FROM {rows} WHERE inbound_events.id = r.id RETURNING inbound_events.id, attempts, charged, now
        """,
        {"id": "bigint", "charge": "bigint"},
        rows,
    )
    by_id = {row.id: row for row in begun}
    for one in held:
        row = by_id[one.events[0].id]
        one.attempts, one.charged, one.event_now = row.attempts, row.charged - one.is_charged, row.now
    _read_journal(session, [one for one in held if one.attempts > 1])


def _read_journal(session: Session, repeated: Sequence[Held]) -> None:
    """A repeated turn takes its answers from the journal; its run is the present one or the event's own."""
    if not repeated:
        return
    run_ids = {one.events[0].id for one in repeated} | {int(one.run.id) for one in repeated if one.run}
    entries = {(row.run_id, row.turn, row.n): row for row in ids(session, _JOURNAL, run_ids)}
    for one in repeated:
        mine = {one.events[0].id, int(one.run.id) if one.run else 0}
        one.journal = {key: row for key, row in entries.items() if key[0] in mine}


def _grouped(rows: Iterable[Row[Any]], column: str) -> dict[int, list[Row[Any]]]:
    groups: dict[int, list[Row[Any]]] = defaultdict(list)
    for row in rows:
        groups[getattr(row, column)].append(row)
    return groups
