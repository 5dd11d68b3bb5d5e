"""The worker without what it usually has: Redis, a database, its own locks, somebody who answers."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from app import lanes as lanes_module
from app import roster, worker
from app.config import Settings
from app.lanes import Lanes, RegisteredJob
from app.sweeper import Sweeper
from tests.app.api import Api
from tests.app.drawn import drawn, echo, fetches, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.processes import until
from tests.app.real_workers import a_worker, child_of, is_alive, log_of, taken, write_and_wait
from tests.conftest import private_redis


@pytest.mark.parametrize("redis_url", ["", "redis://127.0.0.1:1"], ids=["none", "away"])
def test_without_redis_messages_are_answered(
    runtime_settings: Settings, doubles: None, tmp_path: Path, redis_url: str
) -> None:
    with runtime(runtime_settings, log=tmp_path / "provider.log", redis_url=redis_url) as room:
        room.publish(echo("keys"))
        with a_worker(room) as parent:
            write_and_wait(room, "warm")
            for n in range(4):
                room.write(f"m{n}", contact=f"+4860010000{n}")
                until(lambda n=n: f"echo m{n}" in taken(room), "it is answered", 20)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
            parent.send_signal(signal.SIGTERM)
            assert parent.wait(20) == 0
        assert room.outcomes() == ["completed"] * 5


def test_when_redis_is_back_it_is_heard_again(runtime_settings: Settings, doubles: None, tmp_path: Path) -> None:
    with private_redis(tmp_path / "redis") as server:
        url = server.url
    with runtime(runtime_settings, log=tmp_path / "provider.log", redis_url=url) as room:
        room.publish(echo("keys"))
        with a_worker(room) as parent:
            write_and_wait(room, "while it is away")
            for n in range(2):
                with private_redis(tmp_path / "redis") as server:
                    connection = redis.Redis.from_url(server.url)
                    queue = Queue("wake", connection=connection, job_class=RegisteredJob, serializer=JSONSerializer)
                    Lanes(server.url).wake("turns")
                    until(lambda queue=queue: not len(queue), "the wake-up is taken", 10)  # type: ignore[misc]  # as above
                    connection.close()
                    write_and_wait(room, f"while it is there {n}")
            parent.send_signal(signal.SIGTERM)  # Redis is away again
            assert parent.wait(20) == 0
        assert room.outcomes() == ["completed"] * 3


class DoubleWorker:
    """Stands in for RQ's worker: it raises, returns, and is told to stop, in this order."""

    made: list["DoubleWorker"]
    ends: list[BaseException | None]

    def __init__(self, queues: list[Queue], **given: Any) -> None:
        self.queues, self.given = queues, given
        self.max_connection_wait_time = 60.0
        self.log_job_description = True
        self._shutdown_requested_date: object = None
        self.made.append(self)

    def work(self, **_: Any) -> None:
        """As prepared."""
        assert self.max_connection_wait_time == 1.0, "the default leaves Redis unheard long after it is back"
        end = self.ends.pop(0)
        if end is not None:
            raise end
        if not self.ends:
            self._shutdown_requested_date = "now"


def test_the_main_thread_listens_again_whenever_rq_returns_or_raises(
    room: Runtime, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    DoubleWorker.made = []
    DoubleWorker.ends = [
        redis.ReadOnlyError("a replica"),
        redis.TimeoutError("slow"),
        ValueError("the name"),
        None,
        None,
    ]
    monkeypatch.setattr(lanes_module, "SimpleWorker", DoubleWorker)
    monkeypatch.setattr("app.worker.time.sleep", lambda _: None)
    handled: list[int] = []
    monkeypatch.setattr("app.worker.signal.signal", lambda number, _: handled.append(number))
    house = replace(room.house, lanes=Lanes(redis_url), settings=replace(room.house.settings, redis_url=redis_url))
    worker._listen(house, roster.Member("worker", None), threading.current_thread(), lambda *_: None)
    assert len(DoubleWorker.made) == 5
    assert handled.count(signal.SIGTERM) == 4, "RQ's own handler would end us in the middle of a turn"
    for one in DoubleWorker.made:
        assert [queue.name for queue in one.queues] == ["wake"], "with two queues RQ loses jobs of a killed worker"
        assert one.given["job_class"] is RegisteredJob
        assert one.given["serializer"] is JSONSerializer


def test_a_worker_that_cannot_begin_says_why_and_tries_again(data_folder: Path) -> None:
    log = data_folder / "worker.log"
    environment = {**os.environ, "PATCHBAY_DATA": str(data_folder), "DATABASE_URL": "", "REDIS_URL": ""}
    with log.open("ab") as file:
        parent = subprocess.Popen(
            [sys.executable, "-m", "tests.app.worker_program"],
            env=environment,
            cwd=Path(__file__).parents[2],
            stderr=file,
        )
    try:
        until(lambda: log.read_text().count("patchbay migrate") >= 2, "it has tried twice", 40)
        parent.send_signal(signal.SIGTERM)
        assert parent.wait(20) == 0
    finally:
        parent.kill()
        parent.wait()


@pytest.fixture
def slow(postgresql_url: str, data_folder: Path, doubles: None, api: Api, tmp_path: Path) -> Iterator[Runtime]:
    """A house on PostgreSQL whose flow asks an API that takes its time."""
    hosts = frozenset({("127.0.0.1", api.port)})
    settings = Settings.from_environment({"DATABASE_URL": postgresql_url, "PATCHBAY_DATA": str(data_folder)})
    with runtime(settings, log=tmp_path / "provider.log", allowed_private_hosts=hosts) as room:
        steps = {"in": starts_with("keys", "a"), "a": fetches(api.url("/slow"), "out"), "out": sends("done")}
        room.publish(drawn("Slow", steps))
        yield room


def test_a_frozen_worker_is_taken_over_and_when_it_thaws_it_changes_nothing(
    slow: Runtime, api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roster, "_SILENT_SECONDS", 2)
    sweeper = Sweeper(slow.house)
    with a_worker(slow) as parent:
        put = slow.write("hello")
        until(lambda: api.requests and slow.rows("SELECT id FROM workers"), "the request is under way", 40)
        child = child_of(parent.pid)
        for pid in (parent.pid, child):
            os.kill(pid, signal.SIGSTOP)  # as a machine that hangs
        taker = slow.start()
        taker.runner.wake()

        def is_taken_over() -> bool:
            sweeper.sweep()
            return len(api.requests) == 2

        until(is_taken_over, "another process asks", 20)
        assert taker.locks.held == {put.conversation_id}
        api.released.set()
        until(lambda: taken(slow) == ["done"], "the other process answers")
        for pid in (parent.pid, child):
            os.kill(pid, signal.SIGCONT)
        until(lambda: not is_alive(child), "it has noticed", 20)
        until(lambda: child_of(parent.pid) not in {0, child}, "it is replaced", 20)
    assert len(slow.rows("SELECT run_id FROM turns")) == 1
    log = Path(slow.one("SELECT settings FROM connections WHERE name = 'keys'")["settings"][9:-2])
    assert len(log.read_text().splitlines()) == 1, "one message, sent once"
    assert "The connection that held the conversation locks is gone" in log_of(slow).read_text()
