"""Wake-ups through a real Redis: at most one in the queue, nothing but registered jobs, and nothing lost without it."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from rq import Queue
from rq.serializers import JSONSerializer

from app import lanes as lanes_module
from app.jobs import register_wake
from app.lanes import LANES, REGISTERED, Lanes, RegisteredJob
from tests.app.processes import until
from tests.conftest import private_redis


@pytest.fixture
def lanes(redis_url: str) -> Lanes:
    """Lanes of one process."""
    return Lanes(redis_url)


@pytest.fixture
def queue(redis_url: str) -> Iterator[Queue]:
    """The queue as RQ sees it."""
    connection = redis.Redis.from_url(redis_url)
    yield Queue("wake", connection=connection, job_class=RegisteredJob, serializer=JSONSerializer)
    connection.close()


@pytest.fixture
def registered() -> Iterator[None]:
    """The registered jobs are put back afterwards."""
    before = dict(REGISTERED)
    yield
    REGISTERED.clear()
    REGISTERED.update(before)


def test_at_most_one_wake_up_of_a_lane_is_in_the_queue(lanes: Lanes, queue: Queue) -> None:
    for _ in range(5):
        lanes.wake("turns")
    assert len(queue) == 1
    lanes.wake("calls")
    assert [list(job.args) for job in queue.jobs] == [["turns"], ["calls"]]
    lanes.lower_flag("turns")
    lanes.wake("turns")
    assert len(queue) == 3


def test_a_wake_up_lost_with_its_worker_keeps_others_away_for_three_seconds(lanes: Lanes, queue: Queue) -> None:
    lanes.wake("turns")
    assert 0 < queue.connection.ttl("wake:turns") <= 3


def test_a_wake_up_is_plain_json_and_tells_the_runner_to_look(lanes: Lanes, queue: Queue, registered: None) -> None:
    looked: list[int] = []
    register_wake(lambda: looked.append(1))
    lanes.wake("turns")
    (job,) = queue.jobs
    assert queue.connection.hget(job.key, "data") is not None
    job.perform()
    assert looked == [1]
    REGISTERED["wake"]("no such lane")
    assert looked == [1]


@pytest.mark.parametrize("name", ["os.system", "builtins.eval", "app.jobs.register_wake", "wake.other", ""])
def test_a_job_that_is_not_registered_is_refused(queue: Queue, registered: None, name: str) -> None:
    register_wake(lambda: None)
    job = queue.enqueue_call(name or "x", args=("touch /tmp/never",))
    found = RegisteredJob.fetch(job.id, connection=queue.connection, serializer=JSONSerializer)
    with pytest.raises(ValueError, match="is not registered"):
        found.perform()


def test_callbacks_from_redis_are_forgotten(queue: Queue, registered: None) -> None:
    register_wake(lambda: None)
    job = queue.enqueue_call("wake", args=("turns",))
    for field in ("success_callback_name", "failure_callback_name", "stopped_callback_name"):
        queue.connection.hset(job.key, field, "os.system")
    found = RegisteredJob.fetch(job.id, connection=queue.connection, serializer=JSONSerializer)
    assert (found.success_callback, found.failure_callback, found.stopped_callback) == (None, None, None)


def test_without_redis_nothing_raises_nothing_waits_and_it_is_known() -> None:
    away = Lanes("redis://127.0.0.1:1")
    started = time.monotonic()
    for _ in range(50):
        away.wake("turns")
        away.lower_flag("turns")
        away.announce(1)
    assert time.monotonic() - started < 5, "the first failure opens the breaker"
    assert not away.is_up()


def test_lanes_without_an_address_do_nothing_and_say_so() -> None:
    none = Lanes(None)
    for lane in LANES:
        none.wake(lane)
    assert not none.is_up()
    assert not none.serve("nobody")
    assert not none.wait(1, 0.01)


def test_a_redis_that_failed_counts_as_away_until_it_was_reached_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with private_redis(tmp_path) as server:
        lanes = Lanes(server.url)
    monkeypatch.setattr(lanes_module, "_BREAKER_SECONDS", 0.05)
    assert lanes.is_up(), "nobody has tried yet"
    lanes.wake("turns")
    seen = set()
    for _ in range(20):
        seen.add(lanes.is_up())
        time.sleep(0.01)
    assert seen == {False}, "also whenever it is tried again"
    with private_redis(tmp_path):
        until(lanes.is_up, "it is there again")


def test_a_redis_that_failed_is_spared_for_two_seconds(lanes: Lanes, queue: Queue) -> None:
    lanes._failed, lanes._down_until = True, time.monotonic() + 0.1
    lanes.wake("turns")
    assert len(queue) == 0
    until(lanes.is_up, "it is tried again")
    lanes.wake("turns")
    assert len(queue) == 1


def test_an_announcement_made_before_the_wait_is_heard_by_its_number(lanes: Lanes) -> None:
    lanes.heard()
    until(lanes.hears, "the subscription stands")
    before = lanes.heard()
    lanes.announce(1)
    until(lambda: lanes.heard() > before, "it has come")
    assert lanes.wait(1, 5, before)
    assert not lanes.wait(1, 0.01, lanes.heard())
    assert not lanes.wait(1, 0.01)
    assert not lanes.wait(2, 0.01, before)
    lanes.announce(2, 3)
    until(lambda: lanes.heard() > before + 1, "both have come as one")
    assert lanes.wait(2, 5, before + 1)
    assert lanes.wait(3, 5, before + 1)


def test_what_is_remembered_of_announcements_is_bounded_and_who_waits_since_before_looks(
    lanes: Lanes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes_module, "_REMEMBERED", 3)
    lanes.heard()
    until(lanes.hears, "the subscription stands")
    before = lanes.heard()
    for conversation_id in (1, 2, 3, 4):
        lanes.announce(conversation_id)
    until(lambda: lanes.heard() == before + 4, "they have come")
    assert lanes.wait(1, 5, before), "it was forgotten"
    assert lanes.wait(9, 5, before), "so it may have been there"
    assert not lanes.wait(9, 0.01, before + 1)


def test_after_a_lost_subscription_everybody_looks(tmp_path: Path) -> None:
    with private_redis(tmp_path) as server:
        lanes = Lanes(server.url)
        lanes.heard()
        until(lanes.hears, "the subscription stands")
        before = lanes.heard()
    until(lambda: not lanes.hears(), "the loss is noticed")
    with private_redis(tmp_path):
        assert lanes.wait(1, 10, before)
        assert lanes.hears()


def test_who_waits_for_a_conversation_hears_of_that_one_only(lanes: Lanes) -> None:
    lanes.heard()
    until(lanes.hears, "the subscription stands")
    since = lanes.heard()
    heard: dict[int, bool] = {}

    def listen(conversation_id: int) -> None:
        heard[conversation_id] = lanes.wait(conversation_id, 3 if conversation_id == 1 else 0.5, since)

    threads = [threading.Thread(target=listen, args=(one,)) for one in (1, 2)]
    for thread in threads:
        thread.start()
    lanes.announce(1)
    for thread in threads:
        thread.join()
    assert heard == {1: True, 2: False}
