"""Who gets a place in a queue when many want it at once, and what people are shown of conversations a flow has."""

import threading

import pytest

from app.perform import Performer
from app.runner.taking import Taker
from app.sweeper import Sweeper
from flows.ask import Answer, Request
from tests.app.api import Api
from tests.app.drawn import Document, asks, desk, drawn, fetches, forwards, sends, starts_with
from tests.app.house import Runtime

MINUTES_5 = 300


def contact(n: int) -> str:
    return f"+486000{n:05}"


# as many as fit


@pytest.mark.parametrize("processes", [1, 3])
def test_of_thirty_at_once_five_get_a_place_and_twenty_five_leave_by_full(room: Runtime, processes: int) -> None:
    room.execute("UPDATE queues SET maximum_length = 5 WHERE name = 'standard'")
    room.publish(desk("keys"))
    for n in range(30):
        room.write("hello", contact=contact(n))
    for _ in range(processes):
        room.start()
    room.drive()
    assert room.entries() == [("standard", "waiting")] * 5
    assert room.provider.texts == ["Nobody is free"] * 25
    assert sorted(room.outcomes()) == [""] * 5 + ["completed"] * 25
    taken = "SELECT exit, sum(taken) AS n FROM step_counts WHERE step = 'people' GROUP BY exit"
    assert [(row["exit"], int(row["n"])) for row in room.rows(taken)] == [("full", 25)], (
        "who found it full left no trace"
    )
    assert room.one("SELECT max(charged) AS most FROM inbound_events")["most"] == 0


def test_a_turn_that_is_walked_again_asks_nothing_twice(room: Runtime, api: Api) -> None:
    room.execute("UPDATE queues SET maximum_length = 1 WHERE name = 'standard'")
    steps = {
        "in": starts_with("keys", "tell"),
        "tell": fetches(api.url("/tickets"), "people", method="POST"),
        "people": forwards(exits={"full": "sorry"}),
        "sorry": sends("Nobody is free"),
    }
    room.publish(drawn("Tells", steps))
    for n in range(4):
        room.write("hello", contact=contact(n))
    room.drive()
    assert room.entries() == [("standard", "waiting")]
    assert room.provider.texts == ["Nobody is free"] * 3
    assert len(api.requests) == 4


def test_two_web_processes_that_see_the_last_place_fill_it_once(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    room.execute("UPDATE queues SET maximum_length = 1 WHERE name = 'standard'")
    room.publish(desk("keys"))
    waiting = [room.write("hello", contact=contact(n)).conversation_id for n in range(2)]
    both, real = threading.Barrier(2), Performer.perform

    def perform(performer: Performer, request: Request, key: str) -> Answer:
        answer = real(performer, request, key)
        if not both.broken:
            both.wait(10)
        return answer

    monkeypatch.setattr(Performer, "perform", perform)
    threads = [threading.Thread(target=Taker(room.house).take, args=(one,)) for one in waiting]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    both.abort()
    assert room.entries() == [("standard", "waiting")]
    assert len(room.due()) == 1, "the other one's turn left no trace"
    assert Taker(room.house).take(room.due()[0])
    assert room.entries() == [("standard", "waiting")]
    room.drive()
    assert room.provider.texts == ["Nobody is free"]


def test_people_get_what_fails_however_full_their_queue_is(room: Runtime) -> None:
    room.execute("UPDATE queues SET maximum_length = 1")
    for n in range(4):
        room.write("hello", contact=contact(n))
    room.drive()
    assert room.entries() == [("people", "waiting")] * 4


def test_a_run_beside_people_transfers_the_conversation_by_forwarding_it_again(room: Runtime) -> None:
    steps = {
        "in": starts_with("keys", "first"),
        "first": forwards("standard", to="second", goes_on="when_assigned"),
        "second": forwards("gold", to="bye", priority=3),
        "bye": sends("Goodbye"),
    }
    room.publish(drawn("Transfers", steps))
    put = room.write("hello")
    room.drive()
    since = room.column("SELECT original_enqueued_at FROM queue_entries")
    room.move_clock(10)
    room.act(put.conversation_id, "agent_took_over")
    room.drive()
    assert room.entries() == [("gold", "waiting")]
    assert room.column("SELECT priority FROM queue_entries") == [3]
    assert room.column("SELECT original_enqueued_at FROM queue_entries") == since, "it keeps its rank"
    room.act(put.conversation_id, "agent_took_over")
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    assert room.provider.texts == ["Goodbye"]
    assert room.entries() == [("gold", "done")]


def test_without_the_fallback_queue_another_one_takes_what_nobody_answers(room: Runtime) -> None:
    room.execute("UPDATE installation SET fallback_queue = 'gone'")
    room.write("hello")
    room.drive()
    assert room.entries() == [("people", "waiting")]


# messages that no step takes (rule 4 of DESIGN §4)


def waits(to: str = "end", **more: object) -> Document:
    """Waits for its own first message; what comes meanwhile is kept."""
    steps = {
        "in": starts_with("keys", "first"),
        "first": sends("One moment", to=to, wait_for="accepted", failure="end"),
        "ask": asks("Your name?", to="greet", variable="name"),
        "greet": sends("Hello {{ name }}"),
    }
    if to == "end":
        del steps["ask"], steps["greet"]
    return drawn("Waits", steps)


def shown(room: Runtime, to: str = "end") -> int:
    """A conversation of which people are shown that a message waits."""
    room.publish(waits(to))
    room.execute("UPDATE numbers SET blocked_until_at = 9000000000000000 WHERE name = 'keys'")
    room.write("hello")
    room.drive()
    put = room.write("Anna")
    room.drive()
    room.move_clock(MINUTES_5 - 10)
    sweeper = Sweeper(room.house)
    sweeper.sweep()
    assert room.entries() == [], "not yet"
    room.move_clock(11)
    sweeper.sweep()
    Sweeper(room.house).sweep()  # two do no harm
    assert room.entries() == [("people", "shown")]
    room.drive()
    conversation = room.conversation(put.conversation_id)
    assert (conversation["owner"], conversation["state"]) == ("flow", "open")
    room.assert_consistent()
    return put.conversation_id


def go_on(room: Runtime) -> None:
    """The first message leaves at last."""
    room.execute("UPDATE numbers SET blocked_until_at = NULL, paced_until_at = NULL")
    room.execute("UPDATE effects SET next_attempt_at = created_at WHERE state = 'queued'")
    room.drive()


def test_a_kept_message_is_shown_in_the_fallback_queue_after_five_minutes_and_stays_the_flows(room: Runtime) -> None:
    shown(room)
    assert room.one("SELECT reason FROM queue_entries")["reason"] == "a message waits for a step that takes it"
    assert room.problems() == []
    assert "kept" in room.column("SELECT state FROM inbound_events")


def test_it_is_shown_no_more_when_a_step_takes_it(room: Runtime) -> None:
    conversation_id = shown(room, to="ask")
    go_on(room)
    assert room.said(conversation_id)[-1] == "> Hello Anna"
    assert room.entries() == [("people", "cancelled")]


def test_it_is_shown_on_while_another_message_waits(room: Runtime) -> None:
    conversation_id = shown(room)
    room.write("Anna again")
    room.drive()
    room.move_clock(MINUTES_5 + 1)
    Sweeper(room.house).sweep()
    room.provider.plans.append("later")
    go_on(room)
    assert room.said(conversation_id)[-1] == "> One moment", "the first of them has begun a run, which waits"
    assert room.entries() == [("people", "shown")]
    room.assert_consistent()
    room.move_clock(2)
    room.drive()
    assert room.outcomes() == ["completed"] * 3
    assert room.entries() == [("people", "cancelled")]


def test_people_who_take_over_get_it(room: Runtime) -> None:
    conversation_id = shown(room)
    room.act(conversation_id, "agent_replied", text="I am Eva")
    room.drive()
    assert room.entries() == [("people", "active")]
    assert room.column("SELECT state FROM inbound_events WHERE kind = 'message_received'") == ["done", "done"]
    assert room.outcomes() == ["taken_over"]
    room.act(conversation_id, "agent_closed")
    room.drive()
    assert room.entries() == [("people", "done")]


@pytest.mark.parametrize("how", ["agent_closed", "STOP"])
def test_it_is_shown_no_more_when_the_conversation_ends(room: Runtime, how: str) -> None:
    conversation_id = shown(room)
    if how == "STOP":
        room.execute("UPDATE addresses SET opted_out_at = created_at")  # so that nobody need see it again
        room.write("STOP")
    else:
        room.act(conversation_id, how)
    room.drive()
    assert room.conversation(conversation_id)["state"] == "closed"
    assert [state for _, state in room.entries()] == ["done" if how == "agent_closed" else "cancelled"]
    assert room.column("SELECT state FROM inbound_events WHERE state = 'kept'") == []


def test_a_flow_that_forwards_it_gives_it_a_place_in_line(room: Runtime) -> None:
    room.publish(drawn("Forwards", {"in": starts_with("lookup", "people"), "people": forwards("gold")}))
    steps = {
        "in": starts_with("keys", "first"),
        "first": sends("One moment", to="people", wait_for="accepted", failure="end"),
        "people": forwards("gold"),
    }
    conversation_id = shown(room)
    room.publish(drawn("Waits", steps))
    room.act(conversation_id, "agent_closed")
    room.drive()
    room.write("hello")
    room.drive()
    room.write("Anna")
    room.drive()
    room.move_clock(MINUTES_5 + 1)
    Sweeper(room.house).sweep()
    assert room.entries()[1:] == [("people", "shown")]
    go_on(room)
    assert room.entries()[1:] == [("gold", "waiting")]
    assert room.column("SELECT state FROM inbound_events WHERE state = 'kept'") == []


# an old message never answers a later question


@pytest.mark.parametrize("ending", ["agent_took_over", "agent_closed", "interrupted"])
def test_what_was_written_to_an_ended_run_answers_no_question_of_a_later_one(room: Runtime, ending: str) -> None:
    room.publish(waits("ask"))
    room.provider.plans.append("unreachable")
    put = room.write("hello")
    room.drive()
    room.write("old words")
    room.drive()
    if ending == "interrupted":
        trigger = starts_with("keys", "ask", "help", interrupts=True)
        room.publish(
            drawn("Help", {"in": trigger, "ask": asks("What is it?", to="out"), "out": sends("So {{ answer }}")})
        )
        room.write("help")
    else:
        room.act(put.conversation_id, ending)
        room.act(put.conversation_id, "agent_closed")
        room.drive()
        room.publish(drawn("Waits", {"in": starts_with("keys", "ask"), "ask": asks("What is it?", to="out"),
                                     "out": sends("So {{ answer }}")}))  # fmt: skip
        room.write("hello again")
    room.drive()
    assert room.said(put.conversation_id)[-1] == "> What is it?"
    room.write("new words")
    room.drive()
    assert room.said(put.conversation_id)[-1] == "> So new words"
