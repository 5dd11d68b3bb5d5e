"""Ties a child's life to its parent's, so that `kill -9` of the launcher leaves no process behind for ever."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1
"""https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""

_LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def attached(parent: int, number: signal.Signals = signal.SIGTERM) -> Callable[[], None] | None:
    """What a child runs between fork and exec to be sent `number` when its parent dies; None where Linux is missing.

    Call it in the main thread of the parent: the kernel watches the thread that forked.
    """
    if _LIBC is None:
        return None
    prctl = _LIBC.prctl

    def attach() -> None:
        prctl(PR_SET_PDEATHSIG, int(number), 0, 0, 0)
        if os.getppid() != parent:  # the parent died before the call above took effect
            os._exit(1)

    return attach
