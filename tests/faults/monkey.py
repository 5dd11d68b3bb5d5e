"""The monkey: kills processes with SIGKILL at random, and at every labelled place of a turn."""

import random
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.driver import Driver
from tests.faults.keeper import Keeper, Kept, children_of, kill

RANDOM = 3 * ("worker parent", "worker child", "worker both", "web master", "web process", "sweeper", "redis")
DATABASE = ("database killed", "database immediate")  # where it is a process; rarer, as it stops everybody
_IN_WEB = "app/web"
_OFF_THE_WAY = ("letter:", "mail:", "schedule:")  # no message comes by there: tests/app/ dies at these places
_REACH_SECONDS, _SHARES = 5.0, 3  # a labelled place that the traffic does not come by in so many tries is given up
_PROGRESS_SECONDS = 0.6
_CALM_SECONDS = 90.0


@dataclass
class Monkey:
    """Each step lets a share of the messages in, waits for some of its answers, and kills."""

    keeper: Keeper
    driver: Driver
    answered: Callable[[], int]
    rng: random.Random
    steps: Sequence[str]
    share: int
    deck: Sequence[str]  # what may be killed at random
    least_kills: int
    calm: bool = False  # wait until a kill is got over before the next
    kills: Counter[str] = field(default_factory=Counter)
    blows: list[tuple[float, str]] = field(default_factory=list)  # time.time() and what was killed
    not_reached: list[str] = field(default_factory=list)
    done: bool = False

    def run(self) -> None:
        """In a thread of its own."""
        for step in self.steps:
            self._do(step)
        while sum(self.kills.values()) < self.least_kills:  # a place was not reached, or nobody was there to be killed
            self._do(self.rng.choice(self.deck))
        self.done = True

    def _do(self, step: str) -> None:
        name, _, place = step.partition(" at ")
        if place:
            self._at(name, place)
        else:
            self._let_in(until_answered=not step.startswith("web"))
            self._kill(step)
        if self.calm:
            self._get_over()

    def _get_over(self) -> None:
        deadline = time.monotonic() + _CALM_SECONDS
        while time.monotonic() < deadline and not self._is_over():
            time.sleep(0.02)

    def _is_over(self) -> bool:
        driver = self.driver
        return len(driver.accepted) >= min(driver.tap.open_until, driver.messages) and self.answered() >= len(
            driver.accepted
        )

    def _let_in(self, *, until_answered: bool) -> None:
        """The next share, and some of its answers, so that the blow falls while work is under way."""
        before = self.answered()
        self.driver.tap.open_until += self.share
        wanted = before + (self.rng.randint(0, self.share) if until_answered else 0)
        deadline = time.monotonic() + _PROGRESS_SECONDS
        while self.answered() < wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(self.rng.uniform(0, 0.05))

    def _kill(self, what: str, kept: Kept | None = None) -> None:
        kept = kept or self._one_of(what)
        children = self._children(kept) if what in ("worker child", "worker both", "web process") else []
        if what == "database immediate":  # as `pg_ctl stop -m immediate` does
            number, pids = signal.SIGQUIT, [kept.pid]
        else:
            number, pids = signal.SIGKILL, [kept.pid] if not children else [self.rng.choice(children)]
        if what == "worker both":
            pids = [kept.pid, *children]
        if [pid for pid in pids if kill(pid, number)]:
            self._note(what)

    def _children(self, kept: Kept) -> list[int]:
        """Its processes, as soon as it has one."""
        deadline = time.monotonic() + _PROGRESS_SECONDS
        while not (children := children_of(kept.pid)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return children

    def _at(self, name: str, place: str) -> None:
        """Kills one worker's or web's process, so that the next one kills itself at that place."""
        kept = self._one_of(name)
        kept.crash_file.write_text(f"{place} {self.rng.randint(1, 2)}")
        self._kill("worker child" if name == "worker" else "web process", kept)
        for _ in range(_SHARES):
            self.driver.tap.open_until += self.share
            if self._until(lambda: not kept.crash_file.exists()):
                self._note(f"{name} at {place}")
                return
        self.not_reached.append(place)
        kept.crash_file.unlink(missing_ok=True)

    def _until(self, is_so: Callable[[], bool]) -> bool:
        deadline = time.monotonic() + _REACH_SECONDS
        while not is_so():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.005)
        return True

    def _one_of(self, what: str) -> Kept:
        kind = what.partition(" ")[0]
        return self.keeper.kept[self.rng.choice([name for name in self.keeper.kept if name.partition("-")[0] == kind])]

    def _note(self, what: str) -> None:
        self.kills[what] += 1
        self.blows.append((time.time(), what))


def places() -> list[str]:
    """Every labelled place on a message's way, as `worker at commit:before` or `web at inbox:written`."""
    root = Path(__file__).resolve().parents[2]
    found = {
        f"{'web' if file.is_relative_to(root / _IN_WEB) else 'worker'} at {name}"
        for file in (root / "app").rglob("*.py")
        for name in re.findall(r'\bpoint\("([a-z_:]+)"\)', file.read_text())
        if not name.startswith(_OFF_THE_WAY)
    }
    return sorted(found)


def plan(kills: int, seed: int, deck: Sequence[str], at_places: int) -> list[str]:
    """Steps that come to so many kills, so many of them at labelled places, of which each takes another kill before."""
    rng = random.Random(seed)
    steps = [*_dealt(rng, places(), at_places), *_dealt(rng, deck, kills - 2 * at_places)]
    rng.shuffle(steps)
    return steps


def _dealt(rng: random.Random, deck: Sequence[str], count: int) -> list[str]:
    """So many of them, each as often as any other."""
    dealt: list[str] = []
    while len(dealt) < count:
        dealt += rng.sample(deck, len(deck))
    return dealt[:count]
