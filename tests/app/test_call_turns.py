"""Calls through the runner: a document for every request of the carrier, whoever takes the turn."""

from typing import Any

from app import inbox
from app.channels.arrival import Arrival, Report
from app.inbox import Put
from app.runner import take_one
from flows.event import CallerHungUp, CallPolled, CallStarted, DialEnded, KeysPressed
from tests.app.api import Api
from tests.app.drawn import Document, drawn, fetches, forwards, placed, sends
from tests.app.house import ANNA, APOLOGY, Runtime
from tests.app.processes import until

KINDS = {
    KeysPressed: "keys_pressed",
    CallPolled: "call_polled",
    DialEnded: "dial_ended",
    CallerHungUp: "caller_hung_up",
}


def calls(room: Runtime, call_id: str = "CA1") -> Put:
    """A caller rings: turn 0."""
    place = room.numbers["calls"]
    started = CallStarted(call_id, ANNA, place.value)
    arrival = Arrival(f"{call_id}:0", started, ANNA, number=place.value, call_id=call_id)
    with room.house.database.transaction() as session:
        return inbox.put(session, place.connection_id, arrival)


def asks(room: Runtime, turn: int, happened: KeysPressed | CallPolled | DialEnded, call_id: str = "CA1") -> None:
    """The carrier wants the document of a turn."""
    report(room, Report(f"{call_id}:{turn}", KINDS[type(happened)], happened, call_id=call_id, turn=turn))


def hangs_up(room: Runtime, call_id: str = "CA1") -> None:
    """The call is over."""
    report(room, Report(f"{call_id}:status:ended", "caller_hung_up", CallerHungUp(12), call_id=call_id))


def report(room: Runtime, what: Report) -> None:
    with room.house.database.transaction() as session:
        assert inbox.put_report(session, room.numbers["calls"].connection_id, what) is not None


def document(room: Runtime, turn: int, call_id: str = "CA1") -> str:
    """What the carrier is told to do."""
    query = "SELECT document FROM call_documents WHERE provider_id = :id"
    return str(room.one(query, id=f"{call_id}:{turn}")["document"])


def says(text: str, to: str = "end") -> dict[str, Any]:
    return placed("say", {"text": {"en": text}}, next=to)


def hotline(**more: Any) -> Document:
    """A menu: 1 rings somebody else's queue, anything else is repeated once."""
    choices = {"prompt": {"en": "Press one."}, "choices": [{"key": "1"}], "attempts": 2}
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="hello"),
        "hello": says("Welcome.", to="menu"),
        "menu": placed("menu", choices, key_1="sales", no_input="bye", invalid="bye"),
        "sales": placed(
            "forward_to_queue", {"target": {"sip": "sip:sales@example.com"}}, closed="end", timed_out="bye"
        ),
        "bye": says("Goodbye."),
        "missed": sends("Sorry that we missed you."),
    }
    return drawn("Hotline", steps, **more)


def test_a_call_is_walked_from_document_to_document(room: Runtime) -> None:
    room.publish(hotline())
    put = calls(room)
    room.drive()
    assert "Welcome." in document(room, 0)
    assert "<Gather" in document(room, 0)
    asks(room, 1, KeysPressed("1"))
    room.drive()
    assert "sip:sales@example.com" in document(room, 1)
    asks(room, 2, DialEnded("busy"))
    room.drive()
    assert "Goodbye." in document(room, 2)
    assert "<Hangup" in document(room, 2)
    assert room.outcomes() == ["completed"]
    assert room.conversation(put.conversation_id)["call_turn"] == 3
    hangs_up(room)
    room.drive()
    assert room.conversation(put.conversation_id)["call_ended_at"] is not None


def test_a_repeated_request_gets_the_same_document_and_runs_nothing_twice(room: Runtime) -> None:
    room.publish(hotline())
    calls(room)
    room.drive()
    first = document(room, 0)
    assert calls(room).duplicate
    room.drive()
    assert document(room, 0) == first
    assert len(room.rows("SELECT run_id FROM turns")) == 1


def test_the_web_process_takes_the_turn_itself_by_the_same_code(room: Runtime, api: Api) -> None:
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="a"),
        "a": fetches(api.url("/customers"), "hello", method="POST"),
        "hello": says("Welcome."),
    }
    room.publish(drawn("Asks", steps))
    put = calls(room)
    assert take_one(room.house, put.conversation_id)
    assert "Welcome." in document(room, 0)
    assert room.outcomes() == ["completed"]
    assert room.column("SELECT state FROM journal") == ["answered"]
    assert api.methods() == ["POST"]
    assert room.column("SELECT kind FROM workers") == ["web"], "so that a frozen web process loses its locks too"
    assert take_one(room.house, put.conversation_id), "nothing is left to do"
    assert len(room.rows("SELECT run_id FROM turns")) == 1


def test_the_web_process_leaves_alone_what_a_worker_has(room: Runtime, api: Api) -> None:
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="a"),
        "a": fetches(api.url("/slow"), "hello"),
        "hello": says("Welcome."),
    }
    room.publish(drawn("Slow", steps))
    put = calls(room)
    worker = room.start()
    worker.runner.wake()
    until(lambda: api.requests, "the worker asks")
    assert not take_one(room.house, put.conversation_id)
    api.released.set()
    room.drive()
    assert len(api.requests) == 1
    assert "Welcome." in document(room, 0)


def test_hanging_up_goes_to_on_hang_up_where_messages_still_work(room: Runtime) -> None:
    room.publish(hotline(on_hang_up="missed"))
    room.execute("UPDATE numbers SET answers_messages = :yes WHERE name = 'calls'", yes=True)
    calls(room)
    room.drive()
    hangs_up(room)
    room.drive()
    assert room.column("SELECT text FROM messages") == ["Sorry that we missed you."]
    assert room.outcomes() == ["completed"]


def test_hanging_up_ends_the_run_where_the_flow_says_nothing(room: Runtime) -> None:
    room.publish(hotline())
    put = calls(room)
    room.drive()
    hangs_up(room)
    room.drive()
    assert room.outcomes() == ["caller_hung_up"]
    assert room.conversation(put.conversation_id)["state"] == "closed"
    assert room.column("SELECT state FROM inbound_events WHERE kind = 'timer_fired'") == ["dropped"]


def test_a_request_that_comes_after_the_call_has_ended_gets_a_document_all_the_same(room: Runtime) -> None:
    room.publish(hotline())
    calls(room)
    room.drive()
    hangs_up(room)
    asks(room, 1, KeysPressed("1"))
    room.drive()
    assert "<Hangup" in document(room, 1)


def test_a_caller_in_our_queue_waits_with_words_until_people_take_or_close(room: Runtime) -> None:
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="people"),
        "people": forwards(to="bye", waiting_text={"en": "Please wait."}),
        "bye": says("Goodbye."),
    }
    room.publish(drawn("Queue", steps))
    put = calls(room)
    room.drive()
    assert "Please wait." in document(room, 0)
    assert room.entries() == [("standard", "waiting")]
    asks(room, 1, CallPolled())
    room.drive()
    assert "<Hangup" not in document(room, 1)
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    asks(room, 2, CallPolled())
    room.drive()
    assert "Goodbye." in document(room, 2), "what was said between two requests waits for the next"
    assert room.entries() == [("standard", "done")]


def test_a_caller_who_leaves_the_queue_is_gone_from_it(room: Runtime) -> None:
    steps = {"in": placed("incoming_call", {"numbers": ["calls"]}, next="people"), "people": forwards()}
    room.publish(drawn("Queue", steps))
    calls(room)
    room.drive()
    hangs_up(room)
    room.drive()
    assert room.entries() == [("standard", "abandoned")]


def test_a_call_no_flow_answers_hears_the_apology_and_people_see_it(room: Runtime) -> None:
    room.execute("UPDATE numbers SET fallback_number = '+48221111111' WHERE name = 'calls'")
    calls(room)
    room.drive()
    assert APOLOGY in document(room, 0)
    assert "+48221111111" in document(room, 0)
    assert room.entries() == [("people", "waiting")]


def test_every_call_is_a_conversation_of_its_own(room: Runtime) -> None:
    room.publish(hotline())
    assert calls(room, "CA1").conversation_id != calls(room, "CA2").conversation_id
    room.drive()
    assert "Welcome." in document(room, 0, "CA1")
    assert "Welcome." in document(room, 0, "CA2")
