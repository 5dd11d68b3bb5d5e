"""Keeps one slow host from taking every thread."""

from __future__ import annotations

import threading
from collections import Counter


class HostSlots:
    """At most so many requests at once per host; never waits, so that the caller can do other work.

    Safe for many threads.
    """

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._lock = threading.Lock()
        self._taken: Counter[str] = Counter()

    def try_take(self, host: str) -> bool:
        """True if there was a free slot, which is now the caller's until `release`."""
        with self._lock:
            if self._taken[host] >= self._per_host:
                return False
            self._taken[host] += 1
            return True

    def release(self, host: str) -> None:
        """Gives a slot back."""
        with self._lock:
            if self._taken[host] <= 1:
                del self._taken[host]  # so that hosts seen once leave nothing behind
            else:
                self._taken[host] -= 1
