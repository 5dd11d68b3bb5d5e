"""An opt-out is honoured by every send, also by what was made before it, or at the same moment elsewhere."""

import pytest

from app.directory import Directory
from app.scene import set_scene
from app.store.commits import commit
from app.store.loading import begin, load
from app.turns import TurnUnderWay
from tests.app.drawn import drawn, echo, sends, starts_with
from tests.app.house import Runtime
from tests.app.processes import die_at
from tests.app.provider import Plan

CONFIRMATION = "You will get no more messages from us. Write START to get them again."


def opts_out(room: Runtime) -> None:
    room.write("STOP", "keys")
    room.drive()
    assert room.provider.texts == [CONFIRMATION]


@pytest.mark.parametrize("recheck_seconds", [0, 2])
def test_a_turn_that_began_before_the_opt_out_sends_nothing_after_it(room: Runtime, recheck_seconds: float) -> None:
    room.publish(echo("confirming"))
    put = room.write("hello", "confirming")
    with room.house.database.transaction() as session:
        (held,) = load(session, [put.conversation_id], 0)
        begin(session, [held], alone=True)
        scene = set_scene(session, held, Directory(room.house.key, ""))
        turn = TurnUnderWay(scene, room.house.steps, room.house.limits)
    assert turn.start() is None
    turn.handled.first_recheck_seconds = recheck_seconds  # its commit may mark the message, or another one does
    room.execute("UPDATE inbound_events SET due_at = due_at + 3600000000")  # nobody else takes it
    opts_out(room)
    with room.house.database.transaction() as session:
        commit(session, [turn.handled])
    room.drive()
    assert room.provider.texts == [CONFIRMATION]
    assert room.column("SELECT state FROM effects ORDER BY id") == ["sent", "dead"]
    assert room.problems() == ["opted_out"]


@pytest.mark.parametrize(("number", "plan"), [("lookup", "drop"), ("confirming", "drop")])
def test_a_message_that_would_be_repeated_is_not(room: Runtime, number: str, plan: Plan) -> None:
    room.publish(echo(number))
    room.provider.plans.append(plan)
    room.write("hello", number)
    room.drive()
    opts_out(room)
    room.move_clock(31)
    room.drive()
    assert room.provider.texts == [CONFIRMATION]
    assert room.column("SELECT state FROM effects ORDER BY id")[0] in ("dead", "cancelled")


def test_a_message_whose_process_died_is_not_repeated(room: Runtime) -> None:
    room.publish(echo("confirming"))
    room.write("hello", "confirming")
    die_at("send:marked")
    room.start().wait_until_dead()
    opts_out(room)
    room.move_clock(31)
    room.drive()
    assert room.provider.texts == [CONFIRMATION]
    assert room.column("SELECT state FROM effects ORDER BY id") == ["dead", "sent"]


def test_the_later_messages_of_the_run_are_not_sent_either(room: Runtime) -> None:
    steps = {
        "in": starts_with("lookup", "a"),
        "a": sends("first", to="b", wait_for="accepted", failure="b"),
        "b": sends("second"),
    }
    room.publish(drawn("Two", steps))
    room.provider.plans.append("unreachable")
    room.write("hello", "lookup")
    room.drive()
    opts_out(room)
    room.move_clock(700)
    room.drive()
    assert room.provider.texts == [CONFIRMATION]
