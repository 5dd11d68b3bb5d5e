"""The worker as it really is: a parent and its child, killed in every way."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import Settings
from tests.app.drawn import drawn, echo, placed, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import until
from tests.app.real_workers import a_worker, child_of, is_alive, log_of, taken, write_and_wait


@pytest.fixture
def outside(runtime_settings: Settings, redis_url: str, doubles: None, tmp_path: Path) -> Iterator[Runtime]:
    """A house whose turns are taken by real processes; nothing else works in it."""
    with runtime(runtime_settings, log=tmp_path / "provider.log", redis_url=redis_url) as made:
        made.publish(echo("keys"))
        yield made


def test_killed_or_frozen_a_child_is_replaced_and_a_killed_parent_leaves_none(outside: Runtime) -> None:
    with a_worker(outside) as parent:
        write_and_wait(outside, "one", "two")
        first = child_of(parent.pid)
        os.kill(first, signal.SIGKILL)
        write_and_wait(outside, "three")
        second = child_of(parent.pid)
        assert second not in {0, first}
        os.kill(second, signal.SIGSTOP)
        write_and_wait(outside, "four")
        assert not is_alive(second)
        third = child_of(parent.pid)
        parent.kill()
        parent.wait()
        until(lambda: not is_alive(third), "the child is gone", seconds=5)
    with a_worker(outside) as parent:
        write_and_wait(outside, "five")
        members = len(outside.column("SELECT id FROM workers"))
        child = child_of(parent.pid)
        for process in (child, parent.pid, child):  # as systemd tells the whole group
            os.kill(process, signal.SIGTERM)
        assert parent.wait(20) == 0
        assert len(outside.column("SELECT id FROM workers")) == members - 1, "the child did not finish what it began"
    assert outside.outcomes() == ["completed"] * 5
    assert not outside.due()


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the parent knows no database
def test_a_looping_step_is_killed_and_beside_it_others_are_answered(outside: Runtime) -> None:
    steps = {"in": starts_with("confirming", "loop"), "loop": placed("loop_forever", {}, next="end")}
    outside.publish(drawn("Loops", steps))
    bad = outside.write("round and round", "confirming", contact="+48600999999")
    with a_worker(outside):
        write_and_wait(outside, "one", "two", "three")
        query = "SELECT state FROM inbound_events WHERE id = :id"
        until(lambda: outside.column(query, id=bad.event_id) == ["set_aside"], "the looping event is set aside", 40)
        write_and_wait(outside, "four")
    assert f"The step “loop_forever” in conversation {bad.conversation_id} computes for" in log_of(outside).read_text()
    assert outside.column("SELECT attempts FROM inbound_events WHERE id = :id", id=bad.event_id) == [4], (
        "three, and the last"
    )
    assert outside.entries() == [("people", "waiting")]
    assert len(taken(outside)) == 4
