"""How fast messages leave: a number's rate and burst, what a provider asks for, fairness between conversations."""

import pytest
from sqlalchemy.orm import Session

from app.handled import Unsent
from app.store import pacing
from tests.app.drawn import drawn, echo, sends, starts_with
from tests.app.house import Runtime
from tests.app.processes import die_at
from tests.app.provider import RETRY_AFTER_SECONDS


def test_slow_down_holds_for_the_whole_number_and_for_no_other(room: Runtime) -> None:
    room.publish(echo("keys"))
    room.publish(echo("confirming", "Other"))
    room.provider.plans.append("slow_down")
    room.write("one", contact="+48600000001")
    room.drive()
    room.write("two", contact="+48600000002")
    room.write("three", "confirming", contact="+48600000003")
    room.drive()
    assert room.provider.texts == ["echo three"]
    assert len(room.provider.attempts) == 2
    room.move_clock(RETRY_AFTER_SECONDS * 1.3)
    room.drive()
    assert sorted(room.provider.texts) == ["echo one", "echo three", "echo two"]


def test_a_number_is_paced_by_its_rate_and_burst(room: Runtime) -> None:
    room.execute("UPDATE numbers SET rate_per_second = 0.1, burst = 2 WHERE name = 'keys'")
    room.publish(echo("keys"))
    for n in range(5):
        room.write("hello", contact=f"+4860000000{n}")
    room.drive()
    sent = [len(room.provider.texts)]
    for _ in range(3):
        room.move_clock(10)
        room.drive()
        sent.append(len(room.provider.texts))
    assert sent == [2, 3, 4, 5]


@pytest.mark.parametrize("burst", [1, 2])
def test_a_message_tried_again_gets_its_turn_on_a_paced_number(room: Runtime, burst: int) -> None:
    room.publish(echo("keys"))
    room.execute(f"UPDATE numbers SET rate_per_second = 0.1, burst = {burst} WHERE name = 'keys'")  # noqa: S608 - a number
    room.provider.plans.append("later")
    room.write("hello")
    room.drive()
    for _ in range(22):  # whoever looks each second sees every place pass
        room.move_clock(1)
        room.drive()
    assert room.provider.texts == ["echo hello"]


def test_a_crashed_attempt_on_a_blocked_number_is_not_due_until_its_turn(room: Runtime) -> None:
    room.publish(echo("keys"))
    die_at("commit:after")
    process = room.start()
    room.write("hello")
    process.runner.wake()
    process.wait_until_dead()
    room.execute("UPDATE numbers SET blocked_until_at = (SELECT max(created_at) + 60000000 FROM effects)")
    room.move_clock(3)
    room.drive()  # it is looked at once, and never ends while something is due
    assert room.provider.attempts == []
    room.move_clock(60)
    room.drive()
    assert room.provider.texts == ["echo hello"]


def test_a_paced_number_wakes_each_message_at_its_own_slot_in_the_order_of_queueing(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.execute("UPDATE numbers SET rate_per_second = 1, burst = 1 WHERE name = 'keys'")
    room.publish(echo("keys"))
    real, asked = pacing.takes_turn, []

    def takes_turn(session: Session, one: Unsent, now: int) -> bool:
        asked.append(one.id)
        return real(session, one, now)

    monkeypatch.setattr(pacing, "takes_turn", takes_turn)
    for n in range(30):
        room.write(f"m{n}", contact=f"+486000000{n:02}")
    room.drive()
    queued = room.column("SELECT 'echo ' || m.text FROM effects f JOIN messages m ON m.conversation_id ="
                         " f.conversation_id AND m.direction = 'in' ORDER BY f.id")  # fmt: skip
    for _ in range(32):
        room.move_clock(1)
        room.drive()
    assert len(asked) <= 2 * 30
    assert room.provider.texts == queued


def test_a_paced_number_is_shared_fairly_between_conversations(room: Runtime) -> None:
    room.execute("UPDATE numbers SET rate_per_second = 0.1, burst = 1 WHERE name = 'keys'")
    steps = {"in": starts_with("keys", "s0", "many"), **{f"s{n}": sends(f"m{n}", to=f"s{n + 1}") for n in range(5)}}
    steps["s5"] = sends("m5")
    room.publish(drawn("Many", steps))
    room.publish(echo("keys"))
    room.write("many", contact="+48600000001")
    room.drive()
    room.write("one", contact="+48600000002")
    room.write("two", contact="+48600000003")
    for _ in range(7):
        room.drive()
        room.move_clock(10.1)
    room.drive()
    texts = room.provider.texts
    assert sorted(texts) == ["echo one", "echo two", *(f"m{n}" for n in range(6))]
    assert max(texts.index("echo one"), texts.index("echo two")) <= 4
