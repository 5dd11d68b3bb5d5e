"""Threads for what is done beside the runner's rounds; once a second it is looked for what they could do."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from app.machine import Machine

_EVERY_SECONDS: Final = 1.0


class Threads:
    """So many threads of a name."""

    def __init__(self, machine: Machine, most: int, name: str) -> None:
        """They do nothing yet."""
        self._machine, self._most = machine, most
        self._pool = machine.pool(most, name)
        self._under_way: list[tuple[str, Future[None]]] = []
        self._looked_at = 0.0

    def free(self) -> int:
        """How many could do something now; 0 less than a second after they were asked for last."""
        present = self._machine.monotonic()
        self._under_way = [one for one in self._under_way if not one[1].done()]
        free = self._most - len(self._under_way)
        if not free or present - self._looked_at < _EVERY_SECONDS:
            return 0
        self._looked_at = present
        return free

    def hurry(self) -> None:
        """There is something to do just now."""
        self._looked_at = 0.0

    def busy(self) -> Counter[str]:
        """How many are at work, by what `begin` was told."""
        return Counter(of for of, _ in self._under_way)

    def begin(self, work: Callable[[], None], of: str = "") -> None:
        """Let a thread do that."""
        self._under_way.append((of, self._pool.submit(work)))

    def close(self) -> None:
        """Starts no more."""
        self._pool.shutdown(wait=False)
