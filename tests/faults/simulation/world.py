"""One seed's world: the processes of the house between contacts and a provider, until everything is at rest."""

from collections import Counter
from dataclasses import replace
from typing import Final, cast

from app.house import House
from app.outgoing import Guarded
from app.points import set_hook
from tests.faults.simulation.accidents import Accidents
from tests.faults.simulation.actors import Actor
from tests.faults.simulation.outside import Outside
from tests.faults.simulation.people import People
from tests.faults.simulation.places import BEGINNING, Place, the_place
from tests.faults.simulation.plans import Plan, draw
from tests.faults.simulation.processes import ENDS_A_WORKER, SimulatedLocks, Sweeping, Web, Worker
from tests.faults.simulation.scheduler import Scheduler

_TROUBLES: Final = 6  # few enough that no message is ever given up
_FLAG_SECONDS: Final = 3.0  # as app.lanes has it
_LEFT = """
    SELECT (SELECT count(*) FROM inbound_events WHERE state IN ('waiting', 'kept')
            AND (kind <> 'timer_fired' OR due_at < unix_microseconds() + 4000000000))
         + (SELECT count(*) FROM effects WHERE state IN ('queued', 'sending'))
         + (SELECT count(*) FROM runs WHERE status = 'waiting')
"""
_NEXT_DUE = """
    SELECT min(at) FROM (
        SELECT min(max(e.due_at, coalesce(c.not_before_at, 0))) AS at FROM inbound_events e
        JOIN conversations c ON c.id = e.conversation_id WHERE e.state = 'waiting' AND c.id NOT IN ({held})
        UNION ALL SELECT min(f.next_attempt_at) FROM effects f
        WHERE f.state IN ('queued', 'sending') AND f.conversation_id NOT IN ({held})
          AND NOT EXISTS (SELECT 1 FROM effects h WHERE h.conversation_id = f.conversation_id
                          AND h.state IN ('queued', 'sending') AND h.id < f.id))
"""
_UNTOLD = """
    SELECT provider_id FROM inbound_events WHERE state = 'waiting' AND kind IN ('message_received', 'message_status')
    AND due_at <= unix_microseconds() AND conversation_id NOT IN ({held}) LIMIT 1
"""


class World:
    """Everything of one seed. `run()` returns when it is at rest."""

    def __init__(self, seed: int, plan: Plan | None = None, trace: list[str] | None = None) -> None:
        self.seed, self.plan = seed, plan or draw(seed)
        self.place: Place = the_place()
        self.place.renew()
        self.scheduler = Scheduler(seed, trace)
        self.random = self.scheduler.random
        self.owners: dict[int, SimulatedLocks] = {}
        self.outside = Outside(
            self.scheduler,
            self.plan.mode == "key",
            self.plan.trouble,
            _TROUBLES if self.plan.trouble else 0,
            lambda taken: self.people.tell(taken),  # noqa: PLW0108  people are not there yet
        )
        self.people = People(self.scheduler, self.plan, self.place, lambda: self._web)
        self._accidents = Accidents(self.scheduler, self.plan, self.place.database)
        self.house: House = replace(self.place.house, http=cast("Guarded", self.outside))  # all that is asked of it
        self.workers: list[Worker] = []
        self.redis_is_up = self.plan.redis_is_up
        self._flags: dict[str, int] = {}
        self._waking = 0
        self._lost_wake_ups: list[str] = []

    # the whole

    def run(self) -> None:
        """Until nothing is left to be done. Raises: NotConverged, what breaks."""
        scheduler = self.scheduler
        self.place.now[0] = self._tick
        self.place.lanes.world = self
        scheduler.looks_at, scheduler.on_death = self._next_due, self._died
        set_hook(self._accidents.at)
        try:
            for n in range(self.plan.workers):
                self._start_worker(f"worker-{n + 1}")
            self._start_sweeper()
            self._start_web()
            self.people.begin()
            scheduler.run(self._is_over)
        finally:
            set_hook(None)
            scheduler.close()
            self.place.database.open_transactions = 0

    @property
    def faults(self) -> Counter[str]:
        """What went wrong, by kind."""
        return self._accidents.faults

    @property
    def lost_wake_ups(self) -> list[str]:
        """Work that nobody was woken for."""
        return self._lost_wake_ups

    def _tick(self) -> int:
        self.scheduler.now += 1
        return BEGINNING + self.scheduler.now

    def _is_over(self) -> bool:
        if self.scheduler.is_expecting or self.outside.under_way or self.owners:
            return False
        if any(process.frozen_until > self.scheduler.now for process in self.workers):
            return False
        return not self.place.connection.execute(_LEFT).fetchone()[0]

    def _next_due(self) -> int | None:
        """When something is due that nobody holds."""
        held = ", ".join(map(str, self.owners))
        instant = self.place.connection.execute(_NEXT_DUE.replace("{held}", held)).fetchone()[0]
        if instant is None:
            return None
        due = int(instant) - BEGINNING
        if self.plan.is_calm and due <= self.scheduler.now and self._everybody_sleeps():
            untold = self.place.connection.execute(_UNTOLD.replace("{held}", held)).fetchone()
            if untold:
                self._lost_wake_ups.append(f"nobody was woken for {untold[0]}, which was due at {due / 1e6:.3f}")
        return due

    def _everybody_sleeps(self) -> bool:
        """Whether no process does anything, and no wake-up is on its way."""
        runners = all(self.scheduler.is_polling(actor) for worker in self.workers for actor in worker.actors)
        return runners and not self._web.actors and not self._waking

    # processes

    def _start_worker(self, name: str) -> None:
        worker = Worker(name, self.scheduler, self.house, self.owners)
        self.workers.append(worker)

        def again() -> None:
            self.workers.remove(worker)
            self.scheduler.expect(
                self.random.choice((0.0, 0.05, 0.5)), worker.locks.close
            )  # its server may notice late
            self.scheduler.expect(self.random.choice((0.1, 0.5, 2.0)), lambda: self._start_worker(name))

        worker.on_crash = again

    def _start_sweeper(self) -> None:
        sweeper = Sweeping(self.scheduler, self.house)
        sweeper.on_crash = lambda: self.scheduler.expect(1.0, self._start_sweeper)

    def _start_web(self) -> None:
        self._web = Web(self.scheduler, self.place)
        self._web.on_crash = lambda: self.scheduler.expect(0.5, self._start_web)

    def _died(self, actor: Actor, error: Exception) -> None:
        if isinstance(actor.process, Worker) and isinstance(error, ENDS_A_WORKER):
            self.scheduler.note(f"{actor.name} ends: {type(error).__name__}")
            self.scheduler.fell(actor.process)
        else:
            self.scheduler.fail(error)

    # wake-ups

    def wake_up(self, lane: str) -> None:
        """The flag goes up, and one worker hears of it a moment later, unless it is lost on the way."""
        now = self.scheduler.now
        if not self.redis_is_up or self._flags.get(lane, 0) > now:
            return
        self._flags[lane] = now + int(_FLAG_SECONDS * 1_000_000)
        if self.random.random() >= self.plan.loses_wake_ups:
            self._waking += 1
            self.scheduler.expect(self.random.choice((0.0, 0.001, 0.02)), self._hear)

    def lower_flag(self, lane: str) -> None:
        """The next wake-up comes through again."""
        self._flags.pop(lane, None)

    def _hear(self) -> None:
        self._waking -= 1
        if self.workers:
            self.random.choice(self.workers).runner.wake()
