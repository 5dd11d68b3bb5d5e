"""A look-up believes that a message is not there only 30 s after it was sent, whatever the clocks say."""

import pytest

from app.runner.clock_watch import ClockWatch
from tests.app.drawn import echo
from tests.app.house import Runtime
from tests.app.processes import die_at
from tests.app.provider import Plan


def crash_while_sending(room: Runtime) -> None:
    """A process marks a message and dies before it leaves."""
    room.publish(echo("both"))
    die_at("send:marked")
    process = room.start()
    room.write("hello", "both")
    process.runner.wake()
    process.wait_until_dead()


def seen(room: Runtime) -> tuple[int, int]:
    """How often the provider was asked for the message, and given it."""
    return room.provider.lookups, len(room.provider.attempts)


def test_a_key_that_holds_is_used_and_nobody_is_asked(room: Runtime) -> None:
    crash_while_sending(room)
    room.move_clock(3)
    room.drive()
    assert seen(room) == (0, 1)


def test_a_key_that_has_expired_falls_back_to_a_look_up_after_thirty_seconds(room: Runtime) -> None:
    crash_while_sending(room)
    room.execute("UPDATE effects SET created_at = created_at - 3700000000")
    room.move_clock(3)
    room.drive()
    assert seen(room) == (0, 0)
    assert room.due() == [], "nobody looks again and again meanwhile"
    room.move_clock(28)
    room.drive()
    assert seen(room) == (1, 1)
    assert room.column("SELECT state FROM effects") == ["sent"]


@pytest.mark.parametrize(("plan", "attempts"), [("lose_answer", 1), ("drop", 2), ("later", 2)])
def test_a_repeat_that_outlived_its_key_is_looked_up_first(room: Runtime, plan: Plan, attempts: int) -> None:
    room.publish(echo("both"))
    room.provider.plans.append(plan)
    room.write("hello", "both")
    room.drive()
    room.processes[0].kill()
    room.move_clock(3_700)  # nobody worked for an hour
    room.drive()
    assert seen(room) == (1, attempts)
    assert room.provider.texts == ["echo hello"]
    assert room.column("SELECT state FROM effects") == ["sent"]


@pytest.mark.parametrize("number", ["lookup", "both"])
def test_a_clock_set_forward_makes_no_look_up_early(room: Runtime, number: str) -> None:
    room.publish(echo(number))
    room.provider.plans.append("drop")
    room.write("hello", number)
    room.drive()
    room.execute("UPDATE effects SET state = 'sending', next_attempt_at = sending_at + 30000000")
    room.set_clock(3_700)
    room.drive()
    assert seen(room) == (0, 1), "the message is some milliseconds old"
    room.move_clock(20)
    room.drive()
    assert seen(room) == (0, 1)
    room.move_clock(11)
    room.drive()
    assert seen(room) == (1, 2)
    assert room.provider.texts == ["echo hello"]


def test_only_a_jump_forward_is_doubted_and_only_for_its_time() -> None:
    own = [100.0]
    watch = ClockWatch(lambda: own[0], 30)
    second = 1_000_000
    for seconds, now, doubted in [
        (0, 1_000, False),  # the first look
        (3_600, 4_600, False),  # both went on
        (1, 4_605, False),  # as far apart as a slow look may be
        (1, 605, False),  # set back
        (1, 4_206, True),  # and forward
        (29, 4_235, True),
        (2, 4_237, False),
    ]:
        own[0] += seconds
        watch.saw(now * second, own[0])
        assert watch.is_doubted is doubted, (seconds, now)


def test_a_slow_answer_is_no_jump() -> None:
    own = [100.0]
    watch = ClockWatch(lambda: own[0], 30)
    own[0] += 20  # the database answered at once, and we stood still for long
    watch.saw(0, asked_at=100.0)
    watch.saw(20_000_000, asked_at=own[0])
    assert not watch.is_doubted
