"""One process's runner, driven round by round in one thread; what its threads would do is done at once, or late."""

import queue
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import replace
from typing import Any, TypeVar

from app.board import Board
from app.machine import Machine, Mailbox
from app.runner import Runner
from tests.app.house import Runtime
from tests.faults.simulation.processes import SimulatedLocks

T = TypeVar("T")


class Box:
    """A mailbox in which nothing is waited for; while it holds back, what comes is late."""

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self.late: list[Any] = []
        self.holds_back = False

    def put(self, item: Any, /) -> None:
        if self.holds_back and item is not None:
            self.late.append(item)
            self.holds_back = False
        else:
            self._items.append(item)

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        return self.get_nowait()

    def get_nowait(self) -> Any:
        if not self._items:
            raise queue.Empty
        return self._items.popleft()

    def qsize(self) -> int:
        return len(self._items)

    def let_in(self) -> None:
        """What was late is here."""
        self.holds_back = False
        self._items.extend(self.late)
        self.late.clear()


class _AtOnce(Executor):
    """Threads that do everything at once, in the thread that asks for it."""

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        done: Future[T] = Future()
        done.set_result(fn(*args, **kwargs))
        return done


class OneThread(Machine):
    """A machine with a single thread, on which nobody waits."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self.monotonic = monotonic
        self.boxes: list[Box] = []

    def sleep(self, seconds: float) -> None:
        """No time passes."""

    def pool(self, threads: int, name: str) -> Executor:
        return _AtOnce()

    def mailbox(self) -> Mailbox:
        self.boxes.append(Box())
        return self.boxes[-1]


class Process:
    """One process's runner, driven round by round."""

    def __init__(self, room: Runtime, owners: dict[int, SimulatedLocks]) -> None:
        machine = OneThread(room.monotonic)
        self.locks = SimulatedLocks(owners)
        self.runner = Runner(replace(room.house, machine=machine), self.locks, Board())
        self.box = machine.boxes[0]  # of the runner's own results

    def round(self) -> None:
        """One round. Raises: Killed, LocksLost."""
        self.runner.round(self.runner._gathered())

    @property
    def held(self) -> list[int]:
        """The conversations in which an answer is waited for."""
        return [one.conversation_id for one in self.box.late]

    @property
    def has_more(self) -> bool:
        """Whether the next round has something to do, whatever the database says."""
        works = self.runner._works.values()
        return bool(self.box.qsize() or any(work.finished or work.may_reload for work in works))
