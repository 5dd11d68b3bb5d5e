"""The only importer of rq and redis: wake-ups after a commit, the registered jobs, and the live-update channel.

Nothing here is the truth: a lost wake-up costs at most a second, and without Redis everything works by polling.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

import redis
from rq import Queue, SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

logger = logging.getLogger("patchbay.lanes")

LANES: Final = ("turns", "calls")
_QUEUE: Final = "wake"  # one RQ queue a worker: with two, RQ pops by BLPOP and a kill loses the job (RELIABILITY §1)
_UPDATES: Final = "patchbay:updates"
_SOCKET_SECONDS: Final = 0.3  # a web request must not wait longer for a wake-up that polling replaces
_BREAKER_SECONDS: Final = 2.0
_REMEMBERED: Final = 4_096  # announcements; far more than come between a look and the wait after it
_FLAG_SECONDS: Final = 3  # a wake-up that got lost with its worker keeps others away no longer than this

# The only functions a job may name; serializer="json" alone would still call any dotted path (RELIABILITY §1).
REGISTERED: dict[str, Callable[..., None]] = {}


class RegisteredJob(Job):
    """A job that runs nothing but a registered function: no callbacks, no web addresses from Redis."""

    @property
    def func(self) -> Callable[..., None]:
        """The registered function; raises ValueError for any other name."""
        function = REGISTERED.get(self.func_name or "")
        if function is None:
            raise ValueError(f"The job {self.func_name!r} is not registered.")
        return function

    def restore(self, raw_data: Any) -> Any:
        """Reads the job and forgets every other thing Redis says should be called."""
        restored = super().restore(raw_data)
        self._success_callback_name = self._failure_callback_name = self._stopped_callback_name = None
        self.webhooks = []
        return restored


class Lanes:
    """One process's way to wake others and to be woken. `Lanes(None)` does nothing and says so by `is_up()`."""

    def __init__(self, redis_url: str | None) -> None:
        """`redis_url` as redis-py reads it (redis://, rediss://, unix://), or None."""
        self._url = redis_url or None
        self._client = (
            redis.Redis.from_url(self._url, socket_timeout=_SOCKET_SECONDS, socket_connect_timeout=_SOCKET_SECONDS)
            if self._url
            else None
        )
        self._down_until = 0.0
        self._failed = False
        self._listener = _Listener(self._url) if self._url else None

    def is_up(self) -> bool:
        """Whether Redis is given and was reachable when last tried; after a failure it is tried again now and then."""
        if self._failed:
            self._try(lambda client: client.ping())
        return self._client is not None and not self._failed

    def hears(self) -> bool:
        """Whether announcements are heard; without them, look by the clock."""
        return self._listener is not None and self._listener.is_subscribed

    def wake(self, lane: str) -> None:
        """Puts a wake-up for the lane into the queue unless one is there already. Best effort, never raises."""
        self._try(lambda client: self._wake(client, lane))

    def lower_flag(self, lane: str) -> None:
        """Lets the next wake-up in: called before the read that may send the runner to sleep, never after it."""
        self._try(lambda client: client.delete(f"wake:{lane}"))

    def announce(self, *conversation_ids: int) -> None:
        """Tells live streams that these conversations changed, all at once. Best effort, never raises."""
        if conversation_ids:
            self._try(lambda client: client.publish(_UPDATES, " ".join(map(str, conversation_ids))))

    def heard(self) -> int:
        """The number of the latest announcement. Take it before a look, and give it to the `wait` after the look."""
        return self._listener.heard() if self._listener else 0

    def wait(self, conversation_id: int, timeout_seconds: float, since: int | None = None) -> bool:
        """Waits for an announcement of the conversation later than `since` (None: later than now).

        False when the time is over: then look yourself.
        """
        if self._listener is None:
            time.sleep(timeout_seconds)
            return False
        return self._listener.wait(conversation_id, timeout_seconds, since)

    def serve(self, name: str) -> bool:
        """Runs RQ's worker in this thread; its jobs only tell the runner to look. True when it was told to stop.

        It returns False whenever RQ's worker ends by itself, as it does on errors of Redis that pass: call it again.
        """
        if self._url is None:
            return False
        worker: SimpleWorker | None = None
        try:
            connection = redis.Redis.from_url(self._url, socket_connect_timeout=_SOCKET_SECONDS)
            worker = SimpleWorker(
                [_queue(connection)],
                name=name,
                connection=connection,
                job_class=RegisteredJob,
                serializer=JSONSerializer,
            )
            worker.max_connection_wait_time = 1.0  # the default of 60 s leaves Redis unheard long after it is back
            worker.log_job_description = False
            worker.work(logging_level="WARNING")
        except (redis.RedisError, OSError, ValueError) as error:
            # ValueError: the name is taken by a worker just killed.
            logger.warning("Redis cannot be heard, polling goes on: %s", error)
        # Also when Redis went away first: the signal to stop has come, and it comes only once. RQ notes it nowhere
        # else; its `_stop_requested` is set only when the signal came in the middle of a job.
        return worker is not None and worker._shutdown_requested_date is not None  # noqa: SLF001 - as said

    def _wake(self, client: "redis.Redis", lane: str) -> None:
        if client.set(f"wake:{lane}", "1", nx=True, ex=_FLAG_SECONDS):
            _queue(client).enqueue_call("wake", args=(lane,), result_ttl=0, failure_ttl=0, ttl=60, description=lane)

    def _try(self, action: Callable[["redis.Redis"], object]) -> None:
        if self._client is None or time.monotonic() < self._down_until:
            return
        try:
            action(self._client)
            self._failed = False
        except (redis.RedisError, OSError) as error:
            self._failed = True
            self._down_until = time.monotonic() + _BREAKER_SECONDS
            logger.warning("Redis cannot be reached, polling goes on: %s", error)


def _queue(connection: "redis.Redis") -> Queue:
    return Queue(_QUEUE, connection=connection, job_class=RegisteredJob, serializer=JSONSerializer)


class _Listener:
    """Hears all announcements of one process by one subscription and hands each to those who wait for it.

    Announcements are numbered as they come, and the last number of each conversation is remembered for a while, so that
    one that falls between somebody's look and their waiting is not missed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._changed = threading.Condition()
        self._number = 0
        self._last: OrderedDict[int, int] = OrderedDict()  # conversation -> number of its latest announcement
        self._forgotten = 0  # what came up to this number may be remembered no more
        self._waiting: dict[int, int] = {}
        self._thread: threading.Thread | None = None
        self.is_subscribed = False

    def heard(self) -> int:
        """The number of the latest announcement; the first call begins to listen."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._listen, name="updates", daemon=True)
                self._thread.start()
            return self._number

    def wait(self, conversation_id: int, timeout_seconds: float, since: int | None) -> bool:
        """Until the conversation has been announced later than `since`, at most that long."""
        latest = self.heard()
        after = latest if since is None else since
        with self._changed:
            self._waiting[conversation_id] = self._waiting.get(conversation_id, 0) + 1
            try:
                return self._changed.wait_for(lambda: self._is_news(conversation_id, after), timeout_seconds)
            finally:
                self._waiting[conversation_id] -= 1
                if not self._waiting[conversation_id]:
                    del self._waiting[conversation_id]

    def _is_news(self, conversation_id: int, after: int) -> bool:
        return max(self._last.get(conversation_id, 0), self._forgotten) > after

    def _listen(self) -> None:
        while True:
            try:
                client = redis.Redis.from_url(self._url, socket_connect_timeout=_SOCKET_SECONDS)
                subscription = client.pubsub()  # type: ignore[no-untyped-call]  # redis-py leaves it untyped
                subscription.subscribe(_UPDATES)
                for message in subscription.listen():
                    self._hear(message)
            except (redis.RedisError, OSError, ValueError):
                self.is_subscribed = False  # streams look for themselves meanwhile
                time.sleep(1)

    def _hear(self, message: dict[str, Any]) -> None:
        with self._changed:
            self._number += 1
            if message["type"] == "subscribe":  # what was announced before nobody heard: everybody looks
                self.is_subscribed = True
                self._forgotten = self._number
                self._changed.notify_all()
                return
            conversation_ids = [int(number) for number in message["data"].split()]
            for conversation_id in conversation_ids:
                self._last[conversation_id] = self._number
                self._last.move_to_end(conversation_id)
            while len(self._last) > _REMEMBERED:
                _, self._forgotten = self._last.popitem(last=False)
            if not self._waiting.keys().isdisjoint(conversation_ids):
                self._changed.notify_all()
