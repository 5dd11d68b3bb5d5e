"""Several short messages read as one answer."""

from typing import Any

from app.sweeper import Sweeper
from tests.app.drawn import interview
from tests.app.house import Runtime
from tests.app.processes import until


def asked(room: Runtime, **config: Any) -> int:
    room.publish(interview("keys", joining_seconds=10, **config))
    put = room.write("hello")
    room.drive()
    return put.conversation_id


def answers(room: Runtime) -> list[str]:
    return [text.removeprefix("Hello ") for text in room.provider.texts if text.startswith("Hello")]


def test_messages_in_quick_succession_are_one_answer_joined_by_line_breaks(room: Runtime) -> None:
    asked(room)
    for words in ("Anna", "Maria", "Nowak"):
        room.write(words)
        room.drive()
        room.move_clock(4)
    room.drive()
    assert answers(room) == [], "ten seconds have not passed since the latest"
    room.move_clock(7)
    room.drive()
    assert answers(room) == ["Anna\nMaria\nNowak"]
    assert room.column("SELECT state FROM inbound_events WHERE kind = 'message_received'") == ["done"] * 4


def test_the_waiting_for_more_ends_after_three_times_in_all(room: Runtime) -> None:
    asked(room)
    for n in range(8):
        room.write(f"m{n}")
        room.drive()
        room.move_clock(8)
    room.drive()
    assert answers(room)[:1] == ["m0\nm1\nm2\nm3"], "m4 came 32 s after m0"


def test_a_pause_parts_answers_though_nobody_looked_meanwhile(room: Runtime) -> None:
    asked(room)
    room.processes[0].kill()
    room.write("Anna")
    room.move_clock(30)
    room.write("are you there?")
    room.move_clock(30)
    room.drive()
    assert answers(room) == ["Anna"]


def test_a_time_limit_due_meanwhile_loses_and_parts_nothing(room: Runtime) -> None:
    asked(room, time_limit_seconds=60)
    room.move_clock(55)
    room.write("Anna")
    room.drive()
    room.move_clock(8)
    room.write("Nowak")
    room.drive()
    room.move_clock(11)
    room.drive()
    assert answers(room) == ["Anna\nNowak"]
    assert "Too late" not in room.provider.texts


def test_news_of_the_question_parts_nothing(room: Runtime) -> None:
    asked(room)
    room.write("Anna")
    room.report(room.one("SELECT id FROM effects")["id"], 6)
    room.write("Nowak")
    room.drive()
    room.move_clock(11)
    room.drive()
    assert answers(room) == ["Anna\nNowak"]


def test_a_contact_who_opts_out_is_not_waited_for(room: Runtime) -> None:
    asked(room)
    room.write("Anna")
    room.write("STOP")
    room.drive()
    room.move_clock(11)
    room.drive()
    assert room.one("SELECT opted_out_at FROM addresses")["opted_out_at"] is not None
    assert "Anna\nSTOP" not in answers(room)


def test_an_agent_does_not_wait_for_more(room: Runtime) -> None:
    conversation_id = asked(room)
    room.write("Anna")
    room.act(conversation_id, "agent_replied", text="Eva here")
    room.drive()
    assert "Eva here" in room.provider.texts


def test_what_agents_do_while_messages_are_waited_for_is_done_at_once(room: Runtime) -> None:
    conversation_id = asked(room)
    room.write("Anna")
    room.drive()
    room.act(conversation_id, "agent_replied", text="Eva here")
    room.drive()
    assert room.provider.texts == ["Your name?", "Hello Anna", "Eva here"], "what came before it is taken before it"


def test_an_opt_out_while_messages_are_waited_for_is_honoured_at_once(room: Runtime) -> None:
    asked(room)
    room.write("Anna")
    room.drive()
    room.write("STOP")
    room.drive()
    assert room.one("SELECT opted_out_at FROM addresses")["opted_out_at"] is not None


def test_nobody_looks_again_and_again_while_messages_are_waited_for(room: Runtime) -> None:
    asked(room, time_limit_seconds=60)
    room.move_clock(55)
    room.write("Anna")
    room.drive()
    room.move_clock(8)  # the time limit is due by now
    room.report(room.one("SELECT id FROM effects")["id"], 6)
    room.drive()
    looks = len(room.processes[0].locks.taken)
    assert room.due() == []
    room.processes[0].runner.wake()
    until(lambda: not room.processes[0].locks.held, "it has looked")
    assert len(room.processes[0].locks.taken) == looks
    room.move_clock(3)
    room.drive()
    assert answers(room) == ["Anna"]


def test_files_of_all_messages_are_kept_and_a_kill_meanwhile_changes_nothing(room: Runtime) -> None:
    asked(room)
    room.write("Anna")
    room.drive()
    room.processes[0].kill()
    room.write("Nowak")
    room.move_clock(11)
    room.drive()
    assert answers(room) == ["Anna\nNowak"]


def test_after_a_clock_was_set_back_nobody_waits_for_its_old_time(room: Runtime) -> None:
    sweeper = Sweeper(room.house)
    asked(room)
    sweeper.sweep()
    room.move_clock(-3_600)
    sweeper.sweep()
    for words in ("Anna", "Nowak"):
        room.write(words)
        room.drive()
        room.move_clock(4)
    room.move_clock(8)
    room.drive()
    assert answers(room) == ["Anna\nNowak"]
