"""Where passwords are hashed: beside the loop that serves everybody else, and few at once."""

from collections.abc import Callable
from threading import BoundedSemaphore
from typing import Final, ParamSpec, TypeVar

from gevent import get_hub, monkey

P = ParamSpec("P")
T = TypeVar("T")
_AT_ONCE: Final = 2
"""Each takes 46 MiB and a processor; a stampede waits for its turn here, while webhooks are answered."""
_turns: Final = BoundedSemaphore(_AT_ONCE)


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What the work returns. Under gevent it runs in a thread of the system, for its own would stop all others."""
    with _turns:
        if monkey.is_module_patched("threading"):
            done: T = get_hub().threadpool.apply(work, args, kwargs)
            return done
        return work(*args, **kwargs)
