"""Messages by another number of ours than the one the contact wrote to or called, and what becomes of them."""

import json
from typing import Any

import pytest

from app import outbox
from app.points import set_hook
from flows.event import CallPolled
from tests.app.drawn import Document, drawn, echo, placed, sends, starts_with
from tests.app.drawn import asks as asks_for
from tests.app.house import ANNA, Runtime
from tests.app.processes import until
from tests.app.test_call_turns import asks, calls, document, hangs_up

VISITOR = "visitor-1"


def texts(*numbers: str, wait_for: str = "accepted", **more: Any) -> dict[str, Any]:
    """Sends by the first of these numbers that reaches the contact, and then says by the usual way how it ended."""
    config = {"text": {"en": "By text"}, "channel": "listed", "numbers": list(numbers), "wait_for": wait_for, **more}
    lost = {"not_delivered": "lost"} if wait_for == "delivered" else {}
    return placed("send_message", config, success="done", failure="failed", **lost)


def texting(begins: str, *numbers: str, **more: Any) -> Document:
    """A flow that texts by other numbers; "" begins by a call."""
    start = starts_with(begins, "out") if begins else placed("incoming_call", {"numbers": ["calls"]}, next="out")
    steps = {
        "in": start,
        "out": texts(*numbers, **more),
        "done": sends("Done"),
        "lost": sends("Lost"),
        "failed": sends("Failed: {{ error.kind }}"),
    }
    if more.get("wait_for") != "delivered":
        del steps["lost"]
    return drawn("Texting", steps)


def sent(room: Runtime) -> list[tuple[str, str, str]]:
    """What left: by which number, to which address, which words."""
    names = {number.value: name for name, number in room.numbers.items()}
    return [(names[one.sender], one.to, one.message.text) for one in room.provider.taken.values()]


def conversations(room: Runtime) -> dict[str, int]:
    """The conversation of each number."""
    query = "SELECT n.name, c.id FROM conversations c JOIN numbers n ON n.id = c.number_id ORDER BY c.id"
    return {row["name"]: row["id"] for row in room.rows(query)}


def knows_phone(room: Runtime, conversation_id: int, phone: str = ANNA) -> None:
    """The contact of a conversation has told their telephone number."""
    room.execute(
        "INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)"
        " SELECT contact_id, 'phone', :phone, 1, 1 FROM conversations WHERE id = :id",
        id=conversation_id,
        phone=phone,
    )


def test_a_message_by_another_number_belongs_to_the_contacts_conversation_there(room: Runtime) -> None:
    room.publish(texting("keys", "lookup"))
    put = room.write("hello")
    room.drive()
    assert sent(room) == [("lookup", ANNA, "By text"), ("keys", ANNA, "Done")]
    there = conversations(room)["lookup"]
    assert room.said(put.conversation_id) == ["hello", "> Done"]
    assert room.said(there) == ["> By text"]
    assert room.conversation(there)["state"] == "closed"
    assert room.outcomes() == ["completed"]
    room.write("thanks", "lookup")
    room.drive()
    assert conversations(room)["lookup"] == there
    assert room.conversation(there)["state"] == "open"


def test_what_was_said_there_lately_goes_on_in_the_same_conversation(room: Runtime) -> None:
    room.publish(echo("lookup"))
    room.publish(texting("keys", "lookup"))
    before = room.write("hi", "lookup")
    room.drive()
    room.write("hello")
    room.drive()
    assert room.said(before.conversation_id) == ["hi", "> echo hi", "> By text"]
    room.move_clock(31 * 86_400)
    room.write("hello")
    room.drive()
    assert room.said(before.conversation_id) == ["hi", "> echo hi", "> By text"]
    assert room.said(conversations(room)["lookup"]) == ["> By text"]


def test_a_contact_counts_only_the_conversations_they_began(room: Runtime) -> None:
    words = "{{ conversation.count }} {{ contact.is_new }}"
    steps = {"in": starts_with("keys", "out"), "out": texts("lookup"), "done": sends(words), "failed": sends("Failed")}
    room.publish(drawn("Counts", steps))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["By text", "1 true"]


UNREACHABLE = [
    ("nowhere", "channel_disconnected"),
    ("chat", "invalid_recipient"),  # they never were at the chat page
    ("silent", "channel_disconnected"),
    ("off", "channel_disconnected"),
]


@pytest.mark.parametrize(("number", "kind"), UNREACHABLE)
def test_a_number_that_cannot_reach_the_contact_is_passed_over_or_fails_by_name(
    room: Runtime, number: str, kind: str
) -> None:
    room.execute("UPDATE numbers SET name = 'silent', answers_messages = :no WHERE name = 'neither'", no=False)
    room.execute("UPDATE numbers SET name = 'off' WHERE name = 'confirming'")
    room.execute("UPDATE connections SET enabled = :no WHERE name = 'confirming'", no=False)
    room.publish(texting("keys", number))
    room.write("hello")
    room.drive()
    assert room.provider.texts == [f"Failed: {kind}"]
    assert room.problems() == [kind]
    room.publish(texting("keys", number, "lookup"))
    room.write("hello")
    room.drive()
    assert room.provider.texts[1:] == ["By text", "Done"]
    told = json.loads(room.rows("SELECT trace FROM turns ORDER BY run_id, number")[-2]["trace"])[1]["asks"][0]
    assert [way["error"] for way in told["answer"]["ways"]] == [kind, ""]


@pytest.mark.parametrize(("wait_for", "shown"), [("accepted", "Done"), ("delivered", "Done")])
def test_where_the_provider_refuses_one_number_the_next_is_tried(room: Runtime, wait_for: str, shown: str) -> None:
    room.publish(texting("keys", "lookup", "confirming", wait_for=wait_for))
    room.provider.plans.append("refuse")
    room.write("hello")
    room.drive()
    if wait_for == "delivered":
        room.report(room.one("SELECT max(id) AS id FROM effects")["id"], 6, "confirming")
        room.drive()
    assert sent(room) == [("confirming", ANNA, "By text"), ("keys", ANNA, shown)]
    states = room.rows("SELECT rank, error FROM messages WHERE direction = 'out' ORDER BY id LIMIT 1")
    assert dict(states[0]) == {"rank": 5, "error": "There is no such address."}
    assert room.problems() == []


def test_after_the_last_number_the_step_fails_as_that_one_did(room: Runtime) -> None:
    room.publish(texting("keys", "lookup", "confirming"))
    room.provider.plans.extend(["refuse", "refuse"])
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["Failed: invalid_recipient"]
    assert room.problems() == ["invalid_recipient"]


def test_what_is_not_delivered_in_time_goes_by_the_next_number_too(room: Runtime) -> None:
    room.publish(texting("keys", "lookup", "confirming", wait_for="delivered", delivery_timeout_seconds=60))
    room.write("hello")
    room.drive()
    room.move_clock(61)
    room.drive()
    assert [number for number, _, _ in sent(room)] == ["lookup", "confirming"]
    room.move_clock(61)
    room.drive()
    assert sent(room)[2:] == [("keys", ANNA, "Lost")]


def test_statuses_of_the_other_connection_reach_the_run_once(room: Runtime) -> None:
    room.publish(texting("keys", "lookup", wait_for="delivered"))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["By text"]
    effect = room.one("SELECT id FROM effects")["id"]
    put = room.report(effect, 6, "lookup")
    again = room.report(effect, 6, "lookup")
    assert put is not None
    assert again is not None
    assert (again.event_id, again.duplicate) == (put.event_id, True)
    room.drive()
    assert room.provider.texts == ["By text", "Done"]
    assert room.column("SELECT rank FROM messages WHERE text = 'By text'") == [6]


# opted out


def test_a_contact_who_opted_out_there_gets_nothing_there(room: Runtime) -> None:
    room.publish(texting("chat", "lookup"))
    room.write("STOP", "lookup")
    room.drive()
    put = room.write("hello", "chat", VISITOR)
    room.execute("UPDATE addresses SET contact_id = (SELECT max(id) FROM contacts)")
    room.drive()
    assert room.said(put.conversation_id) == ["hello", "> Failed: opted_out"]
    assert "opted_out" in room.problems()


def test_an_opt_out_takes_back_what_waits_for_another_attempt(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "PAUSES_SECONDS", (30.0,))  # else it may leave before anybody has read the STOP
    room.publish(texting("chat", "lookup", send_timeout_seconds=60))
    room.provider.plans.append("unreachable")
    put = room.write("hello", "chat", VISITOR)
    knows_phone(room, put.conversation_id)
    room.start().runner.wake()
    until(lambda: room.provider.attempts, "the first attempt is made")
    room.write("STOP", "lookup")
    until(lambda: "cancelled" in room.column("SELECT state FROM effects"), "it is taken back")
    room.drive()
    assert "By text" not in room.provider.texts


def test_an_opt_out_between_the_look_and_the_commit_is_honoured(room: Runtime) -> None:
    room.publish(texting("chat", "lookup", "confirming"))
    put = room.write("hello", "chat", VISITOR)
    knows_phone(room, put.conversation_id)

    def opts_out(name: str) -> None:
        if name == "commit:before":
            room.execute("UPDATE addresses SET opted_out_at = 1 WHERE kind = 'phone'")

    set_hook(opts_out)
    room.drive()
    assert room.provider.attempts == []
    assert room.said(put.conversation_id) == ["hello", "> By text", "> By text", "> Failed: opted_out"]


# calls


def test_a_caller_gets_a_text_by_a_number_that_sends_some(room: Runtime) -> None:
    room.execute("UPDATE numbers SET answers_messages = :no WHERE name = 'calls'", no=False)
    steps = texting("", "keys")["steps"]
    steps["done"] = placed("say", {"text": {"en": "We have texted you."}}, next="end")
    steps["failed"] = placed("say", {"text": {"en": "That did not work."}}, next="end")
    room.publish(drawn("Call", steps))
    put = calls(room)
    room.drive()
    assert sent(room) == [("keys", ANNA, "By text")]
    asks(room, 1, CallPolled())
    room.drive()
    assert "We have texted you." in document(room, 0) + document(room, 1)
    assert room.said(put.conversation_id) == []
    assert room.said(conversations(room)["keys"]) == ["> By text"]


def test_after_the_hang_up_a_caller_who_was_missed_is_texted(room: Runtime) -> None:
    room.execute("UPDATE numbers SET answers_messages = :no WHERE name = 'calls'", no=False)
    steps = texting("", "keys")["steps"]
    steps["in"]["exits"]["next"] = "people"
    ways = {"closed": "end", "timed_out": "end", "full": "end", "out_of_hours": "end"}
    steps["people"] = placed("forward_to_queue", {"target": {"queue": "standard"}}, **ways)
    steps["done"] = placed("end", {"outcome": "texted"})
    room.publish(drawn("Missed", steps, on_hang_up="out"))
    calls(room)
    room.drive()
    hangs_up(room)
    room.drive()
    assert sent(room) == [("keys", ANNA, "By text")]
    assert room.outcomes() == ["texted"]


def test_a_caller_is_written_to_where_they_last_wrote(room: Runtime) -> None:
    steps = texting("")["steps"]
    steps["out"]["config"] = {"text": {"en": "By text"}, "channel": "preferred"}
    steps["done"] = steps["failed"] = placed("end", {})
    room.publish(drawn("Preferred", steps))
    room.publish(echo("lookup"))
    room.publish(echo("keys", "Other"))
    calls(room, "CA0")
    room.drive()
    assert room.said(conversations(room)["calls"]) == ["> By text"]  # they never wrote
    room.write("a", "keys")
    room.drive()
    room.write("b", "lookup")
    room.drive()
    calls(room, "CA1")
    room.drive()
    assert sent(room)[-1] == ("lookup", ANNA, "By text")
    room.execute("UPDATE connections SET enabled = :no WHERE name = 'lookup'", no=False)
    calls(room, "CA2")
    room.drive()
    assert sent(room)[-1] == ("keys", ANNA, "By text")


def test_a_chat_page_that_the_caller_uses_too_shows_it_at_once(room: Runtime) -> None:
    room.publish(texting("", "chat"))
    room.publish(echo("chat"))
    chat = room.write("hi", "chat", VISITOR)
    room.drive()
    knows_phone(room, chat.conversation_id)
    calls(room)
    room.drive()
    assert room.said(chat.conversation_id) == ["hi", "> echo hi", "> By text"]
    assert room.outcomes() == ["completed", "completed"]


def test_a_message_that_fails_after_its_run_brings_the_run_s_conversation_to_people(room: Runtime) -> None:
    room.publish(texting("keys", "lookup", wait_for="nothing"))
    room.provider.plans.append("refuse")
    put = room.write("hello")
    room.drive()
    assert room.outcomes() == ["completed"]
    assert room.problems() == ["invalid_recipient"]
    assert room.conversation(put.conversation_id)["owner"] == "people"


# questions


def asking(*numbers: str, **more: Any) -> Document:
    """Asks by another number of ours, and tells the answer by the usual way."""
    config = {"channel": "listed", "numbers": list(numbers), "time_limit_seconds": 3_600, **more}
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": asks_for("Your name?", to="greet", variable="name", timed_out="late", **config),
        "greet": sends("Hello {{ name }}"),
        "late": sends("Too late"),
    }
    return drawn("Asking", steps)


def test_the_answer_to_a_question_by_another_number_reaches_the_run_that_asked(room: Runtime) -> None:
    room.publish(asking("lookup"))
    room.publish(echo("lookup"))
    put = room.write("hello")
    room.drive()
    assert sent(room) == [("lookup", ANNA, "Your name?")]
    answer = room.write("Anna", "lookup")
    room.drive()
    assert sent(room)[1:] == [("keys", ANNA, "Hello Anna")]
    assert room.said(answer.conversation_id) == ["> Your name?", "Anna"]
    assert room.said(put.conversation_id) == ["hello", "> Hello Anna"]
    assert room.conversation(answer.conversation_id)["state"] == "closed"
    room.write("more", "lookup")  # nothing is asked any more
    room.drive()
    assert room.provider.texts[2:] == ["echo more"]


def test_an_answer_that_does_not_fit_is_asked_for_again_by_the_same_number(room: Runtime) -> None:
    room.publish(asking("chat", "lookup", answer={"kind": "number"}, attempts=2))
    room.write("hello")
    room.drive()
    room.write("many", "lookup")
    room.drive()
    room.write("7", "lookup")
    room.drive()
    assert sent(room) == [("lookup", ANNA, "Your name?")] * 2 + [("keys", ANNA, "Hello 7")]


def test_a_question_that_one_number_cannot_ask_is_asked_by_the_next(room: Runtime) -> None:
    room.publish(asking("lookup", "confirming"))
    room.provider.plans.append("refuse")
    room.write("hello")
    room.drive()
    room.write("Anna", "confirming")
    room.drive()
    assert sent(room) == [("confirming", ANNA, "Your name?"), ("keys", ANNA, "Hello Anna")]


def test_the_time_to_answer_by_another_number_counts_from_the_sending(room: Runtime) -> None:
    room.publish(asking("lookup"))
    room.provider.plans.append("slow_down")
    room.write("hello")
    room.drive()
    room.move_clock(300)
    room.drive()
    assert room.provider.texts == ["Your name?"]
    room.move_clock(3_599)
    room.drive()
    assert room.provider.texts == ["Your name?"]
    room.move_clock(2)
    room.drive()
    assert room.provider.texts == ["Your name?", "Too late"]


@pytest.mark.parametrize("words", ["menu", "STOP"])
def test_what_goes_first_in_every_conversation_goes_before_an_answer(room: Runtime, words: str) -> None:
    room.publish(asking("lookup"))
    steps = {"in": starts_with("lookup", "out", "menu", interrupts=True), "out": sends("The menu")}
    room.publish(drawn("Menu", steps))
    room.write("hello")
    room.drive()
    room.write(words, "lookup")
    room.drive()
    assert "Hello" not in "".join(room.provider.texts)
    assert room.outcomes()[0] == ""
    if words == "menu":
        assert room.provider.texts == ["Your name?", "The menu"]


def test_a_question_asked_at_a_chat_page_waits_from_then_on(room: Runtime) -> None:
    room.publish(asking("chat"))
    room.publish(echo("chat"))
    chat = room.write("hi", "chat", VISITOR)
    room.drive()
    knows_phone(room, chat.conversation_id)
    room.write("hello")
    room.drive()
    assert room.said(chat.conversation_id) == ["hi", "> echo hi", "> Your name?"]
    room.move_clock(3_601)
    room.drive()
    assert room.provider.texts == ["Too late"]
