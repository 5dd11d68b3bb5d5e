"""One seed's world: the processes of the house between contacts and a provider, until everything is at rest."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast
from urllib.parse import urlsplit

from sqlalchemy import text

from app import inbox
from app.house import House
from app.outgoing import Guarded
from app.points import point, set_hook
from tests.faults.simulation.outside import Outside, Taken
from tests.faults.simulation.places import ACCOUNT, BEGINNING, OURS, Place, the_place
from tests.faults.simulation.plans import Plan, draw
from tests.faults.simulation.processes import ENDS_A_WORKER, SimulatedLocks, Sweeping, Web, Worker
from tests.faults.simulation.scheduler import Actor, Process, Scheduler

_TROUBLES: Final = 6  # few enough that no message is ever given up
_FLAG_SECONDS: Final = 3.0  # as app.lanes has it
_TAKEN_AWAY_SECONDS: Final = 21.0  # a process silent for 20 s loses its locks in the next sweep
_LONGEST_FREEZE: Final = 60.0
_YOUNG_SECONDS: Final = 4.0  # between the last check of its mark and the call a send must not be held up longer
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


@dataclass
class Agent:
    """What people did, for whoever judges."""

    contact: int = -1
    replies: list[str] = field(default_factory=list)


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
            self._tell,
        )
        self.house: House = replace(self.place.house, http=cast("Guarded", self.outside))  # all that is asked of it
        self.workers: list[Worker] = []
        self.accepted: dict[int, list[str]] = {n: [] for n in range(len(self.plan.contacts))}
        self.agent = Agent()
        self.faults: Counter[str] = Counter()
        self.redis_is_up = self.plan.redis_is_up
        self._flags: dict[str, int] = {}
        self._busy = 0  # actors outside, restarts and the like, without which it is not over
        self._waking = 0
        self._lost_wake_ups: list[str] = []

    # the whole

    def run(self) -> None:
        """Until nothing is left to be done. Raises: NotConverged, what breaks."""
        scheduler = self.scheduler
        self.place.now[0] = self._tick
        self.place.lanes.world = self
        scheduler.looks_at, scheduler.on_death = self._next_due, self._died
        set_hook(self._at)
        try:
            for n in range(self.plan.workers):
                self._start_worker(f"worker-{n + 1}")
            self._start_sweeper()
            self._start_web()
            for n, (kind, messages) in enumerate(self.plan.contacts):
                self._outside(f"contact-{n}", lambda n=n, kind=kind, messages=messages: self._write(n, kind, messages))
            if self.plan.agent:
                self._outside("agent", self._act)
            scheduler.run(self._is_over)
        finally:
            set_hook(None)
            scheduler.close()
            self.place.database.open_transactions = 0

    @property
    def lost_wake_ups(self) -> list[str]:
        """Work that nobody was woken for."""
        return self._lost_wake_ups

    def _tick(self) -> int:
        self.scheduler.now += 1
        return BEGINNING + self.scheduler.now

    def _is_over(self) -> bool:
        if self._busy or self.outside.under_way or self.owners:
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
        return runners and not self.web.actors and not self._waking

    # processes

    def _start_worker(self, name: str) -> None:
        worker = Worker(name, self.scheduler, self.house, self.owners)
        self.workers.append(worker)

        def again() -> None:
            self.workers.remove(worker)
            self._soon(self.random.choice((0.0, 0.05, 0.5)), worker.locks.close)  # its server may notice late
            self._soon(self.random.choice((0.1, 0.5, 2.0)), lambda: self._start_worker(name))

        worker.on_crash = again

    def _start_sweeper(self) -> None:
        self.sweeper = Sweeping(self.scheduler, self.house)
        self.sweeper.on_crash = lambda: self._soon(1.0, self._start_sweeper)

    def _start_web(self) -> None:
        self.web = Web(self.scheduler, self.place.app, self.house.settings.effective_public_url)
        self.web.on_crash = lambda: self._soon(0.5, self._start_web)

    def _soon(self, seconds: float, action: Any) -> None:
        self._busy += 1

        def do() -> None:
            self._busy -= 1
            action()

        self.scheduler.later(seconds, do)

    def _died(self, actor: Actor, error: Exception) -> None:
        if isinstance(actor.process, Worker) and isinstance(error, ENDS_A_WORKER):
            self.scheduler.note(f"{actor.name} ends: {type(error).__name__}")
            self.scheduler.fell(actor.process)
        else:
            self.scheduler.fail(error)

    # what happens at a point

    def _at(self, name: str) -> None:
        scheduler = self.scheduler
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
        if self.place.database.open_transactions:
            return
        roll = self.random.random()
        if roll < self.plan.delays:
            longest = _YOUNG_SECONDS if name == "send:before" else 20.0
            self._freeze_or_wait(process, name, longest)
        elif roll < self.plan.delays + self.plan.switches:
            scheduler.step_aside()
        actor.at = ""

    def _may_crash(self, process: Process, name: str) -> None:
        if self.faults["crashes"] < self.plan.crashes and self.random.random() < self.plan.crash_share:
            self.faults["crashes"] += 1
            self.scheduler.note(f"{process.name} is killed at {name}")
            self.scheduler.crash(process)

    def _freeze_or_wait(self, process: Process, name: str, longest: float) -> None:
        may_freeze = isinstance(process, Worker) and self.faults["freezes"] < self.plan.freezes
        # What is not promised: a machine frozen between the last check of a mark and the call.
        if may_freeze and not any(actor.at == "send:before" for actor in process.actors):
            self.faults["freezes"] += 1
            seconds = self.random.choice((3.0, 10.0, _LONGEST_FREEZE))
            self.scheduler.note(f"{process.name} is frozen at {name} for {seconds} s")
            self.scheduler.freeze(process, seconds)
            if seconds > _TAKEN_AWAY_SECONDS and isinstance(process, Worker):
                self._soon(_TAKEN_AWAY_SECONDS, process.locks.close)
            self.scheduler.step_aside()
        else:
            self.scheduler.pause(min(self.random.choice((0.001, 0.03, 1.0, 6.0)), longest))

    # wake-ups

    def wake_up(self, lane: str) -> None:
        """The flag goes up, and one worker hears of it a moment later, unless it is lost on the way."""
        now = self.scheduler.now
        if not self.redis_is_up or self._flags.get(lane, 0) > now:
            return
        self._flags[lane] = now + int(_FLAG_SECONDS * 1_000_000)
        if self.random.random() >= self.plan.loses_wake_ups:
            self._waking += 1
            self._soon(self.random.choice((0.0, 0.001, 0.02)), self._hear)

    def lower_flag(self, lane: str) -> None:
        """The next wake-up comes through again."""
        self._flags.pop(lane, None)

    def _hear(self) -> None:
        self._waking -= 1
        if self.workers:
            self.random.choice(self.workers).runner.wake()

    # contacts, the provider's news, and people

    def _outside(self, name: str, body: Any) -> None:
        self._busy += 1

        def do() -> None:
            body()
            self._busy -= 1

        self.scheduler.spawn(None, name, do)

    def _insist(self, target: str, pairs: list[tuple[str, str]]) -> None:
        while self.web.post(target, pairs).join() != 200:
            self.scheduler.pause(0.3)

    def _write(self, n: int, kind: Any, messages: int) -> None:
        for number in range(1, messages + 1):
            self.scheduler.pause(self.random.choice(self.plan.gaps))
            body = str((number + 1) // 2) if kind == "echo" else f"w{number}"  # people do repeat themselves
            pairs = [("MessageSid", f"SM{n:02d}{number:030d}"), ("AccountSid", ACCOUNT), ("From", phone_of(n)),
                     ("To", OURS[self.plan.mode, kind]), ("Body", body), ("NumMedia", "0")]  # fmt: skip
            target = f"/hooks/{self.plan.mode}/messages"
            if self.random.random() < 0.15:  # twice at once
                self._outside(f"contact-{n}", lambda target=target, pairs=pairs: self.web.post(target, pairs).join())
            self._insist(target, pairs)
            self.accepted[n].append(body)
            if self.random.random() < 0.1:  # and once more
                self._insist(target, pairs)

    def _tell(self, taken: Taken) -> None:
        """The provider tells what became of a message, in any order, some of it twice."""
        address = urlsplit(taken.callback)
        for word in ("sent", "delivered", *(("delivered",) if self.random.random() < 0.1 else ())):
            pairs = [("MessageSid", taken.sid), ("MessageStatus", word)]
            target = f"{address.path}?{address.query}"
            if self.random.random() < 0.6:
                self._soon(
                    self.random.choice((0.0, 0.05, 0.3, 3.0, 35.0)),
                    lambda target=target, pairs=pairs: self._outside(
                        "provider", lambda: self.web.post(target, pairs).join()
                    ),
                )

    def _act(self) -> None:
        """An agent replies or takes over in the first contact's conversation, and closes it in the end."""
        self.agent.contact = 0
        self.scheduler.pause(self.random.choice((0.05, 0.2, 1.0, 10.0)))
        find = text("SELECT c.id FROM conversations c JOIN addresses a ON a.id = c.address_id WHERE a.value = :phone")
        with self.place.database.reading() as session:
            conversation_id = session.execute(find, {"phone": phone_of(0)}).scalar()
        if conversation_id is None:
            self.agent.contact = -1
            return
        if self.random.random() < 0.6:
            self.agent.replies.append("reply 1")
            self._put(conversation_id, "agent_replied", {"text": "reply 1"})
        else:
            self._put(conversation_id, "agent_took_over", {})
        self.scheduler.pause(self.random.choice((0.0, 1.0, 20.0)))
        while len(self.accepted[0]) < self.plan.contacts[0][1]:  # whoever writes later would be answered by nobody
            self.scheduler.pause(5.0)
        self._put(conversation_id, "agent_closed", {})

    def _put(self, conversation_id: int, kind: str, happened: dict[str, Any]) -> None:
        """As the API's door does; repeated with its key until it is accepted."""

        def put() -> int:
            with self.place.database.transaction() as session:
                inbox.put_action(session, conversation_id, kind, kind, happened)
                point("inbox:written")
            point("inbox:committed")
            self.place.lanes.wake("turns")
            return 200

        while self.scheduler.spawn(self.web, "web", put).join() != 200:
            self.scheduler.pause(0.3)


def phone_of(contact: int) -> str:
    """Nobody has it."""
    return f"+4850{contact:07d}"
