"""One conversation's messages leave in order, whatever the provider answers to the earlier ones."""

import pytest

from tests.app.drawn import drawn, sends, starts_with, three
from tests.app.house import Runtime
from tests.app.provider import Plan


@pytest.mark.parametrize("answers", [["later", "later"], ["unreachable", "unreachable"], ["drop", "drop"]])
@pytest.mark.parametrize("restarted", [False, True])
def test_a_message_waits_for_an_earlier_one_that_is_tried_again(
    room: Runtime, answers: list[Plan], restarted: bool
) -> None:
    room.publish(drawn("Echo", {"message": starts_with("keys", "answer"), "answer": sends("{{ message.text }}")}))
    room.provider.plans.extend(answers)
    room.write("1")
    room.drive()
    room.move_clock(1)  # the second attempt comes soon, the third only after some seconds
    room.drive()
    if restarted:
        room.processes[0].kill()
    room.write("2")
    room.write("3")
    room.drive()
    assert room.provider.texts == []
    room.move_clock(15)
    room.drive()
    assert room.provider.texts == ["1", "2", "3"]


def test_messages_of_one_conversation_leave_in_order_whatever_happens_to_the_first(room: Runtime) -> None:
    room.publish(three("keys"))
    room.provider.plans.extend(["later", "later"])
    room.write("hello")
    room.drive()
    room.move_clock(2)
    room.drive()
    assert room.provider.texts == [], "the second waits behind the first"
    room.move_clock(60)
    room.drive()
    assert room.provider.texts == ["first", "second", "third"]


@pytest.mark.parametrize(("number", "plan", "state"), [("keys", "refuse", "dead"), ("neither", "drop", "unknown")])
def test_a_dead_or_unknown_message_does_not_hold_up_the_later_ones(
    room: Runtime, number: str, plan: Plan, state: str
) -> None:
    room.publish(three(number))
    room.provider.plans.append(plan)
    room.write("hello", number)
    room.drive()
    assert room.column("SELECT state FROM effects ORDER BY id") == [state, "sent", "sent"]
    assert room.provider.texts == ["second", "third"]
