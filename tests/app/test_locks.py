"""Conversation locks: one holder at a time in all processes, and free as soon as their process is gone."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from app.config import Settings
from app.locks import AdvisoryLocks, LocksLost, open_locks
from tests.app.api import Api
from tests.app.drawn import drawn, echo, fetches, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import Process, until

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


def test_of_many_locks_at_once_those_are_taken_that_nobody_has(runtime_settings: Settings) -> None:
    mine = open_locks(runtime_settings)
    with another_process(runtime_settings, 2, 4) as (_, got):
        assert got == [True, True]
        assert mine.try_locks([5, 4, 3, 2, 1]) == [5, 3, 1]
        assert mine.try_locks([1, 6]) == [6], "a session would re-enter its own lock"
        mine.unlock(5, 3)
        with another_process(runtime_settings, 1, 3, 5, 6) as (_, later):
            assert later == [False, True, True, False], "each was locked once, so giving it back once frees it"
    mine.close()


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


@pytest.fixture
def on_server(postgresql_url: str, data_folder: Path, doubles: None, api: Api) -> Iterator[Runtime]:
    """A house on PostgreSQL whose flow asks a slow API and then sends two messages."""
    settings = Settings(
        data_folder=data_folder,
        database_url=postgresql_url,
        allowed_private_hosts=frozenset({("127.0.0.1", api.port)}),
    )
    with runtime(settings) as room:
        steps = {
            "in": starts_with("keys", "a"),
            "a": fetches(api.url("/slow"), "b"),
            "b": sends("first", to="c"),
            "c": sends("second"),
        }
        room.publish(drawn("Slow", steps))
        yield room


def loses_its_locks(room: Runtime, process: Process) -> None:
    room.rows("SELECT pg_terminate_backend(:pid, 5000)", pid=process.locks.server_pid())


def test_who_has_lost_the_locks_abandons_the_turn_before_its_commit(on_server: Runtime, api: Api) -> None:
    process = on_server.start()
    on_server.write("hello")
    process.runner.wake()
    until(lambda: api.requests, "the request is under way")
    loses_its_locks(on_server, process)
    api.released.set()
    process.wait_until_dead()
    assert isinstance(process.died_of, LocksLost)
    assert on_server.rows("SELECT run_id FROM turns") == []
    on_server.drive()
    assert on_server.provider.texts == ["first", "second"]


def test_who_has_lost_the_locks_sends_nothing_more(on_server: Runtime, api: Api) -> None:
    api.released.set()
    on_server.provider.plans.append("hold")
    process = on_server.start()
    on_server.write("hello")
    process.runner.wake()
    until(lambda: on_server.provider.attempts, "the first message is on its way")
    loses_its_locks(on_server, process)
    on_server.provider.released.set()
    process.wait_until_dead()
    assert len(on_server.provider.attempts) == 1
    on_server.move_clock(3)
    on_server.drive()
    assert on_server.provider.texts == ["first", "second"]


def test_a_word_of_the_server_is_no_end(postgresql_url: str, data_folder: Path) -> None:
    locks = open_locks(Settings(data_folder=data_folder, database_url=postgresql_url))
    assert isinstance(locks, AdvisoryLocks)
    locks._connection.execute("LISTEN words")
    with psycopg.connect(postgresql_url, autocommit=True) as other:
        other.execute("NOTIFY words, 'hello'")
    locks.require()
    assert locks.try_lock(1)
    locks.close()
    with pytest.raises(LocksLost):
        locks.require()


def test_the_lock_connection_notices_a_dead_line_within_twelve_seconds(postgresql_url: str, data_folder: Path) -> None:
    locks = open_locks(Settings(data_folder=data_folder, database_url=postgresql_url))
    assert isinstance(locks, AdvisoryLocks)
    wanted = {"keepalives": "1", "keepalives_idle": "5", "keepalives_interval": "2", "keepalives_count": "3"}
    assert wanted.items() <= locks._connection.info.get_parameters().items()
    locks.close()


def test_the_server_process_that_holds_the_locks_is_known(postgresql_url: str, data_folder: Path) -> None:
    settings = Settings(data_folder=data_folder, database_url=postgresql_url)
    locks = open_locks(settings)
    assert locks.server_pid()
    locks.close()
    with pytest.raises(LocksLost):
        locks.try_lock(1)
