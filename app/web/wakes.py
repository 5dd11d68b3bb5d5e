"""Wake-ups of the lane `turns` after webhooks: the first at once, then one for all that come within a moment."""

import threading
import time
from typing import Final

from app.lanes import Lanes

APART_SECONDS: Final = 0.02
"""A runner that has something in flight looks that often by itself, so nothing waits longer (RELIABILITY §2)."""


class Wakes:
    """One process's. Asking Redis at every webhook costs a tenth of it."""

    def __init__(self, lanes: Lanes, apart_seconds: float = APART_SECONDS) -> None:
        """Nobody has been woken yet."""
        self._lanes, self._apart_seconds = lanes, apart_seconds
        self._lock = threading.Lock()
        self._again_at = 0.0
        self._is_coming = False

    def wake(self) -> None:
        """Whatever is committed by now will be looked at, in a moment at the latest. Best effort, never raises."""
        with self._lock:
            if self._is_coming:
                return
            wait_seconds = self._again_at - time.monotonic()
            if wait_seconds > 0:
                self._is_coming = True
                later = threading.Timer(wait_seconds, self._wake)
                later.daemon = True
                later.start()
                return
        self._wake()

    def _wake(self) -> None:
        with self._lock:
            self._is_coming = False  # before Redis is asked: what is committed from now on needs another one
            self._again_at = time.monotonic() + self._apart_seconds
        self._lanes.wake("turns")
