"""Labelled places of a turn: nothing in production, a crash or a switch in the fault tests."""

import os
import signal
from collections.abc import Callable
from pathlib import Path


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


def crash_as_told() -> None:
    """The file PATCHBAY_CRASH_FILE may hold `name n`: this process dies at the n-th passing of that point.

    It takes the file away before, so that only one process dies of it (fault tests only).
    """
    path = Path(os.environ.get("PATCHBAY_CRASH_FILE", os.devnull))
    if not path.is_file():
        return
    wanted, _, count = path.read_text().partition(" ")
    left = [int(count)]

    def crash(name: str) -> None:
        if name == wanted:
            left[0] -= 1
            if not left[0]:
                path.unlink(missing_ok=True)
                os.kill(os.getpid(), signal.SIGKILL)

    set_hook(crash)
