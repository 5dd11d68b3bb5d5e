"""The registered jobs. The one there is carries a lane's name and does nothing but tell the runner to look."""

from collections.abc import Callable

from app.lanes import LANES, REGISTERED


def register_wake(look: Callable[[], None]) -> None:
    """Makes `wake` a job of this process."""

    def wake(lane: str) -> None:
        if lane in LANES:
            look()

    REGISTERED["wake"] = wake
