"""The machine on which figures are made, so that they can be read."""

import os
import platform
import time
from pathlib import Path

_LOOK_SECONDS = 1.0


def machine() -> dict[str, object]:
    """Its processors, their speed just now, and what others do on it."""
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "million_additions_ms": million_additions_ms(),
        "others_percent": busy_percent(),
        "load": round(os.getloadavg()[0], 1),
    }


def million_additions_ms() -> int:
    """How much of a processor a million additions in Python take just now."""
    started, total = time.process_time(), 0
    for number in range(1_000_000):
        total += number
    return round(1_000 * (time.process_time() - started))


def busy_percent() -> int:
    """How much of all processors is used during the next second (Linux; elsewhere 0).

    What runs at low priority gives way, and does not count.
    https://man7.org/linux/man-pages/man5/proc_stat.5.html
    """
    before = _busy_and_idle()
    time.sleep(_LOOK_SECONDS)
    busy, idle = (after - was for after, was in zip(_busy_and_idle(), before, strict=True))
    return round(100 * busy / (busy + idle)) if busy + idle else 0


def _busy_and_idle() -> tuple[int, int]:
    stat = Path("/proc/stat")
    if not stat.exists():
        return 0, 0
    user, nice, system, idle, waiting, interrupts, soft, *_ = map(int, stat.read_text().split("\n")[0].split()[1:])
    return user + system + interrupts + soft, nice + idle + waiting
