"""What the provider tells of messages afterwards, in any order and as often as it likes."""

import itertools

import pytest

from app.db import now_microseconds
from app.handled import Handled
from app.store import reports
from tests.app.drawn import echo
from tests.app.house import Runtime
from tests.app.processes import until

_EFFECTS = """
    WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n < :most)
    INSERT INTO effects (key, kind, conversation_id, connection_id, number_id, payload, "to", state, attempts,
                         next_attempt_at, provider_id, error, created_at)
    SELECT 'order/' || n, 'send_message', :id, 1, 1, '{}', '', 'sent', 1, 0, '', '', 0 FROM s
"""
_MESSAGES = """
    INSERT INTO messages (conversation_id, direction, author, text, media, choices, rank, error, provider_id,
                          client_key, effect_key, created_at, changed_at)
    SELECT :id, 'out', 'flow', '', '[]', '[]', 2, '', '', '', key, 0, 0 FROM effects WHERE key LIKE 'order/%'
"""


def states(room: Runtime) -> list[str]:
    return room.column("SELECT state FROM effects ORDER BY id")


def ranks(room: Runtime) -> list[int]:
    return room.column("SELECT rank FROM messages WHERE direction = 'out' ORDER BY id")


@pytest.mark.parametrize(("rank", "state"), [(4, "sent"), (6, "sent"), (5, "dead")])
def test_a_callback_settles_an_unknown_outcome(room: Runtime, rank: int, state: str) -> None:
    room.publish(echo("neither"))
    room.provider.plans.append("lose_answer")
    room.write("hello", "neither")
    room.drive()
    room.report(room.one("SELECT id FROM effects")["id"], rank, "neither", provider_id="SM-1")
    room.drive()
    assert (states(room), ranks(room)) == ([state], [rank])
    assert room.one("SELECT provider_id FROM effects")["provider_id"] == "SM-1"


def test_an_answer_that_comes_after_the_message_was_given_up_is_still_the_truth(room: Runtime) -> None:
    room.publish(echo("neither"))
    room.provider.plans.append("hold")
    frozen = room.start()
    room.write("hello", "neither")
    frozen.runner.wake()
    until(lambda: room.provider.taken, "the provider has the message")
    room.execute("UPDATE effects SET state = 'unknown'")
    room.provider.released.set()
    until(lambda: states(room) == ["sent"], "the answer is stored")
    assert ranks(room) == [4]


def test_a_callback_that_overtakes_the_answer_settles_the_message(room: Runtime) -> None:
    room.publish(echo("lookup"))
    room.provider.plans.append("lose_answer")
    room.write("hello", "lookup")
    room.drive()
    room.report(room.one("SELECT id FROM effects")["id"], 6, "lookup", provider_id="SM-1")
    room.drive()
    room.move_clock(60)
    room.drive()
    assert (states(room), ranks(room), room.provider.lookups) == (["sent"], [6], 0)


@pytest.mark.parametrize(("rank", "state", "attempts"), [(6, "sent", 1), (5, "sent", 2)])
def test_a_callback_settles_a_message_that_is_to_be_repeated_when_it_is_there(
    room: Runtime, rank: int, state: str, attempts: int
) -> None:
    room.publish(echo("keys"))
    room.provider.plans.append("drop")
    room.write("hello")
    room.drive()
    assert states(room) == ["queued"]
    room.report(room.one("SELECT id FROM effects")["id"], rank)
    room.drive()
    room.move_clock(2)
    room.drive()
    assert (states(room), len(room.provider.attempts)) == ([state], attempts)
    assert ranks(room) == [6 if rank == 6 else 4], "a refusal was of the attempt before"


def test_a_failure_is_told_to_people_only_when_nothing_better_is_known(room: Runtime) -> None:
    room.publish(echo("keys"))
    for contact, ranks_told in (("+48600000001", (6, 5)), ("+48600000002", (5,)), ("+48600000003", (5, 6))):
        put = room.write("hello", contact=contact)
        room.drive()
        effect = room.one("SELECT id FROM effects WHERE conversation_id = :id", id=put.conversation_id)
        for rank in ranks_told:
            room.report(effect["id"], rank, error_kind="provider_code", error="undelivered" if rank == 5 else "")
            room.drive()
    assert ranks(room) == [6, 5, 6]
    assert room.rows("SELECT conversation_id, kind, message FROM problems ORDER BY id") == [
        {"conversation_id": 2, "kind": "provider_code", "message": "undelivered"},
        {"conversation_id": 3, "kind": "provider_code", "message": "undelivered"},
    ]


def test_a_callback_repeated_is_one_event(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.write("hello")
    room.drive()
    effect_id = room.one("SELECT id FROM effects")["id"]
    first, again = room.report(effect_id, 6), room.report(effect_id, 6)
    assert first is not None
    assert again is not None
    assert (again.event_id, again.duplicate) == (first.event_id, True)


def test_a_callback_about_nothing_of_ours_is_none(room: Runtime) -> None:
    assert room.report(4_711, 6) is None


def test_status_callbacks_in_all_orders_never_go_backwards(room: Runtime) -> None:
    six = (1, 2, 4, 5, 6, 7)
    orders = list(itertools.permutations(six))
    conversation_id = room.write("hello").conversation_id
    room.drive()
    room.execute(_EFFECTS, id=conversation_id, most=len(orders) - 1)
    room.execute(_MESSAGES, id=conversation_id)
    found = room.rows("SELECT id, key FROM effects WHERE key LIKE 'order/%'")
    effect_ids = {int(row["key"].removeprefix("order/")): row["id"] for row in found}
    for step in range(len(six)):
        group = [_handled(effect_ids[n], order[step]) for n, order in enumerate(orders)]
        with room.house.database.transaction() as session:
            reports.write(session, group, now_microseconds(session))
        ranks_now = {
            int(row["effect_key"].removeprefix("order/")): row["rank"]
            for row in room.rows("SELECT effect_key, rank FROM messages WHERE effect_key LIKE 'order/%'")
        }
        assert ranks_now == {n: max(2, *order[: step + 1]) for n, order in enumerate(orders)}
    assert len(orders) == 720
    room.execute("DELETE FROM messages WHERE effect_key LIKE 'order/%'")


def _handled(effect_id: int, rank: int) -> Handled:
    report = {"effect_id": effect_id, "rank": rank, "error_kind": "", "error": "", "provider_id": ""}
    return Handled(1, 1, 1, 0, "none", "open", None, 0, "[]", False, reports=[report])
