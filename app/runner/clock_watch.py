"""Notices that the database's clock was set forward: what looks old by it may be young."""

from collections.abc import Callable

_JUMP_MICROSECONDS = 5_000_000  # more than reading the clock may take, and less than matters


class ClockWatch:
    """Holds the database's clock against this process's own, which nobody sets."""

    def __init__(self, monotonic: Callable[[], float], doubted_seconds: float) -> None:
        """After a jump ages are doubted for so long; then everything that was young at the jump is old enough."""
        self._monotonic, self._doubted_seconds = monotonic, doubted_seconds
        self._last: tuple[int, float] | None = None
        self._doubted_until = 0.0

    def saw(self, now: int, asked_at: float) -> None:
        """The database's clock said so (microseconds), asked at that instant of our own clock.

        As a slow answer must not look like a jump, the time that passed is taken from that asking to this answer.
        """
        present = self._monotonic()
        if self._last:
            jump = now - self._last[0] - int((present - self._last[1]) * 1_000_000)
            if jump > _JUMP_MICROSECONDS:
                self._doubted_until = present + self._doubted_seconds
        self._last = now, asked_at

    @property
    def has_seen(self) -> bool:
        """Whether there is anything to compare with yet."""
        return self._last is not None

    @property
    def is_doubted(self) -> bool:
        """Whether ages by the database's clock are not to be trusted yet."""
        return self._monotonic() < self._doubted_until
