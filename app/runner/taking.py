"""Taking a call's turn in the web process itself, when no worker is quick enough: the same code, one conversation."""

import logging
import threading
import weakref
from functools import lru_cache

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app.asking import Asking, idempotency_key
from app.db import DatabaseUnavailable
from app.directory import Directory
from app.handled import Handled
from app.house import House
from app.locks import Locks, LocksLost, open_locks
from app.perform import Performer
from app.roster import Member
from app.runner.asks import note_hold_prompt
from app.runner.company import REPEATED
from app.scene import set_scene
from app.store import journal, setbacks
from app.store.commits import commit
from app.store.loading import Held, begin, load
from app.turns import TurnUnderWay
from flows.ask import Answer, Request
from flows.errors import FlowError

logger = logging.getLogger("patchbay.taking")

_BEAT_SECONDS = 2.0


class Taker:
    """One web process's way to take turns. Its lock connection is made when first needed."""

    def __init__(self, house: House) -> None:
        """Nothing is opened yet."""
        self._house = house
        self._directory = Directory(house.key, house.settings.effective_public_url, house.machine)
        self._performer = Performer(house.database, self._directory, house.http, house.machine)
        self._opening = threading.Lock()
        self._locks: Locks | None = None
        self._member: Member | None = None

    def take(self, conversation_id: int) -> bool:
        """Handles the conversation's due events now; False when somebody else has its lock."""
        locks = self._open()
        done = threading.Event()
        try:
            if not locks.try_lock(conversation_id):
                return False
            threading.Thread(target=self._keep_beating, args=(done,), name="heartbeat", daemon=True).start()
            try:
                while self._take_one(conversation_id, locks):
                    pass
            finally:
                locks.unlock(conversation_id)
        except LocksLost:
            self._forget(locks)
            return False
        finally:
            done.set()
        self._house.lanes.wake("turns")
        return True

    def _forget(self, locks: Locks) -> None:
        """Their connection is gone; the next take opens another, unless one has already."""
        with self._opening:
            if self._locks is locks:
                self._locks = None
        locks.close()

    def _open(self) -> Locks:
        with self._opening:
            if self._locks is None:
                self._locks = open_locks(self._house.settings)
                self._member = Member("web", self._locks.server_pid())
                weakref.finalize(self, self._locks.close)
            locks = self._locks
        self._beat()  # so that a web process frozen in a turn loses its locks like any other
        return locks

    def _beat(self) -> None:
        if self._member is not None:
            with self._house.database.transaction() as session:
                self._member.beat(session)

    def _keep_beating(self, done: threading.Event) -> None:
        """A turn may take longer than a silent process keeps its locks."""
        while not done.wait(_BEAT_SECONDS):
            try:
                self._beat()
            except (SQLAlchemyError, DatabaseUnavailable) as error:
                logger.warning("The heartbeat could not be written: %s", error)

    def _take_one(self, conversation_id: int, locks: Locks) -> bool:
        """One event; False when none is due, or when it has failed before: workers know how to try such ones."""
        with self._house.database.transaction() as session:
            held = next(iter(load(session, [conversation_id], self._house.settings.messages_per_minute)), None)
            if held is None or not held.events or (held.row.not_before_at or 0) > held.now:
                return False
            if held.events[0].attempts >= REPEATED:
                return False
            begin(session, [held], alone=False)
        try:
            turn = self._handled(held)
            locks.require()
            survivors, _ = self._house.database.retried(lambda session: commit(session, [turn]))
        except (OperationalError, DatabaseUnavailable, LocksLost):
            raise
        except Exception as error:  # a door: the caller gets the pause document, the event its back-off
            logger.exception("The turn of conversation %s failed.", conversation_id)
            with self._house.database.transaction() as session:
                setbacks.charge(session, held, f"{type(error).__name__}: {error}")
            return False
        if turn.messages_changed:
            self._house.lanes.announce(conversation_id)
        return conversation_id in survivors

    def _handled(self, held: Held) -> Handled:
        """The whole turn, with all that it asks."""
        if held.broken:
            raise FlowError(held.broken)
        with self._house.database.reading() as session:
            scene = set_scene(session, held, self._directory)
        turn = TurnUnderWay(scene, self._house.steps, self._house.limits)
        asking = Asking(held.journal)
        request = turn.start()
        while request is not None:
            answer = self._answer(held, asking, turn.asks_as, request)
            request = turn.answer(turn.asks_as[2], answer)
        return turn.handled

    def _answer(self, held: Held, asking: Asking, key: tuple[int, int, int], request: Request) -> Answer:
        decision = asking.decide(key, request)
        if decision.answer is not None:
            return decision.answer
        if decision.forgets or decision.first:
            with self._house.database.transaction() as session:
                if decision.forgets:
                    journal.forget_from(session, *key)
                if decision.first:
                    journal.write(session, decision.first)
        note_hold_prompt(self._house.database, held, request)
        answer = self._performer.perform(request, idempotency_key(key))
        entries = asking.answered(key, request, answer)
        if entries:
            with self._house.database.transaction() as session:
                journal.write(session, entries)
        return answer


@lru_cache(maxsize=4)
def _taker(house: House) -> Taker:
    return Taker(house)


def take_one(house: House, conversation_id: int) -> bool:
    """Takes this conversation's due events now, if nobody else has its lock; whether it did."""
    return _taker(house).take(conversation_id)
