"""Runners as processes have them, each with locks of its own, that tests can start, stop and kill."""

import threading
import time
from collections.abc import Callable, Sequence

from app.board import Board
from app.house import House
from app.locks import Locks, open_locks
from app.points import set_hook
from app.runner import Runner

PATIENCE_SECONDS = 15.0


class Killed(BaseException):
    """The process is dead: nothing of it runs on, nothing is cleaned up."""


class _MortalBoard(Board):
    """A board whose process dies at its next heartbeat."""

    killed = False

    def beat(self) -> None:
        """Dies when killed."""
        if self.killed:
            raise Killed
        super().beat()


class SeenLocks:
    """Locks that tell which they hold."""

    def __init__(self, locks: Locks) -> None:
        self._locks = locks
        self.held: set[int] = set()
        self.taken: list[int] = []  # every lock ever taken, in order

    def try_lock(self, conversation_id: int) -> bool:
        """As the locks do."""
        return bool(self.try_locks([conversation_id]))

    def try_locks(self, conversation_ids: Sequence[int]) -> list[int]:
        """As the locks do."""
        taken = self._locks.try_locks(conversation_ids)
        self.held.update(taken)
        self.taken += taken
        return taken

    def unlock(self, *conversation_ids: int) -> None:
        """As the locks do."""
        self._locks.unlock(*conversation_ids)
        self.held.difference_update(conversation_ids)

    def require(self) -> None:
        """As the locks do."""
        self._locks.require()

    def server_pid(self) -> int | None:
        """As the locks do."""
        return self._locks.server_pid()

    def close(self) -> None:
        """As the locks do."""
        self._locks.close()
        self.held.clear()


class Process:
    """One runner in a thread, with a board and locks of its own."""

    def __init__(self, house: House) -> None:
        self.locks = SeenLocks(open_locks(house.settings))
        self.board = _MortalBoard()
        self.runner = Runner(house, self.locks, self.board)
        self.died_of: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="a process")
        self._closed = False

    @property
    def alive(self) -> bool:
        """Whether its runner works."""
        return self._thread.is_alive()

    def start(self) -> "Process":
        """Begins to work; it has looked at the clock when this returns, so a test may move it."""
        self._thread.start()
        until(lambda: self.runner._clock.has_seen or not self.alive, "the process works")
        return self

    def kill(self) -> None:
        """Dies now; its I/O threads may still come to their end, but nobody listens to them."""
        self.board.killed = True
        self.runner.wake()
        self._end()

    def stop(self) -> None:
        """Finishes what was begun."""
        self.runner.stop()
        self._end()

    def wait_until_dead(self) -> None:
        """For a process that dies at a point."""
        until(lambda: not self.alive, "the process died")
        self._end()

    def _end(self) -> None:
        if self._thread.ident is not None:
            self._thread.join(PATIENCE_SECONDS)
            assert not self.alive, "the runner does not end"
        if not self._closed:
            self._closed = True
            self.locks.close()

    def _run(self) -> None:
        try:
            self.runner.run()
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            self.died_of = error


def until(condition: Callable[[], object], what: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Waits until the condition holds; fails with its name when the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s in vain until {what}"
        time.sleep(0.002)


def die_at(name: str, passing: int = 1) -> None:
    """The thread that passes the point for that time dies there; the points are harmless afterwards."""
    left = [passing]

    def hook(passed: str) -> None:
        if passed == name:
            left[0] -= 1
            if not left[0]:
                set_hook(None)
                raise Killed

    set_hook(hook)
