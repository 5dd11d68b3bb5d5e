"""How the signals that end a process tell its main loop so."""

import queue
import signal
from contextlib import suppress
from types import FrameType


class Stopping:
    """Whether this process was told to stop.

    Not a threading.Event: its lock is no second time to be had, so a handler that interrupts another one, or the wait,
    would wait for itself for ever; and a process that is told twice is usual (by make and by its group, by systemd and
    by its parent). A SimpleQueue's put may be interrupted by itself:
    https://docs.python.org/3/library/queue.html#queue.SimpleQueue.put
    """

    def __init__(self) -> None:
        self.is_set = False
        self._told: queue.SimpleQueue[None] = queue.SimpleQueue()

    @classmethod
    def by(cls, *numbers: signal.Signals) -> "Stopping":
        """Set by these signals from now on. Call it in the main thread."""
        stopping = cls()

        def stop(_: int, __: FrameType | None) -> None:
            stopping.set()

        for number in numbers:
            signal.signal(number, stop)
        return stopping

    def set(self) -> None:
        """From now on it is; also in a signal handler."""
        self.is_set = True
        self._told.put(None)

    def wait(self, seconds: float) -> bool:
        """Whether it is, at the latest after so long."""
        if not self.is_set:
            with suppress(queue.Empty):
                self._told.get(timeout=seconds)
        return self.is_set
