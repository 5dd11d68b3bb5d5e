"""What happens at a labelled place: nothing, somebody else's turn, a delay, a process that stands still, or a crash."""

from collections import Counter
from typing import Final

from tests.faults.simulation.actors import Process
from tests.faults.simulation.places import WatchedDatabase
from tests.faults.simulation.plans import Plan
from tests.faults.simulation.processes import Worker
from tests.faults.simulation.scheduler import Scheduler

_TAKEN_AWAY_SECONDS: Final = 21.0  # a process silent for 20 s loses its locks in the next sweep
_LONGEST_FREEZE: Final = 60.0
_YOUNG_SECONDS: Final = 4.0  # between the last check of its mark and the call a send must not be held up longer


_OFTEN: Final = 4  # a stop between the mark of a message and its sending is what marks grow old by


class Accidents:
    """The hook of `app.points` in one world."""

    def __init__(self, scheduler: Scheduler, plan: Plan, database: WatchedDatabase) -> None:
        self._scheduler, self._plan, self._database = scheduler, plan, database
        self._random = scheduler.random
        self.faults: Counter[str] = Counter()

    def at(self, name: str) -> None:
        scheduler = self._scheduler
        if not scheduler.acts:
            return
        actor = scheduler.current
        process = actor.process
        actor.at = name
        scheduler.note(f"{actor.name} {name}")
        if process is None:
            return
        if not process.alive:
            scheduler.leave()
        self._may_crash(process, name)
        if self._database.open_transactions:
            return
        roll = self._random.random()
        delays = self._plan.delays * (_OFTEN if name == "send:marked" else 1)
        if roll < delays:
            longest = _YOUNG_SECONDS if name == "send:before" else 20.0
            self._freeze_or_wait(process, name, longest)
        elif roll < delays + self._plan.switches:
            scheduler.step_aside()
        actor.at = ""

    def _may_crash(self, process: Process, name: str) -> None:
        if self.faults["crashes"] < self._plan.crashes and self._random.random() < self._plan.crash_share:
            self.faults["crashes"] += 1
            self._scheduler.note(f"{process.name} is killed at {name}")
            self._scheduler.crash(process)

    def _freeze_or_wait(self, process: Process, name: str, longest: float) -> None:
        may_freeze = isinstance(process, Worker) and self.faults["freezes"] < self._plan.freezes
        # What is not promised: a machine frozen between the last check of a mark and the call.
        if may_freeze and not any(actor.at == "send:before" for actor in process.actors):
            self.faults["freezes"] += 1
            seconds = self._random.choice((3.0, 10.0, _LONGEST_FREEZE))
            self._scheduler.note(f"{process.name} is frozen at {name} for {seconds} s")
            self._scheduler.freeze(process, seconds)
            if seconds > _TAKEN_AWAY_SECONDS and isinstance(process, Worker):
                self._scheduler.expect(_TAKEN_AWAY_SECONDS, process.locks.close)
            self._scheduler.step_aside()
        else:
            self._scheduler.pause(min(self._random.choice((0.001, 0.03, 1.0, 6.0)), longest))
