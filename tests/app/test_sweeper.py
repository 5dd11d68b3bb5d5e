"""The sweeper: by the database alone it wakes whoever has something to do, and takes locks from the silent."""

from dataclasses import replace

import pytest

from app.lanes import Lanes
from app.locks import open_locks
from app.roster import Member
from app.sweeper import Sweeper
from tests.app.drawn import drawn, echo, interview, sends, starts_with
from tests.app.house import Runtime
from tests.app.processes import until


class HeardLanes(Lanes):
    """Lanes that note which were woken."""

    def __init__(self) -> None:
        super().__init__(None)
        self.woken: list[str] = []

    def wake(self, lane: str) -> None:
        """Notes it."""
        self.woken.append(lane)


@pytest.fixture
def lanes(room: Runtime) -> HeardLanes:
    """What is woken."""
    return HeardLanes()


@pytest.fixture
def sweeper(room: Runtime, lanes: HeardLanes) -> Sweeper:
    """A sweeper of the house."""
    return Sweeper(replace(room.house, lanes=lanes))


def woken(sweeper: Sweeper, lanes: HeardLanes) -> set[str]:
    """What one sweep wakes."""
    lanes.woken.clear()
    sweeper.sweep()
    return set(lanes.woken)


def test_it_wakes_for_a_waiting_message_a_due_timer_and_an_unsent_message(
    room: Runtime, sweeper: Sweeper, lanes: HeardLanes
) -> None:
    room.publish(interview("keys", time_limit_seconds=60))
    assert woken(sweeper, lanes) == set()
    room.write("hello")
    assert woken(sweeper, lanes) == {"turns", "calls"}
    room.drive()
    assert woken(sweeper, lanes) == set(), "the timer is not due yet"
    room.move_clock(61)
    assert woken(sweeper, lanes) == {"turns", "calls"}
    room.provider.plans.append("later")
    room.drive()
    assert woken(sweeper, lanes) == set(), "the message is tried again later"
    room.move_clock(5)
    assert woken(sweeper, lanes) == {"turns", "calls"}


def test_it_wakes_nobody_for_what_has_to_wait(room: Runtime, sweeper: Sweeper, lanes: HeardLanes) -> None:
    steps = {"in": starts_with("keys", "a"), "a": sends("first", to="b"), "b": sends("second")}
    room.publish(drawn("Two", steps))
    room.provider.plans.append("later")
    room.write("hello")
    room.drive()
    room.execute("UPDATE effects SET next_attempt_at = next_attempt_at + 3600000000 WHERE attempts > 0")
    assert woken(sweeper, lanes) == set(), "the second message waits behind the first"
    room.execute("UPDATE effects SET next_attempt_at = created_at")
    put = room.write("hello", contact="+48600000009")
    room.drive()
    room.execute("UPDATE conversations SET not_before_at = 9000000000000000 WHERE id = :id", id=put.conversation_id)
    room.write("again", contact="+48600000009")
    assert woken(sweeper, lanes) == set(), "its next attempt is later"
    room.execute("UPDATE conversations SET not_before_at = NULL")
    assert woken(sweeper, lanes) == {"turns", "calls"}


def test_after_a_clock_was_set_back_no_number_is_silent(room: Runtime, sweeper: Sweeper) -> None:
    sweeper.sweep()
    room.execute("UPDATE numbers SET rate_per_second = 1")
    room.publish(echo("keys"))
    room.write("one")
    room.drive()
    room.execute("UPDATE numbers SET blocked_until_at = paced_until_at")
    room.move_clock(-3_600)
    sweeper.sweep()
    room.write("two")
    room.drive()
    room.move_clock(2)
    room.drive()
    assert room.provider.texts == ["echo one", "echo two"]


def member(room: Runtime, pid: int | None) -> Member:
    made = Member("worker", pid)
    with room.house.database.transaction() as session:
        made.beat(session)
    return made


def test_a_silent_process_leaves_the_roster_and_on_a_server_its_locks(room: Runtime, sweeper: Sweeper) -> None:
    frozen, alive = open_locks(room.house.settings), open_locks(room.house.settings)
    assert frozen.try_lock(1)
    assert alive.try_lock(2)
    member(room, frozen.server_pid())
    room.execute("UPDATE workers SET heartbeat_at = heartbeat_at - 21000000")
    beating = member(room, alive.server_pid())
    sweeper.sweep()
    assert room.column("SELECT id FROM workers") == [beating.id]
    if room.house.database.is_sqlite:  # its kernel frees a dead process's locks; a frozen one meets the fence
        frozen.close()
    until(lambda: alive.try_lock(1), "the lock is free")
    alive.close()
    frozen.close()


def test_only_sessions_that_hold_our_locks_are_ended(room: Runtime, sweeper: Sweeper) -> None:
    with room.house.database.reading() as session:
        bystander = (
            None
            if room.house.database.is_sqlite
            else session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
        )
        member(room, bystander)
        room.execute("UPDATE workers SET heartbeat_at = heartbeat_at - 21000000")
        sweeper.sweep()
        assert room.rows("SELECT id FROM workers") == []
        assert session.connection().exec_driver_sql("SELECT 1").scalar_one() == 1


def test_a_clock_set_forward_takes_nobodys_locks(room: Runtime, sweeper: Sweeper) -> None:
    sweeper.sweep()
    here = member(room, None)
    room.move_clock(3_600)
    sweeper.sweep()
    assert room.column("SELECT id FROM workers") == [here.id]


def test_a_clock_set_back_leaves_nothing_waiting_for_its_old_time(room: Runtime, sweeper: Sweeper) -> None:
    room.publish(echo("keys"))
    sweeper.sweep()
    room.write("one")
    room.move_clock(-3_600)
    assert room.due() == []
    sweeper.sweep()
    room.drive()
    assert room.provider.texts == ["echo one"]


def test_after_the_clock_was_set_back_mailboxes_are_looked_into_at_once(room: Runtime, sweeper: Sweeper) -> None:
    (now,) = room.column("SELECT max(created_at) FROM numbers")
    room.execute(
        "INSERT INTO mailboxes (connection_id, next_look_at, failures, problem) VALUES (:id, :now + 60000000, 0, '')",
        id=room.numbers["keys"].connection_id,
        now=now,
    )
    sweeper.sweep()
    room.set_clock(-3_600)
    sweeper.sweep()
    assert room.column("SELECT next_look_at FROM mailboxes")[0] < now
    room.set_clock(3_600)
