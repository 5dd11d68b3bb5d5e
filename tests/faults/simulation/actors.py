"""Who acts in a world: greenlets, those of one simulated process together."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

if TYPE_CHECKING:
    from tests.faults.simulation.scheduler import Scheduler


class Crashed(BaseException):
    """The simulated process is dead: nothing of it goes on."""


class Process:
    """A simulated process: its actors die together, and stand still together."""

    def __init__(self, name: str) -> None:
        self.name, self.alive, self.frozen_until = name, True, 0
        self.actors: dict[Actor, None] = {}  # a set's order would be another one in each process
        self.on_crash: Callable[[], None] | None = None


class Actor:
    """One thread of a process, or one thing outside (`process` is None)."""

    def __init__(self, scheduler: Scheduler, process: Process | None, name: str, body: Callable[[], Any]) -> None:
        self.process, self.name = process, name
        self.ended, self.result, self.at = False, None, ""
        self._body, self._scheduler = body, scheduler
        self._waiters: list[Actor] = []
        self.waits = 0  # the number of the wait under way; 0 = it does not wait
        self.woken = False
        self.greenlet = greenlet(self._run, scheduler.hub)
        if process is not None:
            process.actors[self] = None

    def _run(self) -> None:
        try:
            self.result = self._body()
        except Crashed:
            pass
        except Exception as error:  # noqa: BLE001  told to whoever runs the world
            self._scheduler.died(self, error)
        finally:
            self._end()

    def _end(self) -> None:
        self.ended = True
        if self.process is not None:
            self.process.actors.pop(self, None)
        for waiter in self._waiters:
            self._scheduler.wake(waiter)

    def join(self) -> Any:
        """Waits for its end; None when it crashed."""
        while not self.ended:
            self._waiters.append(self._scheduler.current)
            self._scheduler.wait(None)
        return self.result

    def bury(self) -> None:
        """Ends it where it stands."""
        if self.greenlet:
            self.greenlet.throw(Crashed())
        elif not self.ended:  # it has not begun
            self._end()
