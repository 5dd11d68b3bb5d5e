"""What a claim finds, in which order, and by which indexes."""

import pytest

from app.store import claims
from app.store.loading import load
from tests.app.house import Runtime
from tests.app.statements import heard, plan

_MANY = """
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
    INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at, state,
                                attempts, charged, error, created_at)
    SELECT 1, 'old/' || n, :conversation, 'message_received', '{}', n, n, n, 'done', 1, 0, '', n FROM s
"""
_MANY_SENT = """
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000)
    INSERT INTO effects (key, kind, conversation_id, connection_id, number_id, payload, "to", state, attempts,
                         next_attempt_at, provider_id, error, created_at)
    SELECT 'old/' || n, 'send_message', :conversation, 1, 1, '{}', '', 'sent', 1, n, '', '', n FROM s
"""
_MANY_CLOSED = """
    WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 2000)
    INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, state, owner, next_seq, last_at,
                               fence, call_turn, pending_verbs, opened_at, created_at)
    SELECT contact_id, address_id, connection_id, number_id, 'messages', 'closed', 'none', 1, 1, 0, 0, '[]', 1, 1
    FROM conversations CROSS JOIN s WHERE conversations.id = :conversation
"""

_PILE = """
    WITH RECURSIVE s(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM s WHERE n < 500)
    INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at, state,
                                attempts, charged, error, created_at)
    SELECT e.connection_id, 'pile/' || n, e.conversation_id, e.kind, e.happened, n, e.at, e.due_at, 'waiting', 0, 0, '',
           e.at
    FROM inbound_events e CROSS JOIN s WHERE e.id = :id
"""


def contact(n: int) -> str:
    return f"+486000{n:05}"


def due(room: Runtime, *held: int) -> list[int]:
    with room.house.database.reading() as session:
        return list(claims.due(session, claims.Passed(held)))


@pytest.mark.parametrize("analyzed", ["never", "when all was new", "now"])
def test_the_claim_goes_by_the_partial_indexes_however_much_is_done_already(room: Runtime, analyzed: str) -> None:
    first = room.write("hello")
    if analyzed == "when all was new":
        for n in range(20, 40):
            room.write("hello", contact=contact(n))
        room.execute("ANALYZE")
    room.drive()
    room.processes[0].stop()
    room.execute(_MANY, conversation=first.conversation_id)
    room.execute(_MANY_SENT, conversation=first.conversation_id)
    room.execute(_MANY_CLOSED, conversation=first.conversation_id)
    for n in range(20):
        room.write("hello", contact=contact(n))
    if analyzed == "now":
        room.execute("ANALYZE")
    found = plan_of_due(room)
    assert "ix_inbound_waiting" in found, found
    assert "ix_effects_open" in found, found
    for table in ("inbound_events", "effects"):
        assert f"Seq Scan on {table}" not in found, found
        assert f"SCAN {table}" not in found, found
    room.execute("DELETE FROM effects WHERE key LIKE 'old/%'")


def plan_of_due(room: Runtime) -> str:
    """How the database would look for what is due."""
    engine = room.house.database.engine
    with heard(engine) as statements:
        due(room)
    return plan(engine, *statements[-1])


def test_calls_go_first_and_then_whoever_has_waited_longest(room: Runtime) -> None:
    first = room.write("one", contact=contact(1)).conversation_id
    second = room.write("two", contact=contact(2)).conversation_id
    third = room.write("three", contact=contact(3)).conversation_id
    room.execute("UPDATE conversations SET kind = 'call' WHERE id = :id", id=third)
    room.execute("UPDATE inbound_events SET due_at = due_at - 5000000 WHERE conversation_id = :id", id=second)
    assert due(room) == [third, second, first]
    assert due(room, second) == [third, first]
    room.execute("UPDATE conversations SET kind = 'messages'")


def test_what_has_to_wait_is_not_found(room: Runtime) -> None:
    waits = room.write("one", contact=contact(1))
    room.execute("UPDATE conversations SET not_before_at = 9000000000000000 WHERE id = :id", id=waits.conversation_id)
    later = room.write("two", contact=contact(2))
    room.execute("UPDATE inbound_events SET due_at = 9000000000000000 WHERE id = :id", id=later.event_id)
    assert due(room) == []
    room.execute("UPDATE conversations SET not_before_at = NULL")
    room.execute("UPDATE inbound_events SET due_at = at")
    assert len(due(room)) == 2


def test_one_contacts_pile_does_not_hide_the_others(room: Runtime) -> None:
    pile = room.write("hello").event_id
    room.execute(_PILE, id=pile)
    other = room.write("hello", contact=contact(1))
    assert other.conversation_id in due(room)
    room.execute("DELETE FROM inbound_events WHERE seq > 1")


def test_of_a_pile_only_the_first_few_are_read(room: Runtime) -> None:
    put = room.write("hello")
    room.execute(_PILE, id=put.event_id)
    with room.house.database.transaction() as session:
        (held,) = load(session, [put.conversation_id], 20)
    assert [event.seq for event in held.events] == list(range(1, 51))
    room.execute("DELETE FROM inbound_events WHERE seq > 1")
