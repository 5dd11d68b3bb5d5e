"""The runner's claims: which conversations it takes, reads and begins, and which must be begun alone."""

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import actions, turn_results
from app.handled import unsent_of
from app.house import House
from app.joining import join
from app.locks import Locks
from app.points import point
from app.runner.beginning import Beginning
from app.runner.clock_watch import ClockWatch
from app.runner.company import ALONE, MOST, SETTLED_SECONDS, Company
from app.runner.work import Work, Works
from app.store import claims, setbacks
from app.store.commits import commit
from app.store.loading import begin, load
from app.turns import MOST_CHARGES

logger = logging.getLogger("patchbay.runner")

_PASSING_SECONDS = 0.25
_FIRST_CLAIM = 8  # doubles with each claim: after a crash the first answers leave soon, and another kill hits few


@dataclass(frozen=True)
class Room:
    """What may be claimed: so many conversations, or so many calls when there is room for nothing else."""

    conversations: int
    calls: int
    full: Collection[int] = ()  # connections of which no messages need be claimed
    crowded: Collection[int] = ()  # numbers of which no events need be claimed, calls aside


class Claiming:
    """Takes conversations: due ones by their locks, held ones that have more to do without giving them up."""

    def __init__(self, house: House, beginning: Beginning, locks: Locks, works: Works, clock: ClockWatch) -> None:
        """Nothing is claimed yet."""
        self._house, self._beginning, self._locks, self._works, self._clock = house, beginning, locks, works, clock
        self._company = Company()
        self._began_at = house.machine.monotonic()
        self._most = _FIRST_CLAIM
        self._passed_at = 0.0  # when a claim last had to pass by a backlog (monotonic clock)

    def claim(self, room: Room, *, stopping: bool) -> list[Work]:
        """Takes as many due conversations as there is room for. Returns the works whose turn begins now."""
        for work in self._works.values():
            work.reload = work.reload and not stopping
        again = [one for one in self._works.values() if one.may_reload]
        if not self._works:
            for lane in ("turns", "calls"):
                self._house.lanes.lower_flag(lane)  # before the read that may send us to sleep, never after it
        locked = [] if stopping else self._lock_due(room)
        if not again and not locked:
            return []
        return self._take([one.held.id for one in again], locked)

    def unlock(self, *conversation_ids: int) -> None:
        """Gives conversations up; everything of theirs is committed."""
        for conversation_id in conversation_ids:
            del self._works[conversation_id]
        self._locks.unlock(*conversation_ids)

    def _lock_due(self, room: Room) -> list[int]:
        """A claim is stale until it is locked: candidates are read again under the lock."""
        wanted = min(room.conversations or room.calls, self._most)
        company = self._company.room(self._under_way())
        if not company:
            return []
        if company <= MOST:  # more are looked at than may begin: who was killed least goes first
            wanted = min(wanted, MOST)
        if not wanted or not self._may_look(room):
            return []
        passed = claims.Passed(
            list(self._works),
            room.full,
            room.crowded,
            all_but_calls=not room.conversations,
            attempts=claims.ANY_NUMBER if self._is_settled() else ALONE,
        )
        with self._house.database.reading() as session:
            candidates = claims.due(session, passed)
        rest, locked = iter(candidates), list[int]()
        while missing := list(islice(rest, wanted - len(locked))):
            locked += self._locks.try_locks(missing)
        if len(locked) == self._most:
            self._most *= 2
        return locked

    def _is_settled(self) -> bool:
        return self._house.machine.monotonic() - self._began_at >= SETTLED_SECONDS

    def _may_look(self, room: Room) -> bool:
        """Passing by the backlog of what is slow reads all of it, so that is not done in every round."""
        if room.full or room.crowded:
            if self._house.machine.monotonic() - self._passed_at < _PASSING_SECONDS:
                return False
            self._passed_at = self._house.machine.monotonic()
        return True

    def _take(self, again: Sequence[int], locked: Sequence[int]) -> list[Work]:
        failed: list[tuple[Work, str]] = []
        asked_at = self._house.machine.monotonic()
        with self._house.database.transaction() as session:
            loaded = load(session, [*again, *locked], self._house.settings.messages_per_minute)
            for held in loaded:
                self._clock.saw(held.now, asked_at)
                old = self._works.get(held.id)
                self._works[held.id] = Work(held, resumed=old.resumed if old else set())
                _take_unsent(self._works[held.id])
            fitting = [self._works[held.id] for held in loaded]
            begins = self._choose([work for work in fitting if _may_begin(session, work)])
            if begins:
                alone = len(begins) == 1 and not self._under_way()
                begin(session, [work.held for work in begins], alone)
            for work in begins:
                try:
                    self._beginning.prepare(session, work)
                except SQLAlchemyError:
                    raise
                except Exception as error:  # a door: what one conversation needs may be gone, the others go on
                    logger.exception("The turn of conversation %s cannot begin.", work.held.id)
                    failed.append((work, f"{type(error).__name__}: {error}"))
        point("begin:counted")
        for work, why in failed:
            self._give_up(work, why)
        return [work for work in begins if work.turn is not None]

    def _give_up(self, work: Work, why: str) -> None:
        """A turn that cannot even begin: tried again later, and in the end handed to people."""
        with self._house.database.transaction() as session:
            if work.held.charged < MOST_CHARGES:
                setbacks.charge(session, work.held, why)
            else:
                handled = turn_results.unchanged(work.held)
                handled.done.append(work.held.events[0].id)
                actions.set_aside(handled, work.held, f"it cannot begin ({why[:200]})")
                commit(session, [handled])
                setbacks.end_unreadable(session, work.held)
        work.forget_turn()

    def _under_way(self) -> list[Work]:
        return [work for work in self._works.values() if work.may_kill]

    def _choose(self, begins: list[Work]) -> list[Work]:
        """Those that may begin beside each other; the others are given up for now."""
        chosen = self._company.choose(begins, self._under_way(), settled=self._is_settled())
        self.unlock(*(work.held.id for work in begins if work not in chosen and not work.unsent))
        return chosen


def _take_unsent(work: Work) -> None:
    """Messages that may leave now: only as far as the line is unbroken from its head."""
    for one in unsent_of(work.held.unsent):
        if one.next_attempt_at > work.held.now:
            work.line_stands = True
            break
        if one.state == "sending":
            work.resumed.add(one.id)
        work.unsent.append(one)


def _may_begin(session: Session, work: Work) -> bool:
    """Whether the first event is to be handled now; one that waits to be joined is not due until then."""
    held = work.held
    if not held.events or (held.row.not_before_at or 0) > held.now:
        return False
    joined = join(held)
    if joined is not None and joined.not_before is not None:
        setbacks.postpone(session, held, joined.not_before)
        return False
    return True
