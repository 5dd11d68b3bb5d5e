"""One conversation's messages leave in order, whatever the provider answers to the earlier ones."""

import pytest

from tests.app.drawn import drawn, sends, starts_with
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
