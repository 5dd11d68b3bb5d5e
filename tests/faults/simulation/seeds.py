"""One seed, or many of them in several processes; the same seed is the same world, wherever it runs."""

import gc
import logging
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context

import structlog

from tests.faults.simulation.judging import judge
from tests.faults.simulation.mutations import MUTATIONS, planted
from tests.faults.simulation.places import the_place
from tests.faults.simulation.scheduler import NotConverged
from tests.faults.simulation.world import World

_SLICE = 25  # seeds that a process takes at once


@dataclass(frozen=True)
class Outcome:
    """What became of a seed. `fingerprint` is of its whole schedule: the same twice means the same world twice."""

    seed: int
    broken: Sequence[str]
    fingerprint: int
    steps: int
    cpu_seconds: float
    faults: Counter[str]


@dataclass
class Tally:
    """Many seeds together."""

    seeds: int = 0
    steps: int = 0
    cpu_seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    broken: dict[int, Sequence[str]] = field(default_factory=dict)
    fingerprints: dict[int, int] = field(default_factory=dict)

    def add(self, outcome: Outcome) -> None:
        """Counts one more."""
        self.seeds += 1
        self.steps += outcome.steps
        self.cpu_seconds += outcome.cpu_seconds
        self.faults.update(outcome.faults)
        self.fingerprints[outcome.seed] = outcome.fingerprint
        if outcome.broken:
            self.broken[outcome.seed] = outcome.broken


def run_seed(seed: int, trace: list[str] | None = None, mutation: str = "") -> Outcome:
    """Runs the world of this seed until it is at rest, and judges it."""
    began, state = time.process_time(), random.getstate()
    random.seed(seed)  # the product spreads its pauses by it
    world = World(seed, trace=trace)
    try:
        with silence():
            if mutation:
                with planted(mutation):
                    world.run()
            else:
                world.run()
        broken = judge(world)
    except NotConverged as error:
        broken = [str(error)]
    except Exception as error:  # noqa: BLE001  whatever it is, this seed has found it
        broken = [f"{type(error).__name__}: {error}"]
    finally:
        random.setstate(state)
    faults = world.faults + Counter(
        messages=sum(map(len, world.people.accepted.values())), sends=len(world.outside.taken)
    )
    scheduler = world.scheduler
    spent = time.process_time() - began
    return Outcome(seed, broken, scheduler.fingerprint, scheduler.steps, spent, faults)


def run_seeds(seeds: Sequence[int], processes: int) -> Tally:
    """Runs them all."""
    tally = Tally()
    slices = [seeds[n : n + _SLICE] for n in range(0, len(seeds), _SLICE)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        for outcomes in pool.map(_run_slice, slices):
            for outcome in outcomes:
                tally.add(outcome)
    return tally


def first_catch(mutation: str, seeds: Sequence[int]) -> Outcome | None:
    """The first seed that finds a planted fault."""
    for seed in seeds:
        outcome = run_seed(seed, mutation=mutation)
        if outcome.broken:
            return outcome
    return None


def _run_slice(seeds: Sequence[int]) -> list[Outcome]:
    the_place()
    gc.freeze()  # what every seed uses again need not be looked through again
    return [run_seed(seed) for seed in seeds]


@contextmanager
def silence() -> Iterator[None]:
    """What the product logs about faults that are made on purpose helps nobody."""
    before, disabled = structlog.get_config(), logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(disabled)


__all__ = ["MUTATIONS", "Outcome", "Tally", "first_catch", "run_seed", "run_seeds", "silence"]
