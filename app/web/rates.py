"""How often one visitor may come, counted in this process."""

import threading
import time
from collections import OrderedDict


class Rates:
    """A bucket of `burst` drops for each name, filled at `per_second`; the least recent names are forgotten first."""

    def __init__(self, per_second: float, burst: int, names: int = 10_000) -> None:
        """`names` bounds the memory: a stranger can make up any number of them."""
        self._per_second, self._burst, self._names = per_second, burst, names
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, name: str, now_seconds: float | None = None) -> float:
        """Takes a drop: 0, or the seconds until there is one again (then none was taken)."""
        now = time.monotonic() if now_seconds is None else now_seconds
        with self._lock:
            level, at = self._levels.pop(name, (float(self._burst), now))
            level = min(self._burst, level + (now - at) * self._per_second)
            waits = 0.0 if level >= 1 else (1 - level) / self._per_second
            self._levels[name] = (level if waits else level - 1, now)
            while len(self._levels) > self._names:
                self._levels.popitem(last=False)
        return waits
