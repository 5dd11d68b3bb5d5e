"""What the sweeper, webhooks and letters ask each second or each time is read by an index, however old a house is."""

import re

import pytest

from app.channels.arrival import Notice
from app.store import attachments, letters, mailboxes, webhooks
from app.store.loading import load
from app.sweeper import Sweeper
from app.turn_results import unchanged
from tests.app.drawn import drawn, placed, sends
from tests.app.house import Runtime
from tests.app.statements import heard, plan
from tests.app.test_plans import whole_reads

_MANY = 20_000
_GROWING = ("webhooks", "webhook_waits", "occurrences", "occurrence_contacts", "mails", "effects", "inbound_events")
_MINUTELY = {
    "number": "keys",
    "when": {"by": "cron", "expression": "* * * * *"},
    "audience": {"by": "segment", "segment": "all"},
}
_OLD = [
    """INSERT INTO webhooks (connection_id, provider_id, key, happened, event_id, created_at)
       SELECT :connection, 'w' || n, 'k' || n, '{}', -n, :now - n FROM numbers_to""",
    """INSERT INTO webhook_waits (run_id, connection_id, key, conversation_id, turn, created_at)
       SELECT -n, :connection, 'k' || n, :conversation, 0, :now - n FROM numbers_to""",
    """INSERT INTO occurrences (flow_id, version_id, step, number_id, due_at, state, cursor, placed, passed_over,
                                created_at)
       SELECT :flow, :version, 'in', :number, n, 'filled', 0, 0, 0, n FROM numbers_to""",
    """INSERT INTO effects (key, kind, connection_id, number_id, payload, "to", state, attempts, next_attempt_at,
                            provider_id, error, created_at)
       SELECT 'old/' || n, 'send_email', :connection, :number, '{}', '', 'sent', 1, 0, '', '', 0 FROM numbers_to""",
]
_COUNTING = "WITH RECURSIVE numbers_to(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers_to WHERE n < :many) "


@pytest.fixture
def old(room: Runtime) -> Runtime:
    """A house whose schedule has started every minute for two weeks, and that has had many webhooks and letters."""
    version = room.publish(drawn("News", {"in": placed("schedule", _MINUTELY, next="out"), "out": sends("News")}))
    (flow,) = room.column("SELECT flow_id FROM live_numbers WHERE kind = 'schedule'")
    number = room.numbers["keys"]
    (now,) = room.column("SELECT max(created_at) FROM live_numbers")
    values = {"many": _MANY, "connection": number.connection_id, "number": number.id, "version": version, "flow": flow}
    values |= {"conversation": room.write("hello").conversation_id, "now": now}
    for statement in _OLD:
        head = statement.index("SELECT")
        whole = statement[:head] + _COUNTING + statement[head:]
        room.execute(whole, **{name: value for name, value in values.items() if f":{name}" in whole})
    if not room.house.database.is_sqlite:
        room.execute("ANALYZE")
    return room


def test_nothing_beside_turns_reads_a_growing_table_as_a_whole(old: Runtime) -> None:
    engine, connection_id = old.house.database.engine, old.numbers["keys"].connection_id
    (conversation_id,) = old.column("SELECT id FROM conversations")
    with heard(engine) as statements:
        sweeper = Sweeper(old.house)
        for _ in range(2):
            sweeper.sweep()
            old.move_clock(61)
        with old.house.database.transaction() as session:
            webhooks.receive(session, connection_id, Notice("w1", "k1", "again"))
            webhooks.receive(session, connection_id, Notice("new", "k1", "new"))
            handled = unchanged(load(session, [conversation_id], 0)[0])
            handled.returned.append(-5)
            webhooks.lock(session, [handled])
            webhooks.expect(session, [handled])
            letters.due(session, 50)
            attachments.due(session, 4)
            mailboxes.due(session, ["mailbox"])
    seen: dict[str, str] = {}
    for statement, values in statements:
        if statement not in seen and re.match(r"\s*(SELECT|UPDATE|DELETE|WITH)", statement):
            seen[statement] = plan(engine, statement, values, as_if_large=True)
    assert len(seen) > 20, "that was less than it was"
    whole = {statement: whole_reads(lines.splitlines()) for statement, lines in seen.items()}
    assert {statement: read for statement, read in whole.items() if set(read) & set(_GROWING)} == {}
    # That every live schedule is planned is looked at each second: not by reading all the times it ever started.
    (planned,) = [lines for statement, lines in seen.items() if "'planned' OR" in statement and "UNION" in statement]
    assert "ix_occurrences_next" in planned
