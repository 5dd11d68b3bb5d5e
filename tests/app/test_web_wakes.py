"""Webhooks wake the worker: the first at once, all that come within a moment by one more."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.lanes import Lanes
from app.web.wakes import Wakes
from tests.app.processes import until


@dataclass
class Noting(Lanes):
    """Lanes that note which were woken, and when."""

    woken: list[tuple[str, float]] = field(default_factory=list)
    meanwhile: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        super().__init__(None)

    def wake(self, lane: str) -> None:
        self.woken.append((lane, time.monotonic()))
        if self.meanwhile is not None:
            act, self.meanwhile = self.meanwhile, None
            act()


def test_the_first_wakes_at_once_and_the_others_together_a_moment_later() -> None:
    lanes = Noting()
    wakes = Wakes(lanes)
    for _ in range(50):
        wakes.wake()
    assert [lane for lane, _ in lanes.woken[:1]] == ["turns"]
    until(lambda: len(lanes.woken) > 1, "the others are told of")
    first, second, *more = [at for _, at in lanes.woken]
    assert not more
    assert second - first >= 0.019


def test_what_comes_while_redis_is_asked_is_told_of_by_another_one() -> None:
    lanes = Noting()
    wakes = Wakes(lanes)
    lanes.meanwhile = wakes.wake
    wakes.wake()
    until(lambda: len(lanes.woken) == 2, "the one that came meanwhile is told of")


def test_after_a_pause_the_next_one_wakes_at_once_again() -> None:
    lanes = Noting()
    wakes = Wakes(lanes)
    wakes.wake()
    again_at = time.monotonic() + 0.03
    until(lambda: time.monotonic() >= again_at, "the moment is over")
    wakes.wake()
    assert len(lanes.woken) == 2
