"""Every breach is found and named, and nothing that is in order is."""

from typing import Any

import pytest

from app.config import Settings
from app.consistency import RULES, breaches
from app.db import now, to_microseconds
from tests.app.seeded import Seeded, seeded

ORDERLY: list[tuple[str, dict[str, Any]]] = [
    ("a flow has it and waits with a timer", {"run": "waiting", "event": "waiting"}),
    ("a flow has it and a message was kept", {"run": "waiting", "event": "kept"}),
    ("a run waits in a queue", {"owner": "people", "run": "waiting", "entry": "waiting"}),
    ("people have it", {"owner": "people", "entry": "active"}),
    ("a first message was not handled yet", {"owner": "none", "event": "waiting"}),
    (
        "a flow has it and people are shown a message",
        {"run": "waiting", "event": "kept", "shown": True, "entry": "shown"},
    ),
    (
        "its run has ended, and the message that people are shown comes next",
        {"state": "closed", "owner": "none", "event": "waiting", "shown": True, "entry": "shown"},
    ),
    ("it is closed", {"state": "closed", "owner": "none", "event": "done"}),
    ("people have it, and a run waits for them to close", {"owner": "people", "entry": "active", "event": "queued"}),
    ("a call whose carrier comes back", {"kind": "call", "run": "waiting"}),
]
BREACHES: list[tuple[str, dict[str, Any]]] = [
    ("nobody_has_it", {"owner": "none"}),
    ("nobody_has_it no_run", {"owner": "flow", "run": "ended"}),
    ("nobody_has_it no_run", {"owner": "flow"}),
    ("nobody_has_it no_entry", {"owner": "people", "entry": "done"}),
    ("no_run", {"owner": "flow", "run": "ended", "event": "waiting"}),
    ("no_entry", {"owner": "people", "event": "waiting"}),
    ("endless_wait", {"run": "waiting", "event": "done"}),
    ("endless_wait", {"kind": "call", "call_ended": True, "run": "waiting"}),
    ("stray_run", {"state": "closed", "owner": "none", "run": "waiting"}),
    ("stray_run two_runs", {"run": "waiting", "event": "waiting", "stray": True}),
    ("entry_of_closed", {"state": "closed", "owner": "none", "entry": "waiting"}),
    ("entry_of_closed shown_in_vain", {"state": "closed", "owner": "none", "entry": "shown"}),
    ("queued_in_vain", {"state": "closed", "owner": "none", "event": "queued"}),
    ("shown_in_vain", {"run": "waiting", "event": "kept", "entry": "shown"}),
    ("no_entry shown_in_vain", {"owner": "people", "event": "kept", "shown": True, "entry": "shown"}),
]

_BESIDE = [
    "INSERT INTO webhooks (connection_id, provider_id, key, happened, created_at) VALUES (2, 'w', 'k', '{}', :now)",
    """INSERT INTO webhook_waits (run_id, connection_id, key, conversation_id, turn, created_at)
       VALUES (1001, 2, 'k', 1, 0, :now)""",
    """INSERT INTO effects (key, kind, connection_id, number_id, payload, state, attempts, next_attempt_at, "to",
                            provider_id, error, created_at)
       SELECT 'recording/' || id, 'fetch_recording', 2, 2, '{}', 'sent', 1, 0, '', '', '', 0
       FROM inbound_events WHERE conversation_id = 2""",
    """INSERT INTO mailboxes (connection_id, next_look_at, failures, problem)
       VALUES (2, CAST(:now AS bigint) + 7200000000, 0, '')""",
    """INSERT INTO occurrences (id, flow_id, version_id, step, number_id, due_at, state, cursor, placed, passed_over,
                                created_at) VALUES (7, 1, 1, 'in', 2, 0, 'filled', 0, 1, 0, 0)""",
    """INSERT INTO occurrence_contacts (occurrence_id, contact_id, due_at, state, reason, created_at)
       VALUES (7, 1, 0, 'started', '', 0)""",
]


@pytest.mark.parametrize(("what", "given"), ORDERLY, ids=[row[0] for row in ORDERLY])
def test_what_is_in_order_is_no_breach(settings: Settings, what: str, given: dict[str, Any]) -> None:
    with seeded(settings) as house:
        _conversation(house, **given)
        assert found(house) == []


@pytest.mark.inconsistent
def test_every_breach_of_a_conversation_is_found_by_its_reference(settings: Settings) -> None:
    with seeded(settings) as house:
        for number, (_, given) in enumerate(BREACHES, start=1):
            _conversation(house, number, **given)
        for number, (codes, given) in enumerate(BREACHES, start=1):
            mine = [code for code, what in found(house) if what == f"PB-{10_000 + number}"]
            assert sorted(mine) == sorted(codes.split()), given


@pytest.mark.inconsistent
def test_messages_that_hang_are_found(settings: Settings) -> None:
    with seeded(settings) as house:
        _conversation(house, run="waiting", event="waiting")
        _message(house, "young", "sending", 2, age_seconds=60)
        _message(house, "old", "sending", 2, age_seconds=301)
        _message(house, "sent", "sent", 2, age_seconds=0)
        _message(house, "right", "sent", 4, age_seconds=0)
        ids = dict(house.rows("SELECT key, id FROM effects"))
        (late,) = house.rows("SELECT id FROM messages WHERE effect_key = 'sent'")
        assert found(house) == [
            ("sending_for_long", f"effect {ids['old']}"),
            ("message_behind", f"message {late[0]}"),
        ]


@pytest.mark.inconsistent
def test_a_number_that_another_flows_version_answers_is_found(settings: Settings) -> None:
    with seeded(settings) as house:
        house.write("UPDATE live_numbers SET version_id = 2 WHERE flow_id = 1")
        assert [code for code, _ in found(house)] == ["wrong_version"]


@pytest.mark.inconsistent
def test_what_stands_beside_turns_is_looked_at_too(settings: Settings) -> None:
    with seeded(settings) as house:
        _conversation(house, 1, run="waiting", event="waiting")
        _conversation(house, 2, kind="call", run="waiting", event="waiting")
        ((now,),) = house.rows("SELECT max(created_at) FROM flows")
        for statement in _BESIDE:
            house.write(statement, **({"now": now} if ":now" in statement else {}))
        assert found(house) == [
            ("webhook_missed", "PB-10001"),
            ("recording_untold", "PB-10002"),
            ("mailbox_forgotten", "connection 2"),
            ("start_in_vain", "occurrence 7"),
        ]


def test_every_rule_has_a_sentence_for_people() -> None:
    assert [rule.code for rule in RULES if not rule.sentence.endswith(".")] == []
    assert len({rule.code for rule in RULES}) == len(RULES)


def found(house: Seeded) -> list[tuple[str, str]]:
    """Code and subject of each breach."""
    with house.house.database.reading() as session:
        return [(breach.code, breach.what) for breach in breaches(session)]


def _conversation(house: Seeded, number: int = 1, **given: Any) -> None:
    """One conversation in the given state: run, entry and event are the states of its one run, entry and event."""
    run = 1_000 + number if "run" in given else None
    values = {
        "id": number,
        "kind": given.get("kind", "messages"),
        "state": given.get("state", "open"),
        "owner": given.get("owner", "flow"),
        "run": run if given.get("state") != "closed" else None,
        "ended": 5 if given.get("call_ended") else None,
    }
    house.write(
        "INSERT INTO contacts (id, name, language, attributes, account_manager, first_seen_at, created_at)"
        " VALUES (:id, '', '', '{}', '', 0, 0)",
        id=number,
    )
    house.write(
        "INSERT INTO addresses (id, contact_id, kind, value, last_seen_at, created_at)"
        " VALUES (:id, :id, 'visitor', :value, 0, 0)",
        id=number,
        value=f"v{number}",
    )
    house.write(
        "INSERT INTO conversations (id, contact_id, address_id, connection_id, number_id, kind, state, owner, run_id,"
        " next_seq, last_at, fence, call_turn, pending_verbs, call_ended_at, opened_at, created_at)"
        " VALUES (:id, :id, :id, 2, 2, :kind, :state, :owner, :run, 1, 0, 0, 0, '[]', :ended, 0, 0)",
        **values,
    )
    if run is not None:
        for run_id in [run, run + 1_000] if given.get("stray") else [run]:
            house.write(
                "INSERT INTO runs (id, conversation_id, version_id, state, status, outcome, turn, started_at)"
                " VALUES (:id, :conversation, 2, '{}', :status, '', 1, 0)",
                id=run_id,
                conversation=number,
                status=given["run"],
            )
    if "entry" in given:
        house.write(
            "INSERT INTO queue_entries (queue_id, conversation_id, state, priority, reason, original_enqueued_at,"
            " row_version, created_at) VALUES (1, :id, :state, 0, '', 0, 0, 0)",
            id=number,
            state=given["entry"],
        )
    if "event" in given:
        house.write(
            "INSERT INTO inbound_events (connection_id, provider_id, conversation_id, kind, happened, seq, at, due_at,"
            " state, attempts, charged, shown_at, error, created_at)"
            " VALUES (2, :provider, :id, 'message_received', '{}', 1, 0, 0, :state, 0, 0, :shown, '', 0)",
            id=number,
            provider=f"e{number}",
            state=given["event"],
            shown=1 if given.get("shown") else None,
        )


def _message(house: Seeded, key: str, state: str, rank: int, age_seconds: int) -> None:
    with house.house.database.reading() as session:
        at = to_microseconds(now(session)) - age_seconds * 1_000_000
    house.write(
        'INSERT INTO effects (key, kind, conversation_id, connection_id, number_id, payload, "to", state, attempts,'
        " sending_at, next_attempt_at, provider_id, error, created_at)"
        " VALUES (:key, 'send_message', 1, 2, 2, '{}', '', :state, 1, :at, 0, '', '', 0)",
        key=key,
        state=state,
        at=at,
    )
    house.write(
        "INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,"
        " client_key, effect_key, created_at, changed_at)"
        " VALUES (1, 'out', 'flow', '', '[]', '[]', :rank, '', '', '', :key, 0, 0)",
        key=key,
        rank=rank,
    )
