"""The machine of a simulated process: its clock is the scheduler's, its threads are actors."""

import queue
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

from app.machine import Machine, Mailbox
from tests.faults.simulation.actors import Actor, Process
from tests.faults.simulation.scheduler import Scheduler

T = TypeVar("T")
_MOMENT_SECONDS = 0.1
_LOOKS_IN_VAIN = 1
_THREAD_FIRST = 0.3  # how often a thread begins before whoever gave it work goes on


class Box:
    """A mailbox in virtual time. Whoever waits polls: the end of the waiting matters only if something became due."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler, self._items = scheduler, deque[Any]()
        self._reader: Actor | None = None
        self._in_vain = 0

    def put(self, item: Any, /) -> None:
        self._items.append(item)
        if self._reader is not None:
            self._scheduler.wake(self._reader)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout == 0:  # there is something else to do
            self._in_vain = 0
        elif not self._items and block:
            self._reader = self._scheduler.current
            self._wait(timeout or 3_600.0)
            self._reader = None
        return self.get_nowait()

    def _wait(self, seconds: float) -> None:
        """A runner that has something in hand looks again after a moment; what it does not find then needs news."""
        if seconds < _MOMENT_SECONDS and self._in_vain < _LOOKS_IN_VAIN:
            self._in_vain += 1
            self._scheduler.wait(seconds)
        else:
            self._in_vain = 0
            self._scheduler.poll(seconds)

    def get_nowait(self) -> Any:
        if not self._items:
            raise queue.Empty
        self._in_vain = 0
        return self._items.popleft()

    def qsize(self) -> int:
        return len(self._items)


class Pool(Executor):
    """So many threads of one process."""

    def __init__(self, scheduler: Scheduler, process: Process, threads: int, name: str) -> None:
        self._scheduler, self._process, self._free, self._name = scheduler, process, threads, name
        self._queued: deque[Callable[[], None]] = deque()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        future: Future[T] = Future()

        def work() -> None:
            future.set_result(fn(*args, **kwargs))
            self._free += 1
            self._begin()

        self._queued.append(work)
        self._begin()
        if self._scheduler.random.random() < _THREAD_FIRST:
            self._scheduler.step_aside()
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._queued.clear()

    def _begin(self) -> None:
        while self._free and self._queued:
            self._free -= 1
            self._scheduler.spawn(self._process, f"{self._process.name}.{self._name}", self._queued.popleft())


class SimulatedMachine(Machine):
    """The machine of one process."""

    def __init__(self, scheduler: Scheduler, process: Process) -> None:
        self._scheduler, self._process = scheduler, process
        self.monotonic = scheduler.monotonic

    def sleep(self, seconds: float) -> None:
        self._scheduler.pause(seconds)

    def pool(self, threads: int, name: str) -> Executor:
        return Pool(self._scheduler, self._process, threads, name)

    def mailbox(self) -> Mailbox:
        return Box(self._scheduler)
