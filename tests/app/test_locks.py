"""Conversation locks: one holder at a time in all processes, and free as soon as their process is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from app.config import Settings
from app.locks import LocksLost, open_locks
from tests.app.drawn import echo
from tests.app.house import runtime
from tests.app.processes import until

_HOLD = """
import sys
from pathlib import Path
from app.config import Settings
from app.locks import open_locks
locks = open_locks(Settings(data_folder=Path(sys.argv[1]), database_url=sys.argv[2]))
print(*[locks.try_lock(int(one)) for one in sys.argv[3:]], flush=True)
sys.stdin.read()
"""


@contextmanager
def another_process(settings: Settings, *conversation_ids: int) -> Iterator[tuple[subprocess.Popen[str], list[bool]]]:
    """A process that tries to take these locks and keeps what it got."""
    arguments = [str(settings.data_folder), settings.database_url, *map(str, conversation_ids)]
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLD, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    try:
        yield process, [word == "True" for word in process.stdout.readline().split()]
    finally:
        process.kill()
        process.communicate()


def test_a_lock_has_one_holder_in_one_process(runtime_settings: Settings) -> None:
    mine, other = open_locks(runtime_settings), open_locks(runtime_settings)
    assert mine.try_lock(7)
    assert not mine.try_lock(7), "a session would re-enter its own lock"
    assert not other.try_lock(7)
    assert other.try_lock(8)
    other.unlock(7)
    assert not other.try_lock(7), "nobody frees what another holds"
    mine.unlock(7)
    assert other.try_lock(7)
    mine.close()
    other.close()


def test_closing_frees_all_of_ones_own_and_no_others(runtime_settings: Settings) -> None:
    mine, other = open_locks(runtime_settings), open_locks(runtime_settings)
    assert mine.try_lock(1)
    assert mine.try_lock(2)
    assert other.try_lock(3)
    mine.close()
    third = open_locks(runtime_settings)
    until(lambda: third.try_lock(1), "the lock is free")
    until(lambda: third.try_lock(2), "the lock is free")
    assert not third.try_lock(3)
    third.close()
    other.close()


def test_a_killed_process_holds_nothing_and_a_living_one_keeps_its_own(runtime_settings: Settings) -> None:
    mine = open_locks(runtime_settings)
    assert mine.try_lock(1)
    with another_process(runtime_settings, 1, 2) as (process, got):
        assert got == [False, True]
        assert not mine.try_lock(2)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: mine.try_lock(2), "the lock is free", seconds=3)
    mine.close()


def test_opening_and_leaving_another_locks_object_frees_nothing(runtime_settings: Settings) -> None:
    mine = open_locks(runtime_settings)
    assert mine.try_lock(1)
    open_locks(runtime_settings).close()
    with another_process(runtime_settings, 1) as (_, got):
        assert got == [False]
    mine.close()


def test_a_forked_child_holds_none_of_its_parents_locks(sqlite_url: str, data_folder: Path) -> None:
    settings = Settings(data_folder=data_folder, database_url=sqlite_url)
    mine = open_locks(settings)
    assert mine.try_lock(1)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:  # it keeps the file open until the test closes the pipe
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    mine.unlock(1)
    with another_process(settings, 1) as (_, got):
        assert got == [True]
    os.close(writer)
    os.waitpid(child, 0)
    os.close(reader)


def test_conversations_beyond_32_bits_have_locks_too(runtime_settings: Settings) -> None:
    mine = open_locks(runtime_settings)
    assert mine.try_lock(2**40 + 1)
    mine.close()


def test_a_lost_connection_is_told_and_its_process_ends(postgresql_url: str, data_folder: Path, doubles: None) -> None:
    with runtime(replace(Settings(data_folder=data_folder), database_url=postgresql_url)) as room:
        room.publish(echo("keys"))
        process = room.start()
        room.write("hello")
        room.drive()
        room.rows("SELECT pg_terminate_backend(:pid)", pid=process.locks.server_pid())
        room.write("again")
        process.runner.wake()
        process.wait_until_dead()
        assert isinstance(process.died_of, LocksLost)
        room.drive()
        assert room.provider.texts == ["echo hello", "echo again"]


def test_the_server_process_that_holds_the_locks_is_known(postgresql_url: str, data_folder: Path) -> None:
    settings = Settings(data_folder=data_folder, database_url=postgresql_url)
    locks = open_locks(settings)
    assert locks.server_pid()
    locks.close()
    with pytest.raises(LocksLost):
        locks.try_lock(1)
