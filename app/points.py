"""Labelled places of a turn: nothing in production, a crash or a switch in the fault tests."""

import os
import signal
from collections.abc import Callable


class _Fault:
    """What happens at every point of this process."""

    hook: Callable[[str], None] | None = None


_fault = _Fault()


def point(name: str) -> None:
    """Marks a place at which a process may be killed."""
    if _fault.hook is not None:
        _fault.hook(name)


def set_hook(hook: Callable[[str], None] | None) -> None:
    """Tests put their crash or their scheduler here."""
    _fault.hook = hook


def crash_from_environment() -> None:
    """PATCHBAY_CRASH_AT=name:n kills this process at the n-th passing of a point (fault tests only)."""
    wish = os.environ.get("PATCHBAY_CRASH_AT", "")
    if not wish:
        return
    wanted, _, count = wish.partition(":")
    left = [int(count or 1)]

    def crash(name: str) -> None:
        if name == wanted:
            left[0] -= 1
            if not left[0]:
                os.kill(os.getpid(), signal.SIGKILL)

    set_hook(crash)
