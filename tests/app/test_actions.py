"""What agents do through the inbox: reply, close, take over; and contacts who write more than people do."""

import time
from random import Random
from typing import Any

import pytest

from app.config import Settings
from tests.app.api import Api
from tests.app.drawn import asks, desk, drawn, echo, fetches, forwards, interview, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import until


def test_a_reply_while_the_flow_has_it_takes_it_over_and_cancels_what_has_not_left(room: Runtime) -> None:
    room.publish(interview("keys"))
    room.provider.plans.append("unreachable")
    put = room.write("hello")
    room.drive()
    room.act(put.conversation_id, "agent_replied", text="I am Eva")
    room.drive()
    assert room.outcomes() == ["taken_over"]
    assert room.provider.texts == ["I am Eva"]
    assert room.column("SELECT state FROM effects ORDER BY id") == ["cancelled", "sent"]
    assert room.column("SELECT state FROM inbound_events WHERE kind = 'timer_fired'") == ["dropped"]
    assert room.entries() == [("people", "active")]
    room.write("and I am Anna")
    room.drive()
    assert room.provider.texts == ["I am Eva"], "people have it now"


@pytest.mark.parametrize("last", [asks("three?"), sends("three")], ids=["run goes on", "run has ended"])
@pytest.mark.parametrize("acts", ["agent_took_over", "agent_replied"])
def test_a_flow_in_the_middle_of_its_messages_says_no_more_once_it_is_taken_over(
    room: Runtime, acts: str, last: dict[str, Any]
) -> None:
    steps = {"in": starts_with("keys", "a"), "a": sends("one", to="b"), "b": sends("two", to="c"), "c": last}
    room.publish(drawn("Talks", steps))
    room.provider.plans.append("hold")
    process = room.start()
    put = room.write("hello")
    process.runner.wake()
    until(lambda: room.provider.attempts, "the provider has the first message")
    said = {"text": "I am Eva"} if acts == "agent_replied" else {}
    room.act(put.conversation_id, acts, **said)
    room.provider.released.set()
    room.drive()
    assert room.provider.texts == ["one", *said.values()]
    assert room.outcomes() == ["taken_over" if last["type"] == "ask_question" else "completed"]
    query = "SELECT state FROM effects WHERE run_id IS NOT NULL ORDER BY id"
    assert room.column(query) == ["sent", "cancelled", "cancelled"]
    assert room.entries() == [("people", "active")]


def test_taking_over_shows_people_what_was_kept(room: Runtime) -> None:
    waits = {"in": starts_with("keys", "out"), "out": sends("One moment", wait_for="accepted", failure="end")}
    room.publish(drawn("Waits", waits))
    room.provider.plans.append("unreachable")
    put = room.write("hello")
    room.drive()
    room.write("still there?")
    room.drive()
    room.act(put.conversation_id, "agent_took_over")
    room.drive()
    assert room.column("SELECT state FROM inbound_events WHERE kind = 'message_received'") == ["done", "done"]
    assert room.outcomes() == ["taken_over"]


def test_a_close_lets_the_run_go_on_at_closed(room: Runtime) -> None:
    room.publish(desk("keys"))
    put = room.write("hello")
    room.drive()
    room.act(put.conversation_id, "agent_replied", text="Hi, Eva here")
    room.drive()
    assert room.entries() == [("standard", "active")]
    room.act(put.conversation_id, "agent_closed", result="solved")
    room.drive()
    assert room.provider.texts == ["Hi, Eva here", "Goodbye"]
    assert room.outcomes() == ["completed"]
    assert room.entries() == [("standard", "done")]
    assert room.conversation(put.conversation_id)["state"] == "closed"


def test_once_somebody_has_it_the_limit_on_waiting_is_over(room: Runtime) -> None:
    room.publish(desk("keys", maximum_wait_seconds=60))
    put = room.write("hello")
    room.drive()
    room.act(put.conversation_id, "agent_took_over")
    room.drive()
    room.move_clock(3_600)
    room.drive()
    assert room.entries() == [("standard", "active")]
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    assert room.provider.texts == ["Goodbye"]


def test_when_nobody_takes_it_in_time_it_leaves_the_queue(room: Runtime) -> None:
    room.publish(desk("keys", maximum_wait_seconds=60))
    room.write("hello")
    room.drive()
    room.move_clock(61)
    room.drive()
    assert room.provider.texts == ["Nobody is free"]
    assert room.entries() == [("standard", "timed_out")]


def test_a_full_queue_is_left_at_once(room: Runtime) -> None:
    room.execute("UPDATE queues SET maximum_length = 1 WHERE name = 'standard'")
    room.publish(desk("keys"))
    room.write("first", contact="+48600000001")
    room.drive()
    room.write("second", contact="+48600000002")
    room.drive()
    assert room.provider.texts == ["Nobody is free"]
    assert room.entries() == [("standard", "waiting")]


def test_a_run_that_goes_on_beside_the_people_leaves_them_the_conversation(room: Runtime) -> None:
    steps = {
        "in": starts_with("keys", "people"),
        "people": forwards(to="note", goes_on="when_assigned"),
        "note": fetches("http://127.0.0.1:9/blocked"),
    }
    room.publish(drawn("Beside", steps))
    put = room.write("hello")
    room.drive()
    room.act(put.conversation_id, "agent_took_over")
    room.drive()
    assert room.outcomes() == ["completed"]
    assert room.conversation(put.conversation_id)["owner"] == "people"
    assert room.entries() == [("standard", "active")]


def test_a_close_under_the_flows_hands_ends_the_run(room: Runtime) -> None:
    room.publish(interview("keys"))
    put = room.write("hello")
    room.drive()
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    assert room.outcomes() == ["taken_over"]
    conversation = room.conversation(put.conversation_id)
    assert (conversation["state"], conversation["owner"], conversation["run_id"]) == ("closed", "none", None)
    room.write("hello again")
    room.drive()
    assert room.provider.texts == ["Your name?", "Your name?"], "a later message begins anew"


def test_an_action_repeated_with_its_key_is_done_once(room: Runtime) -> None:
    put = room.write("hello")
    room.drive()
    first = room.act(put.conversation_id, "agent_replied", text="Hi")
    room._written -= 1
    again = room.act(put.conversation_id, "agent_replied", text="Hi")
    room.drive()
    assert (again.event_id, again.duplicate) == (first.event_id, True)
    assert room.provider.texts == ["Hi"]


def test_after_a_takeover_no_message_of_the_flow_leaves_whenever_it_comes(room: Runtime, api: Api) -> None:
    steps = {"in": starts_with("keys", "look"), "look": fetches(api.url("/a"), "m0")}
    steps |= {f"m{n}": sends(f"m{n}", to=f"m{n + 1}", wait_for="accepted", failure="end") for n in range(4)}
    steps["m4"] = asks("And now?")
    room.publish(drawn("Talks", steps))
    room.start()
    room.start()
    random = Random(7)
    for n in range(40):
        put = room.write("hello", contact=f"+486000000{n:02}")
        for process in room.processes:
            process.runner.wake()
        time.sleep(random.uniform(0, 0.02))
        room.act(put.conversation_id, "agent_took_over")
    room.drive()
    late = """
        SELECT f.key FROM effects f JOIN inbound_events e ON e.conversation_id = f.conversation_id
        WHERE e.kind = 'agent_took_over' AND f.run_id IS NOT NULL AND f.sending_at > e.handled_at
    """
    assert room.rows(late) == []
    assert set(room.outcomes()) == {"taken_over"}
    assert room.column("SELECT DISTINCT owner FROM conversations") == ["people"]
    assert room.column("SELECT DISTINCT state FROM effects WHERE state NOT IN ('sent', 'cancelled')") == []
    assert 0 < len(room.provider.texts) < 40 * 5, "some had spoken, and none to its end"


# more than twenty messages a minute


def flood(room: Runtime, count: int) -> int:
    puts = [room.write(f"m{n}") for n in range(count)]
    room.drive()
    return puts[-1].conversation_id


def test_twenty_messages_a_minute_are_answered_and_the_next_is_shown_to_people(room: Runtime) -> None:
    room.publish(echo("keys"))
    conversation_id = flood(room, 23)
    assert room.provider.texts == [f"echo m{n}" for n in range(20)]
    assert room.entries() == [("people", "waiting")]
    assert room.conversation(conversation_id)["owner"] == "people"
    room.act(conversation_id, "agent_closed")
    room.drive()
    room.move_clock(61)
    room.write("calm again")
    room.drive()
    assert room.provider.texts[20:] == ["echo calm again"]


def test_a_minute_counts_from_each_message_and_not_from_when_it_is_handled(room: Runtime) -> None:
    room.publish(echo("keys"))
    for n in range(4):
        for m in range(8):
            room.write(f"m{n * 8 + m}")
        room.move_clock(30)
    room.drive()
    assert len(room.provider.texts) == 32


def test_a_paused_run_waits_until_people_close(room: Runtime) -> None:
    steps: dict[str, Any] = {
        "in": starts_with("keys", "ask"),
        "ask": asks(
            "Number?", to="done", answer={"kind": "number"}, attempts=5, time_limit_seconds=100, timed_out="late"
        ),
        "done": sends("Thank you"),
        "late": sends("Too late"),
    }
    steps["ask"]["exits"]["invalid"] = "ask"
    room.publish(drawn("Number", steps))
    conversation_id = flood(room, 25)
    assert room.conversation(conversation_id)["owner"] == "people"
    assert room.outcomes() == [""], "the run is only paused"
    room.move_clock(200)
    room.drive()
    assert "Too late" not in room.provider.texts, "its time limit waits with it"
    room.assert_consistent()
    room.act(conversation_id, "agent_closed")
    room.drive()
    assert room.provider.texts[-1] == "Too late"
    assert room.outcomes() == ["completed"]
    assert room.entries() == [("people", "done")]


def test_the_limit_is_a_setting_and_zero_is_none(runtime_settings: Settings, doubles: None) -> None:
    with runtime(runtime_settings, messages_per_minute=0) as room:
        room.publish(echo("keys"))
        flood(room, 25)
        assert len(room.provider.texts) == 25
