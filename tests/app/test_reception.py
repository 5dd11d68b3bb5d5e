"""Which run gets a message: rules (0) to (5) of DESIGN §4, each by itself, and which goes before which."""

import pytest

from app.opting import is_opt_out
from tests.app.drawn import asks, desk, drawn, echo, interview, sends, starts_with
from tests.app.house import Runtime


def help_by_keyword(number: str, *, interrupts: bool, priority: int = 0, name: str = "Help") -> dict[str, object]:
    trigger = starts_with(number, "out", "help", interrupts=interrupts, priority=priority)
    return drawn(name, {"in": trigger, "out": sends(f"{name} is near")})


# (0) opt-out words


@pytest.mark.parametrize("words", ["STOP", " stop. ", "Unsubscribe", "wypisz", "СТОП"])
def test_0_these_are_opt_out_words(words: str) -> None:
    assert is_opt_out(words)


def test_0_an_opt_out_word_ends_the_run_marks_the_address_and_is_confirmed_once(room: Runtime) -> None:
    room.publish(interview("keys"))
    put = room.write("hello")
    room.drive()
    room.write("Stop.")
    room.drive()
    assert room.outcomes() == ["opted_out"]
    assert room.one("SELECT opted_out_at FROM addresses")["opted_out_at"] is not None
    assert room.provider.texts[1:] == ["You will get no more messages from us. Write START to get them again."]
    assert room.entries() == [("people", "waiting")]
    room.write("Stop.")
    room.drive()
    assert len(room.provider.texts) == 2, "a repeated word is not confirmed again"
    assert room.conversation(put.conversation_id)["owner"] == "people"


def test_0_where_the_provider_confirms_we_do_not(room: Runtime) -> None:
    room.write("STOP", "confirming")
    room.drive()
    assert room.provider.texts == []
    assert room.one("SELECT opted_out_at FROM addresses")["opted_out_at"] is not None


def test_0_words_around_an_opt_out_word_make_it_an_ordinary_message(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.write("please stop the alarm")
    room.drive()
    assert room.provider.texts == ["echo please stop the alarm"]


def test_0_a_chat_page_has_no_opt_out_words(room: Runtime) -> None:
    room.publish(echo("chat"))
    put = room.write("stop", "chat", contact="visitor-1")
    room.drive()
    assert room.said(put.conversation_id) == ["stop", "> echo stop"]


def test_0_goes_before_a_keyword_that_interrupts(room: Runtime) -> None:
    room.publish(interview("keys"))
    stop = starts_with("keys", "out", "stop", interrupts=True)
    room.publish(drawn("Stopping", {"in": stop, "out": sends("no")}))
    room.write("hello")
    room.drive()
    room.write("stop")
    room.drive()
    assert room.outcomes() == ["opted_out"]


def test_0_an_opted_out_contact_is_sent_nothing_until_they_ask_again(room: Runtime) -> None:
    put = room.write("STOP")
    room.drive()
    room.act(put.conversation_id, "agent_replied", text="Are you sure?")
    room.drive()
    assert "Are you sure?" not in room.provider.texts
    assert "opted_out" in room.problems()
    room.act(put.conversation_id, "agent_closed")
    room.publish(echo("keys"))
    room.write("anybody there?")
    room.drive()
    assert len(room.provider.texts) == 1
    room.act(put.conversation_id, "agent_closed")
    room.write("START")
    room.drive()
    assert room.provider.texts[1:] == ["echo START"]


# (1) people have it


def test_1_what_people_have_goes_to_the_desk(room: Runtime) -> None:
    room.publish(desk("keys"))
    room.publish(help_by_keyword("keys", interrupts=True))
    put = room.write("hello")
    room.drive()
    room.write("help")
    room.drive()
    assert room.said(put.conversation_id) == ["hello", "help"]
    assert room.conversation(put.conversation_id)["owner"] == "people"
    assert room.outcomes() == [""], "the run waits for the people, not for the message"
    assert room.entries() == [("standard", "waiting")]


# (2) keywords that interrupt


def test_2_an_interrupting_keyword_ends_the_run_and_starts_its_own(room: Runtime) -> None:
    room.publish(interview("keys"))
    room.publish(help_by_keyword("keys", interrupts=True))
    room.write("hello")
    room.drive()
    room.write("HELP me")
    room.drive()
    assert room.outcomes() == ["interrupted", "completed"]
    assert room.provider.texts == ["Your name?", "Help is near"]
    assert room.column("SELECT state FROM inbound_events WHERE kind = 'timer_fired'") == ["dropped"]


def test_2_a_keyword_that_does_not_interrupt_is_an_answer_like_any_other(room: Runtime) -> None:
    room.publish(interview("keys"))
    room.publish(help_by_keyword("keys", interrupts=False))
    room.write("hello")
    room.drive()
    room.write("help")
    room.drive()
    assert room.provider.texts == ["Your name?", "Hello help"]


# (3) the wait accepts it


def test_3_the_wait_that_accepts_it_resumes(room: Runtime) -> None:
    room.publish(interview("keys"))
    put = room.write("hello")
    room.drive()
    room.write("Anna")
    room.drive()
    assert room.said(put.conversation_id) == ["hello", "> Your name?", "Anna", "> Hello Anna"]
    assert room.outcomes() == ["completed"]


# (4) it does not


def kept_until_asked() -> dict[str, object]:
    steps = {
        "in": starts_with("keys", "first"),
        "first": sends("One moment", to="ask", wait_for="accepted", failure="end"),
        "ask": asks("Your name?", to="greet", variable="name"),
        "greet": sends("Hello {{ name }}"),
    }
    return drawn("Patient", steps)


def test_4_a_message_no_wait_accepts_is_kept_for_the_next_step_that_does(room: Runtime) -> None:
    room.publish(kept_until_asked())
    room.provider.plans.append("unreachable")  # so the first message leaves late, and its step waits for it
    put = room.write("hello")
    room.drive()
    room.write("Anna")
    room.drive()
    query = "SELECT state FROM inbound_events WHERE kind = 'message_received' ORDER BY id"
    assert room.column(query) == ["done", "kept"]
    room.move_clock(10)
    room.drive()
    assert room.said(put.conversation_id)[-1] == "> Hello Anna"


def test_4_what_is_kept_again_and_again_has_failed_at_nothing(room: Runtime) -> None:
    steps = {"in": starts_with("keys", "s0")}
    for n in range(6):
        steps[f"s{n}"] = sends(f"question {n}", to=f"a{n}", wait_for="accepted", failure="end")
        steps[f"a{n}"] = asks("?", to=f"s{n + 1}", variable=f"answer{n}")
    steps["s6"] = sends("{{ answer0 }}{{ answer1 }}{{ answer2 }}{{ answer3 }}{{ answer4 }}{{ answer5 }}")
    room.publish(drawn("Six", steps))
    for n in range(7):
        room.write(str(n))
    room.drive()
    assert room.provider.texts[-1] == "123456"
    assert (room.outcomes(), room.problems()) == (["completed"], [])
    assert room.one("SELECT max(charged) AS most FROM inbound_events")["most"] == 0


def test_4_a_kept_message_is_read_at_the_instant_at_which_it_is_taken(room: Runtime) -> None:
    room.publish(kept_until_asked())
    room.provider.plans.append("unreachable")
    room.write("hello")
    room.drive()
    put = room.write("Anna")
    room.drive()
    room.move_clock(400)
    room.drive()
    row = room.one("SELECT now - at AS waited, state FROM inbound_events WHERE id = :id", id=put.event_id)
    assert row["state"] == "done"
    assert row["waited"] >= 400_000_000


def test_4_a_kept_message_starts_a_new_run_when_the_old_one_ends(room: Runtime) -> None:
    wait = {"in": starts_with("keys", "first"), "first": sends("echo {{ message.text }}", wait_for="accepted")}
    wait["first"]["exits"]["failure"] = "end"
    room.publish(drawn("Slow", wait))
    room.provider.plans.append("unreachable")
    put = room.write("one")
    room.drive()
    room.write("two")
    room.drive()
    room.move_clock(10)
    room.drive()
    assert room.said(put.conversation_id) == ["one", "> echo one", "two", "> echo two"]
    assert room.outcomes() == ["completed", "completed"]


# (5) no run


def test_5_the_live_trigger_starts_a_run(room: Runtime) -> None:
    room.publish(echo("keys"))
    put = room.write("hello")
    room.drive()
    assert room.said(put.conversation_id) == ["hello", "> echo hello"]
    assert room.outcomes() == ["completed"]
    conversation = room.conversation(put.conversation_id)
    assert (conversation["owner"], conversation["state"]) == ("none", "closed")


def test_5_keywords_go_before_any_and_the_higher_priority_before_the_lower(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.publish(help_by_keyword("keys", interrupts=False, priority=1, name="Low"))
    room.publish(help_by_keyword("keys", interrupts=False, priority=9, name="High"))
    room.write("help", contact="+48600000001")
    room.write("hello", contact="+48600000002")
    room.drive()
    assert sorted(room.provider.texts) == ["High is near", "echo hello"]


def test_5_without_a_trigger_it_goes_to_the_fallback_queue(room: Runtime) -> None:
    room.publish(help_by_keyword("keys", interrupts=False))
    put = room.write("hello")
    room.drive()
    assert room.entries() == [("people", "waiting")]
    assert room.conversation(put.conversation_id)["owner"] == "people"
    assert room.outcomes() == []


# which conversation, before any of these


def test_a_message_within_thirty_days_of_the_closing_reopens_the_same_reference(room: Runtime) -> None:
    room.publish(echo("keys"))
    first = room.write("one")
    room.drive()
    room.move_clock(29.9 * 86_400)
    second = room.write("two")
    room.drive()
    room.move_clock(30.1 * 86_400)
    third = room.write("three")
    room.drive()
    assert second.conversation_id == first.conversation_id
    assert third.conversation_id != first.conversation_id
    assert room.said(first.conversation_id) == ["one", "> echo one", "two", "> echo two"]
    assert room.outcomes() == ["completed"] * 3


def test_an_open_conversation_takes_messages_for_ever(room: Runtime) -> None:
    first = room.write("one")
    room.drive()
    room.move_clock(100 * 86_400)
    assert room.write("two").conversation_id == first.conversation_id


def test_one_contact_on_two_numbers_has_two_conversations(room: Runtime) -> None:
    assert room.write("one", "keys").conversation_id != room.write("two", "lookup").conversation_id
    assert len(room.rows("SELECT id FROM contacts")) == 1
