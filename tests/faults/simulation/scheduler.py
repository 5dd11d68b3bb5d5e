"""One thread, one virtual clock, many actors: whoever may go on is drawn by the seed, at every labelled point.

An actor is a greenlet of a simulated process, or of the world outside. Between two points nothing else happens; when
nobody can go on, the clock jumps to the next instant at which somebody can.
"""

import heapq
import zlib
from collections.abc import Callable
from itertools import count
from random import Random
from typing import Any, Final

from greenlet import getcurrent

from tests.faults.simulation.actors import Actor, Crashed, Process

_MICROSECONDS: Final = 1_000_000
_LONGEST_STEPS: Final = 10_000
_LONGEST_SECONDS: Final = 40 * 3_600.0


class NotConverged(AssertionError):
    """The world did not come to rest."""


class Scheduler:
    """Time, order and trace of one seed."""

    def __init__(self, seed: int, trace: list[str] | None = None) -> None:
        self.random = Random(seed)
        self.hub = getcurrent()
        self.now = 0  # microseconds
        self.trace, self.fingerprint, self.steps = trace, 0, 0
        self.looks_at: Callable[[], int | None] = lambda: None  # when the next thing is due that only a poll finds
        self.on_death: Callable[[Actor, Exception], None] | None = None
        self._ready: list[Actor] = []
        self._due: list[tuple[int, int, Callable[[], None]]] = []
        self._polls: dict[Actor, int] = {}
        self._fallen: list[Process] = []
        self._numbers = count(1)
        self._current: Actor | None = None
        self._error: Exception | None = None
        self._expected = 0

    @property
    def is_expecting(self) -> bool:
        """Whether something that was begun outside, or put off, has still to come to its end."""
        return self._expected > 0

    @property
    def current(self) -> Actor:
        """Who runs now."""
        assert self._current is not None
        return self._current

    @property
    def acts(self) -> bool:
        """Whether an actor runs now, and not whoever builds or judges the world."""
        return self._current is not None

    def monotonic(self) -> float:
        """Seconds since the world began."""
        return self.now / _MICROSECONDS

    def note(self, what: str) -> None:
        """Adds a line to the trace, whose fingerprint tells whether two runs were the same."""
        line = f"{self.now / _MICROSECONDS:.6f} {what}"
        self.fingerprint = zlib.crc32(line.encode(), self.fingerprint)
        if self.trace is not None:
            self.trace.append(line)

    def spawn(self, process: Process | None, name: str, body: Callable[[], Any]) -> Actor:
        """A new actor that may go on now."""
        actor = Actor(self, process, name, body)
        self._ready.append(actor)
        return actor

    def later(self, seconds: float, action: Callable[[], None]) -> None:
        """Something that happens outside all actors."""
        heapq.heappush(self._due, (self.now + int(seconds * _MICROSECONDS), next(self._numbers), action))

    def expect(self, seconds: float, action: Callable[[], None]) -> None:
        """As `later`; the world is not over before."""
        self._expected += 1

        def do() -> None:
            self._expected -= 1
            action()

        self.later(seconds, do)

    def begin(self, name: str, body: Callable[[], Any]) -> None:
        """An actor outside all processes; the world is not over before its end."""
        self._expected += 1

        def do() -> None:
            body()
            self._expected -= 1

        self.spawn(None, name, do)

    # what an actor does

    def step_aside(self) -> None:
        """Lets others go on first."""
        self._ready.append(self.current)
        self._switch()

    def pause(self, seconds: float) -> None:
        """Lets time pass."""
        self.wait(seconds)

    def wait(self, seconds: float | None) -> bool:
        """Until somebody wakes this actor (True), or the time is over (False)."""
        actor = self.current
        actor.waits, actor.woken = next(self._numbers), False
        if seconds is not None:
            number = actor.waits
            self.later(seconds, lambda: self._over(actor, number))
        self._switch()
        return actor.woken

    def poll(self, seconds: float) -> bool:
        """As `wait`; the end of the time only matters if something became due, so it may come later."""
        actor = self.current
        actor.waits, actor.woken = next(self._numbers), False
        self._polls[actor] = self.now + int(seconds * _MICROSECONDS)
        self._switch()
        self._polls.pop(actor, None)
        return actor.woken

    def is_polling(self, actor: Actor) -> bool:
        """Whether it sleeps until it is woken, or looks by itself."""
        return actor in self._polls and actor.waits > 0

    def wake(self, actor: Actor) -> None:
        """Lets somebody who waits go on."""
        if actor.waits and not actor.ended:
            actor.waits, actor.woken = 0, True
            self._ready.append(actor)

    def crash(self, process: Process) -> None:
        """All actors of the process die; the present one too, if it is one of them."""
        if not process.alive:
            return
        process.alive = False
        self._fallen.append(process)
        if self._current is not None and self._current.process is process:
            raise Crashed

    def fell(self, process: Process) -> None:
        """The process ended by itself."""
        process.alive = False
        self._fallen.append(process)

    def leave(self) -> None:
        """Ends the present actor: its process is dead."""
        raise Crashed

    def freeze(self, process: Process, seconds: float) -> None:
        """Nothing of the process goes on for so long."""
        process.frozen_until = max(process.frozen_until, self.now + int(seconds * _MICROSECONDS))

    # the world's turn

    def run(self, is_over: Callable[[], bool]) -> None:
        """Until it is over. Raises: NotConverged, and whatever an actor raised that nobody expected."""
        while True:
            if self._ready:
                self._go_on()
            elif is_over():
                return
            elif not self._jump():
                raise NotConverged("nobody can go on, and it is not over")
            if self._error is not None:
                raise self._error
            if self.steps > _LONGEST_STEPS or self.now > _LONGEST_SECONDS * _MICROSECONDS:
                raise NotConverged(f"not at rest after {self.steps} steps and {self.monotonic():.0f} s")

    def close(self) -> None:
        """Ends all actors."""
        for actor in [*self._ready, *self._polls]:
            actor.bury()

    def fail(self, error: Exception) -> None:
        """Ends the world by what nobody expected."""
        self._error = error

    def died(self, actor: Actor, error: Exception) -> None:
        """An actor ended by an exception."""
        if self.on_death is None:
            self._error = error
        else:
            self.on_death(actor, error)

    def _go_on(self) -> None:
        place = self.random.randrange(len(self._ready))
        self._ready[place], self._ready[-1] = self._ready[-1], self._ready[place]
        actor = self._ready.pop()
        process = actor.process
        if actor.ended:
            return
        if process is not None and process.frozen_until > self.now:
            self.later((process.frozen_until - self.now) / _MICROSECONDS, lambda: self._ready.append(actor))
            return
        self.steps += 1
        actor.waits = 0
        self._current = actor
        actor.greenlet.switch()
        self._current = None
        while self._fallen:
            self._bury(self._fallen.pop())

    def _bury(self, process: Process) -> None:
        for actor in list(process.actors):
            self._polls.pop(actor, None)
            self._current = actor
            actor.bury()
            self._current = None
        if process.on_crash is not None:
            process.on_crash()

    def _jump(self) -> bool:
        """To the next instant at which somebody can go on; polls that would find nothing are left out."""
        nearest = self._due[0][0] if self._due else None
        if self._polls:
            polled = min(self._polls.values())
            if nearest is None or polled < nearest:
                due = self.looks_at()
                if due is not None and (nearest is None or max(polled, due) < nearest):
                    self._poll_at(max(polled, due))
                    return True
        if nearest is None:
            return False
        self.now = max(self.now, nearest)
        heapq.heappop(self._due)[2]()
        return True

    def _poll_at(self, instant: int) -> None:
        self.now = max(self.now, instant)
        for actor, earliest in list(self._polls.items()):
            if earliest <= self.now:
                del self._polls[actor]
                actor.waits = 0
                self._ready.append(actor)

    def _over(self, actor: Actor, number: int) -> None:
        if actor.waits == number and not actor.ended:
            actor.waits = 0
            self._ready.append(actor)

    def _switch(self) -> None:
        actor = self.current
        self.hub.switch()
        self._current = actor
        if actor.process is not None and not actor.process.alive:
            raise Crashed
