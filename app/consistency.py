"""Looks for conversations that nobody would ever answer, and for other states that must not be; read-only."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import TextClause
from sqlalchemy.orm import Session

from app.db import sql
from app.models.conversation import reference

MOST: Final = 1_000  # of each kind: enough to see what is wrong


@dataclass(frozen=True)
class Breach:
    """One state that must not be. `what` is a conversation's reference, or what else it is about."""

    code: str
    what: str
    sentence: str

    def __str__(self) -> str:
        return f"{self.code}  {self.what}  {self.sentence}"


@dataclass(frozen=True)
class Rule:
    """A statement that must find nothing; its rows are ids of conversations, or of what `about` says."""

    code: str
    sentence: str
    statement: str
    about: str = ""


_PARTS: Final = {
    "{live run}": "SELECT 1 FROM runs r WHERE r.id = c.run_id AND r.conversation_id = c.id AND r.status = 'waiting'",
    "{live entry}": "SELECT 1 FROM queue_entries q WHERE q.conversation_id = c.id AND q.state IN ('waiting', 'active')",
    "{event}": "SELECT 1 FROM inbound_events e WHERE e.conversation_id = c.id AND e.state IN ('waiting', 'kept')",
}

RULES: Final = (
    Rule(
        "nobody_has_it",
        "It is open, but has neither a run, nor people, nor an event to be handled.",
        "SELECT c.id FROM conversations c WHERE c.state = 'open' AND NOT EXISTS ({live run})"
        " AND NOT (c.owner = 'people' AND EXISTS ({live entry})) AND NOT EXISTS ({event})",
    ),
    Rule(
        "no_entry",
        "People have it, but it stands in no queue, so nobody sees it.",
        """SELECT c.id FROM conversations c
           WHERE c.state = 'open' AND c.owner = 'people' AND NOT EXISTS ({live entry})""",
    ),
    Rule(
        "no_run",
        "A flow has it, but its run has ended or is another conversation's.",
        "SELECT c.id FROM conversations c WHERE c.state = 'open' AND c.run_id IS NOT NULL"
        " AND NOT EXISTS ({live run}) OR c.owner = 'flow' AND c.state = 'open' AND c.run_id IS NULL",
    ),
    Rule(
        "endless_wait",
        "Its run waits, but no timer, queue, carrier or event will ever end that.",
        """SELECT c.id FROM conversations c JOIN runs w ON w.id = c.run_id
            WHERE w.status = 'waiting' AND c.state = 'open' AND NOT EXISTS ({event}) AND NOT EXISTS ({live entry})
              AND NOT (c.kind = 'call' AND c.call_ended_at IS NULL)""",
    ),
    Rule(
        "stray_run",
        "A run of it waits, but the conversation does not know it.",
        """SELECT c.id FROM conversations c JOIN runs w ON w.conversation_id = c.id
           WHERE w.status = 'waiting' AND (c.run_id IS NULL OR c.run_id <> w.id OR c.state = 'closed')""",
    ),
    Rule(
        "two_runs",
        "It has more than one run.",
        "SELECT conversation_id AS id FROM runs WHERE status = 'waiting' GROUP BY conversation_id HAVING count(*) > 1",
    ),
    Rule(
        "entry_of_closed",
        "It is closed, but still stands in a queue.",
        # A run that ends hands on what it did not take: until that is handled, people are still shown it.
        # CROSS: SQLite would try each closed conversation with each entry.
        """SELECT c.id FROM queue_entries q CROSS JOIN conversations c
           WHERE c.id = q.conversation_id AND c.state = 'closed' AND (q.state IN ('waiting', 'active')
               OR q.state = 'shown' AND NOT EXISTS ({event} AND e.shown_at IS NOT NULL))""",
    ),
    Rule(
        "shown_in_vain",
        "People are shown that a message of it waits, but none does, or they have it already.",
        """SELECT c.id FROM conversations c JOIN queue_entries q ON q.conversation_id = c.id AND q.state = 'shown'
           WHERE c.owner = 'people' OR NOT EXISTS ({event} AND e.shown_at IS NOT NULL)""",
    ),
    Rule(
        "queued_in_vain",
        "Something waits to begin a run, but nobody has the conversation, so nothing will ever let it.",
        """SELECT c.id FROM conversations c WHERE c.owner = 'none' AND NOT EXISTS ({event}) AND EXISTS (
               SELECT 1 FROM inbound_events e WHERE e.conversation_id = c.id AND e.state = 'queued')""",
    ),
    Rule(
        "webhook_missed",
        "Its run waits for a webhook that has come, but nobody told it.",
        """SELECT w.conversation_id AS id FROM webhook_waits w JOIN runs r ON r.id = w.run_id
           JOIN webhooks h ON h.connection_id = w.connection_id AND h.key = w.key AND h.event_id IS NULL
           WHERE r.status = 'waiting' AND r.turn = w.turn + 1 AND h.created_at > {now} - 86400000000""",
    ),
    Rule(
        "recording_untold",
        "A recording of it was fetched, or given up, but its run was never told.",
        """SELECT e.conversation_id AS id FROM effects f
           JOIN inbound_events e ON e.id = CAST(substr(f.key, 11) AS bigint)
           WHERE f.kind = 'fetch_recording' AND f.state IN ('sent', 'dead') AND NOT EXISTS (
               SELECT 1 FROM inbound_events t WHERE t.connection_id = e.connection_id
               AND t.provider_id IN ('recorded/' || e.id, 'lost/' || e.id))""",
    ),
    Rule(
        "mailbox_forgotten",
        "It will not be looked into for more than an hour.",
        "SELECT connection_id AS id FROM mailboxes WHERE next_look_at > {now} + 3600000000",
        about="connection",
    ),
    Rule(
        "start_in_vain",
        "A schedule has started it for a contact, but nothing in the inbox begins the run.",
        """SELECT occurrence_id AS id FROM occurrence_contacts o WHERE o.state = 'started' AND NOT EXISTS (
               SELECT 1 FROM inbound_events e WHERE e.id = o.event_id)""",
        about="occurrence",
    ),
    Rule(
        "sending_for_long",
        "It has been on its way out for more than five minutes.",
        "SELECT id FROM effects WHERE state = 'sending' AND sending_at < {now} - 300000000",
        about="effect",
    ),
    Rule(
        "message_behind",
        "Its provider has it, or it will never leave, but it is shown as on its way.",
        """SELECT m.id FROM messages m JOIN effects f ON f.key = m.effect_key
           WHERE m.rank IN (1, 2) AND f.state IN ('sent', 'unknown', 'dead')""",
        about="message",
    ),
    Rule(
        "wrong_version",
        "It is answered by a version of another flow.",
        """SELECT l.number_id AS id FROM live_numbers l JOIN versions v ON v.id = l.version_id
           WHERE v.flow_id <> l.flow_id""",
        about="number",
    ),
)


def breaches(session: Session) -> list[Breach]:
    """Everything that must not be, by rule and then by id; at most MOST of each."""
    return [
        Breach(rule.code, f"{rule.about} {id_}" if rule.about else reference(id_), rule.sentence)
        for rule in RULES
        for id_ in session.execute(_statement(session, rule), {"most": MOST}).scalars()
    ]


def _statement(session: Session, rule: Rule) -> TextClause:
    statement = f"SELECT DISTINCT id FROM ({rule.statement}) AS found ORDER BY id LIMIT :most"  # noqa: S608  from constants
    for name, part in _PARTS.items():
        statement = statement.replace(name, part)
    return sql(session, statement)
