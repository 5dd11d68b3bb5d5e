"""What a process takes from its machine: a clock that nobody sets, pauses, threads, and a place for their results."""

import queue
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Any, Final, Protocol


class Mailbox(Protocol):
    """Where threads leave what they found out. Reading an empty one raises queue.Empty."""

    def put(self, item: Any, /) -> None:
        """Never waits."""
        ...

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        """The oldest item; waits for one at most `timeout` seconds. Raises: queue.Empty."""
        ...

    def qsize(self) -> int:
        """How many items wait."""
        ...

    def get_nowait(self) -> Any:
        """The oldest item. Raises: queue.Empty."""
        ...


class Machine:
    """The real machine. The simulation in tests/faults has one whose time and whose order of threads are its own."""

    monotonic: Callable[[], float] = staticmethod(time.monotonic)

    def sleep(self, seconds: float) -> None:
        """Lets time pass in this thread."""
        time.sleep(seconds)

    def pool(self, threads: int, name: str) -> Executor:
        """So many threads of that name."""
        return ThreadPoolExecutor(threads, name)

    def mailbox(self) -> Mailbox:
        """An empty one."""
        return queue.SimpleQueue()


THIS_MACHINE: Final = Machine()
