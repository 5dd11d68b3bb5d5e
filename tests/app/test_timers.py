"""Time limits: counted from when they should be, fired once, and never before something that came earlier."""

from dataclasses import replace

import pytest

from app.db import now_microseconds
from steps.ask_question import AskQuestionStep
from tests.app.drawn import drawn, interview, placed, sends, starts_with
from tests.app.house import Runtime

DAY = 86_400


def timers(room: Runtime) -> list[str]:
    return room.column("SELECT state FROM inbound_events WHERE kind = 'timer_fired' ORDER BY id")


def limit_left(room: Runtime) -> float:
    row = room.one("SELECT due_at FROM inbound_events WHERE kind = 'timer_fired' AND state = 'waiting'")
    with room.house.database.reading() as session:
        return float(row["due_at"] - now_microseconds(session)) / 1_000_000


# a question's limit


def test_a_question_is_limited_from_when_it_was_sent_and_not_from_when_it_was_asked(room: Runtime) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    room.provider.plans.extend(["later"] * 3)
    room.write("hello")
    room.drive()
    assert 590 < limit_left(room) <= 600, "it has not begun: this is the time to be sent"
    for _ in range(3):
        room.move_clock(75)
        room.drive()
    assert room.provider.texts == ["Your name?"]
    assert 50 < limit_left(room) <= 60
    room.move_clock(61)
    room.drive()
    assert room.provider.texts == ["Your name?", "Too late"]


@pytest.mark.parametrize("rank", [4, 6])
def test_a_limit_begins_when_a_callback_tells_what_an_answer_did_not(room: Runtime, rank: int) -> None:
    room.publish(interview("lookup", time_limit_seconds=60))
    room.provider.plans.append("lose_answer")
    room.write("hello", "lookup")
    room.drive()
    assert limit_left(room) > 60
    room.report(room.one("SELECT id FROM effects")["id"], rank, "lookup", provider_id="SM-1")
    room.drive()
    assert 50 < limit_left(room) <= 60


def test_a_limit_begins_when_the_outcome_stays_unknown(room: Runtime) -> None:
    room.publish(interview("neither", time_limit_seconds=60))
    room.provider.plans.append("lose_answer")
    room.write("hello", "neither")
    room.drive()
    assert 50 < limit_left(room) <= 60


def test_a_question_that_nobody_takes_fails_after_its_time_and_is_taken_back(room: Runtime) -> None:
    document = interview("keys", time_limit_seconds=60)
    document["steps"]["ask"]["exits"]["failure"] = "late"
    room.publish(document)
    room.execute("UPDATE numbers SET blocked_until_at = 9000000000000000 WHERE name = 'keys'")
    room.write("hello")
    room.drive()
    room.move_clock(599)
    room.drive()
    assert room.column("SELECT state FROM effects ORDER BY id") == ["queued"]
    room.move_clock(2)
    room.drive()
    assert room.column("SELECT state FROM effects ORDER BY id") == ["cancelled", "queued"]
    assert (room.problems(), room.outcomes()) == (["send_timeout"], ["completed"])


@pytest.mark.parametrize("opted_out", [False, True])
def test_a_question_that_is_refused_fails_at_once(room: Runtime, opted_out: bool) -> None:
    document = interview("keys", time_limit_seconds=60)
    document["steps"]["ask"]["exits"]["failure"] = "over"
    document["steps"]["over"] = placed("end", {"outcome": "refused"})
    room.publish(document)
    put = room.write("hello")
    if opted_out:
        room.execute("UPDATE addresses SET opted_out_at = 1")
    else:
        room.provider.plans.append("refuse")
    room.drive()
    assert room.outcomes() == ["refused"]
    assert room.problems() == ["opted_out" if opted_out else "invalid_recipient"]
    assert timers(room) == ["dropped"]
    assert room.conversation(put.conversation_id)["state"] == "closed"


def test_the_limit_of_a_step_that_sets_no_time_to_be_sent_begins_a_day_later_at_the_latest(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = AskQuestionStep._wait
    monkeypatch.setattr(AskQuestionStep, "_wait", lambda *told: replace(waits(*told), send_seconds=None))
    room.publish(interview("keys", time_limit_seconds=60))
    room.execute("UPDATE numbers SET blocked_until_at = 9000000000000000 WHERE name = 'keys'")
    room.write("hello")
    room.drive()
    room.move_clock(DAY + 61)
    room.drive()
    assert room.outcomes() == ["completed"]
    assert room.column("SELECT state FROM effects ORDER BY id") == ["cancelled", "queued"], "nobody waits for an answer"


def test_on_a_page_of_ours_the_limit_begins_at_once(room: Runtime) -> None:
    room.publish(interview("chat", time_limit_seconds=60))
    room.write("hello", "chat", contact="visitor-1")
    room.drive()
    assert 50 < limit_left(room) <= 60


# timers and what came before them


def test_a_late_timer_is_dropped(room: Runtime) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    room.write("hello")
    room.drive()
    row = room.one("SELECT id, run_id FROM inbound_events WHERE kind = 'timer_fired'")
    room.execute("UPDATE inbound_events SET turn = 7 WHERE id = :id", id=row["id"])
    room.move_clock(61)
    room.drive()
    assert (timers(room), room.provider.texts) == (["dropped"], ["Your name?"])
    room.execute("UPDATE inbound_events SET turn = 0, state = 'waiting' WHERE id = :id", id=row["id"])
    room.drive()
    assert room.provider.texts[1:] == ["Too late"]


def test_an_answer_that_came_before_the_limit_wins_though_both_are_handled_after_it(room: Runtime) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    room.write("hello")
    room.drive()
    room.processes[0].kill()
    room.move_clock(59)
    room.write("Anna")
    room.move_clock(10)
    room.drive()
    assert room.provider.texts == ["Your name?", "Hello Anna"]
    assert timers(room) == ["dropped"]


def test_an_answer_that_came_after_the_limit_loses_though_both_are_handled_together(room: Runtime) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    room.write("hello")
    room.drive()
    room.processes[0].kill()
    room.move_clock(70)
    room.write("Anna")
    room.drive()
    assert room.provider.texts == ["Your name?", "Too late", "Your name?"], "the answer comes to a flow that begins"


def test_an_answer_ends_the_limit_in_its_own_commit(room: Runtime) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    room.write("hello")
    room.drive()
    room.write("Anna")
    room.drive()
    assert timers(room) == ["dropped"]


# each once


def test_each_timer_fires_once_however_many_processes_look(room: Runtime) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    count = 40
    for n in range(count):
        room.write("hello", contact=f"+486000000{n:02}")
    room.drive()
    for _ in range(2):
        room.start()
    room.move_clock(61)
    room.drive()
    assert sorted(room.provider.texts) == sorted(["Your name?", "Too late"] * count)
    assert timers(room) == ["done"] * count


@pytest.mark.parametrize(("jump", "late", "greeted"), [(3_600, 105, 0), (-3_600, 95, 5)])
def test_timers_fire_once_though_the_clock_jumps_an_hour(room: Runtime, jump: int, late: int, greeted: int) -> None:
    room.publish(interview("keys", time_limit_seconds=600))
    for n in range(100):
        room.write("hello", contact=f"+486000000{n:02}")
    room.drive()
    room.set_clock(jump)
    room.drive()
    for n in range(5):  # before the limit it is an answer, after it the flow begins anew
        room.write("Anna", contact=f"+486000000{n:02}")
    room.drive()
    for _ in range(2):
        room.move_clock(7_300)
        room.drive()
    texts = room.provider.texts
    assert (texts.count("Too late"), texts.count("Hello Anna")) == (late, greeted)
    assert "waiting" not in timers(room)


def test_a_message_after_the_clock_was_set_back_is_answered_at_once(room: Runtime) -> None:
    room.publish(interview("keys"))
    put = room.write("hello")
    room.drive()
    room.move_clock(-3_600)
    room.write("Anna")
    room.drive()
    assert room.said(put.conversation_id)[-1] == "> Hello Anna"


def test_a_send_that_is_waited_for_times_out_and_its_message_is_cancelled(room: Runtime) -> None:
    steps = {
        "in": starts_with("keys", "out"),
        "out": sends("hello", wait_for="accepted", failure="sorry"),
        "sorry": sends("sorry"),
    }
    room.publish(drawn("Waits", steps))
    room.execute("UPDATE numbers SET blocked_until_at = 9000000000000000 WHERE name = 'keys'")
    room.write("hello")
    room.drive()
    room.move_clock(601)
    room.drive()
    assert room.column("SELECT state FROM effects ORDER BY id") == ["cancelled", "queued"]
    assert room.outcomes() == ["completed"]
