"""Stops asking a host that keeps failing, and asks again with one careful request."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Literal

from app.outgoing.timed_socket import Clock

BreakerState = Literal["closed", "open", "half_open"]


@dataclass(frozen=True)
class BreakerLimits:
    """When the breaker opens and for how long."""

    failures: int = 5  # in a row: one lost packet or one restart of the service does not reach it
    window_seconds: float = 60.0  # failures further apart are single accidents, not an outage
    open_seconds: float = (
        15.0  # long enough to spare callers the wait, short enough that recovery is noticed within a call
    )
    origins: int = 1_000  # a flow that makes up hosts must not fill the memory


@dataclass
class _Circuit:
    failed_at: list[float] = field(default_factory=list)
    open_until: float = 0.0
    probed_at: float | None = None


class CircuitBreaker:
    """One circuit per origin, in the memory of this process; safe for many threads."""

    def __init__(self, limits: BreakerLimits = BreakerLimits(), clock: Clock = time.monotonic) -> None:
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._circuits: OrderedDict[str, _Circuit] = OrderedDict()

    def allows(self, origin: str) -> bool:
        """True if a request may go now. While half open it is True once, for the probe; report how that went."""
        with self._lock:
            circuit = self._circuits.get(origin)
            if circuit is None or not circuit.open_until:
                return True
            now = self._clock()
            probe_lost = circuit.probed_at is None or now - circuit.probed_at >= self._limits.open_seconds
            if now < circuit.open_until or not probe_lost:
                return False
            circuit.probed_at = now
            return True

    def succeeded(self, origin: str) -> None:
        """The origin works: an answer came, and it was not a 5xx."""
        with self._lock:
            self._circuits.pop(origin, None)

    def failed(self, origin: str) -> None:
        """The origin did not work: no answer, or a 5xx. What the author did wrong does not count."""
        with self._lock:
            now = self._clock()
            circuit = self._circuits.setdefault(origin, _Circuit())
            self._circuits.move_to_end(origin)
            circuit.failed_at = [*circuit.failed_at, now][-self._limits.failures :]
            in_window = [at for at in circuit.failed_at if now - at <= self._limits.window_seconds]
            if circuit.probed_at is not None or len(in_window) >= self._limits.failures:
                circuit.open_until, circuit.probed_at = now + self._limits.open_seconds, None
            while len(self._circuits) > self._limits.origins:
                self._circuits.popitem(last=False)

    def state(self, origin: str) -> BreakerState:
        """The circuit's state, for metrics and the errors page."""
        with self._lock:
            circuit = self._circuits.get(origin)
            if circuit is None or not circuit.open_until:
                return "closed"
            return "open" if self._clock() < circuit.open_until else "half_open"

    def not_closed(self) -> tuple[str, ...]:
        """The origins that are spared now, for metrics."""
        with self._lock:
            return tuple(origin for origin, circuit in self._circuits.items() if circuit.open_until)
