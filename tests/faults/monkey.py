"""The monkey: kills processes with SIGKILL at random, and at every labelled place of a turn."""

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.driver import Driver
from tests.faults.keeper import Keeper, Kept, children_of, kill

RANDOM = ("worker parent", "worker child", "web master", "web process", "sweeper", "redis")
_IN_WEB = "app/web"
_REACH_SECONDS = 12.0  # a labelled place that the traffic does not come by is given up
_PROGRESS_SECONDS = 4.0
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
            self._do(self.rng.choice(RANDOM))
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
        pid = kept.pid
        if what in ("worker child", "web process"):
            deadline = time.monotonic() + _PROGRESS_SECONDS
            while not (children := children_of(kept.pid)) and time.monotonic() < deadline:
                time.sleep(0.02)
            pid = self.rng.choice(children) if children else 0
        if kill(pid):
            self._note(what)

    def _at(self, name: str, place: str) -> None:
        """Starts one worker or web anew so that it kills itself at that place, and disarms it afterwards."""
        kept = self._one_of(name)
        leader = f"{name} {'parent' if name == 'worker' else 'master'}"
        kept.armed["PATCHBAY_CRASH_AT"] = f"{place}:{self.rng.randint(1, 3)}"
        old = kept.pid
        self._kill(leader, kept)
        self._until(lambda: kept.pid not in (0, old))
        parent = kept.pid
        self._until(lambda: bool(children_of(parent)))
        victims = children_of(parent)
        self.driver.tap.open_until += self.share
        if self._until(lambda: bool(victims) and not set(victims) <= set(children_of(parent))):
            self._note(f"{name} at {place}")
        else:
            self.not_reached.append(place)
        kept.armed.clear()
        self._kill(leader, kept)

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
    """Every labelled place of the code, as `worker at commit:before` or `web at inbox:written`."""
    root = Path(__file__).resolve().parents[2]
    found = {
        f"{'web' if file.is_relative_to(root / _IN_WEB) else 'worker'} at {name}"
        for file in (root / "app").rglob("*.py")
        for name in re.findall(r'\bpoint\("([a-z_:]+)"\)', file.read_text())
    }
    return sorted(found)


def plan(kills: int, seed: int) -> list[str]:
    """Steps that come to about that many kills, half of them around labelled places: to arm, the blow, to disarm."""
    rng, at_places = random.Random(seed), places()
    rng.shuffle(at_places)
    chosen = at_places[: max(1, kills // 6)]
    rest = kills - 3 * len(chosen)
    decks: list[str] = []
    while len(decks) < rest:
        deck = list(RANDOM)
        rng.shuffle(deck)
        decks += deck
    steps = [*decks[:rest], *chosen]
    rng.shuffle(steps)
    return steps
