"""What grows with the age of an installation is read by an index, whatever a turn or a sweep does."""

import re

import pytest

from app.sweeper import Sweeper
from tests.app.drawn import asks, drawn, forwards, sends, starts_with
from tests.app.house import Runtime
from tests.app.statements import heard, plan

_MANY = 20_000
GROWING = ("inbound_events", "effects", "conversations", "messages", "addresses", "contacts", "queue_entries", "runs")

# An old installation: everything is done, but for a timer of each conversation a month from now.
_OLD = [
    """INSERT INTO contacts (name, language, attributes, account_manager, first_seen_at, created_at)
       SELECT '', '', '{}', '', n, n FROM numbers_to""",
    """INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
       SELECT k.id, 'phone', '+4870' || k.id, 0, 0 FROM contacts k WHERE k.created_at <= :many""",
    """INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, state, owner, next_seq,
                                  last_at, fence, call_turn, pending_verbs, opened_at, closed_at, created_at)
       SELECT a.contact_id, a.id, :connection, :number, 'messages', 'closed', 'none', 2, 0, 1, 0, '[]', 0, 0, 0
       FROM addresses a WHERE a.created_at = 0""",
    """INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at, state,
                                   attempts, charged, error, created_at)
       SELECT :connection, 'old/' || c.id, c.id, 'message_received', '{}', 1, 0, 0, 'done', 1, 0, '', 0
       FROM conversations c WHERE c.created_at = 0""",
    """INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at, state,
                                   run_id, turn, attempts, charged, error, created_at)
       SELECT :connection, 'timer/' || c.id, c.id, 'timer_fired', '{}', 0, 9000000000000000, 9000000000000000,
              'waiting', c.id, 0, 0, 0, '', 0 FROM conversations c WHERE c.created_at = 0""",
    """INSERT INTO effects (key, kind, conversation_id, connection_id, number_id, payload, "to", state, attempts,
                            next_attempt_at, provider_id, error, created_at)
       SELECT 'old/' || c.id, 'send_message', c.id, :connection, :number, '{}', '', 'sent', 1, 0, 'p' || c.id, '', 0
       FROM conversations c WHERE c.created_at = 0""",
    """INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                             client_key, effect_key, created_at, changed_at)
       SELECT c.id, 'out', 'flow', '', '[]', '[]', 4, '', '', '', 'old/' || c.id, 0, 0
       FROM conversations c WHERE c.created_at = 0""",
    """INSERT INTO runs (id, conversation_id, version_id, state, status, outcome, turn, started_at, ended_at)
       SELECT -c.id, c.id, :version, '{}', 'ended', 'completed', 1, 0, 0 FROM conversations c WHERE c.created_at = 0""",
    """INSERT INTO queue_entries (queue_id, conversation_id, state, priority, reason, original_enqueued_at, row_version,
                                  created_at)
       SELECT 1, c.id, 'done', 0, '', 0, 0, 0 FROM conversations c WHERE c.created_at = 0""",
]
_COUNTING = "WITH RECURSIVE numbers_to(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers_to WHERE n < :many) "


@pytest.fixture
def old(room: Runtime) -> Runtime:
    """A house with a past."""
    number = room.numbers["lookup"]
    version = room.publish(drawn("Old", {"in": starts_with("lookup", "out"), "out": sends("hello")}))
    values = {"many": _MANY, "connection": number.connection_id, "number": number.id, "version": version}
    for statement in _OLD:
        head = statement.index("SELECT")
        whole = statement[:head] + _COUNTING + statement[head:] if "numbers_to" in statement else statement
        room.execute(whole, **{name: value for name, value in values.items() if f":{name}" in whole})
    if not room.house.database.is_sqlite:  # which nobody analyses
        room.execute("ANALYZE")
    return room


def live(room: Runtime) -> None:
    """A bit of everything that turns, sends, people and sweeps do."""
    steps = {
        "in": starts_with("keys", "note"),
        "note": sends("hello", to="ask", wait_for="accepted", failure="end"),
        "ask": asks("Your name?", to="people", variable="name"),
        "people": forwards("standard", to="end"),
    }
    room.publish(drawn("Everything", steps))
    room.provider.plans.extend(["take", "later", "lose_answer"])
    sweeper = Sweeper(room.house)
    put = room.write("hello")
    room.drive()
    room.write("Anna")
    room.drive()
    for _ in range(3):
        room.move_clock(301)
        sweeper.sweep()
        room.drive()
    room.act(put.conversation_id, "agent_replied", text="Eva")
    room.drive()
    room.report(room.column("SELECT max(id) FROM effects")[0], 6)
    room.drive()
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    room.write("STOP")
    room.drive()
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    room.move_clock(-3_600)
    sweeper.sweep()
    room.move_clock(3_600)


def whole_reads(lines: list[str]) -> list[str]:
    """The tables that a plan reads from one end to the other."""
    found = (re.search(r"Seq Scan on (\w+)|^SCAN (\w+)", line) for line in lines)
    return [match[1] or match[2] for match in found if match]


def tables_of(statement: str, read: list[str]) -> list[str]:
    """The growing ones, by the names under which the statement reads them."""
    names = {short: table for table, short in re.findall(r"(?:FROM|JOIN|UPDATE) (\w+) (\w+)\b", statement)}
    names |= dict.fromkeys(
        re.findall(r"\) AS (\w+)", statement), ""
    )  # a part of the statement that only sounds like one
    if statement.lstrip().startswith("INSERT"):  # of rows that name the new one SQLite looks only if there can be any
        read = [one for one in read if names.get(one)]
    return [table for one in read if (table := names.get(one, one)) in GROWING]


def test_no_statement_reads_a_growing_table_as_a_whole(old: Runtime) -> None:
    engine = old.house.database.engine
    with heard(engine) as statements:
        live(old)
    seen: dict[str, list[str]] = {}
    for statement, values in statements:
        if statement not in seen and re.match(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)", statement):
            seen[statement] = tables_of(
                statement, whole_reads(plan(engine, statement, values, as_if_large=True).splitlines())
            )
    assert len(seen) > 40, "the life above says less than it did"
    assert {statement: tables for statement, tables in seen.items() if tables} == {}
    old.execute("DELETE FROM inbound_events WHERE kind = 'timer_fired' AND created_at = 0")
