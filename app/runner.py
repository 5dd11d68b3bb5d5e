"""The runner: takes conversations with due events through the engine, and their messages out of the door.

One thread owns the store and works in rounds; each round commits whatever is ready together: settled messages, finished
turns, marks of messages about to leave; then it unlocks what is done and claims what is due. I/O threads do the waiting.
The shape and its alternative are weighed in docs/decisions/runner.md.
"""

import logging
import queue
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from sqlalchemy.exc import DataError, IntegrityError, OperationalError, StatementError
from sqlalchemy.orm import Session

from app import outbox
from app.asking import Asking, idempotency_key
from app.board import Board
from app.directory import Directory
from app.handled import Handled, Unsent, unsent_of
from app.house import House
from app.joining import join
from app.locks import Locks
from app.outgoing import HostSlots
from app.perform import Performer
from app.points import point
from app.scene import set_scene
from app.store import claims, journal, setbacks
from app.store.commits import commit
from app.store.loading import Held, begin, load
from app.store.sends import Settled, mark_sending, settle
from app.turns import TurnUnderWay
from flows.ask import Answer, HttpAnswer, HttpRequest, Request

logger = logging.getLogger("patchbay.runner")

_BUSY_SECONDS = 0.02  # while anything is in flight the runner looks by its own clock
_IDLE_SECONDS = 1.0
_ALONE_SECONDS = 0.5  # without Redis nobody wakes us
_GATHER_SECONDS = 0.003  # halves the commits under load and costs nothing visible
_REPEATED = 2  # an event with so many attempts begins only in an otherwise empty runner


@dataclass
class _Work:
    """One conversation whose lock we hold."""

    held: Held
    turn: TurnUnderWay | None = None
    asking: Asking | None = None
    request: Request | None = None
    waits_for_journal: bool = False
    in_flight: int = 0
    unsent: list[Unsent] = field(default_factory=list)
    resumed: set[int] = field(default_factory=set)  # messages of a crashed attempt
    finished: Handled | None = None
    reload: bool = False


@dataclass(frozen=True)
class _Answered:
    conversation_id: int
    answer: Answer


@dataclass(frozen=True)
class _Delivered:
    conversation_id: int
    settled: Settled | None  # None: the mark had grown stale, or the provider does not have it: send it


class Runner:
    """One process's runner. `run()` returns after `stop()`, when everything begun is committed."""

    def __init__(self, house: House, locks: Locks, board: Board) -> None:
        """Nothing is claimed before `run`."""
        self._house, self._locks, self._board = house, locks, board
        self._directory = Directory(house.key, house.settings.effective_public_url)
        self._performer = Performer(house.database, self._directory, house.http)
        self._results: queue.SimpleQueue[_Answered | _Delivered | None] = queue.SimpleQueue()
        self._work: dict[int, _Work] = {}
        self._parked: list[int] = []
        self._journal_first: list[journal.Entry] = []
        self._slots = HostSlots(house.settings.host_slots)
        settings = house.settings
        self._capacity = settings.ask_threads + settings.delivery_threads
        self._asks = ThreadPoolExecutor(settings.ask_threads, "ask")
        self._calls = ThreadPoolExecutor(settings.call_threads, "call")
        self._deliveries = ThreadPoolExecutor(settings.delivery_threads, "delivery")
        self._delivering = 0
        self._draining = False
        self._stopping = threading.Event()

    def wake(self) -> None:
        """Something may be due."""
        self._results.put(None)

    def stop(self) -> None:
        """Take no more work; `run` returns when all that was begun is finished."""
        self._stopping.set()
        self.wake()

    def run(self) -> None:
        """Works until stopped. Raises what makes the process unfit: a lost database or lost locks."""
        while not (self._stopping.is_set() and not self._work):
            self.round(self._gathered())
        for pool in (self._asks, self._calls, self._deliveries):
            pool.shutdown(wait=False)

    def round(self, results: Sequence[_Answered | _Delivered]) -> None:
        """One round: settle, advance, commit, mark and send, unlock, claim."""
        self._board.beat()
        self._settle([one for one in results if isinstance(one, _Delivered)])
        for one in results:
            if isinstance(one, _Answered):
                self._answered(one)
        self._commit()
        self._write_journal()
        self._send()
        self._unpark()
        self._unlock()
        self._claim()

    # waiting

    def _gathered(self) -> list[_Answered | _Delivered]:
        """What came back from the threads; waits for it as long as nothing can be due."""
        if any(work.finished or work.reload for work in self._work.values()):
            wait = 0.0
        elif self._work:
            wait = _BUSY_SECONDS
        else:
            wait = _IDLE_SECONDS if self._house.lanes.is_up() else _ALONE_SECONDS
        results: list[_Answered | _Delivered] = []
        try:
            first = self._results.get(timeout=wait) if wait else self._results.get_nowait()
        except queue.Empty:
            return results
        if first is not None:
            results.append(first)
            if len(self._work) > 8:
                time.sleep(_GATHER_SECONDS)
        while True:
            try:
                further = self._results.get_nowait()
            except queue.Empty:
                return results
            if further is not None:
                results.append(further)

    # 1. settle

    def _settle(self, delivered: Sequence[_Delivered]) -> None:
        settled = []
        for one in delivered:
            work = self._work[one.conversation_id]
            work.in_flight -= 1
            self._delivering -= 1
            if one.settled is None:
                continue  # stays at the head of its line and is marked anew
            settled.append(one.settled)
            work.unsent = work.unsent[1:] if one.settled.outcome in ("sent", "unknown", "dead") else []
        if not settled:
            return
        point("settle:before")
        with self._house.database.transaction() as session:
            woken = settle(session, settled)
        point("settle:after")
        for conversation_id in woken & self._work.keys():
            self._work[conversation_id].reload = True
        for conversation_id in {one.unsent.conversation_id for one in settled if one.unsent.conversation_id}:
            self._house.lanes.announce(conversation_id)

    # 2. advance and commit

    def _answered(self, one: _Answered) -> None:
        work = self._work[one.conversation_id]
        work.in_flight -= 1
        if work.turn is None or work.asking is None or work.request is None:
            return
        if isinstance(work.request, HttpRequest):
            self._slots.release(_host(work.request))
        entries = work.asking.answered(work.turn.asks_as, work.request, one.answer)
        if entries:
            with self._house.database.transaction() as session:
                journal.write(session, entries)
            point("journal:answered")
        self._go_on(work, one.answer)

    def _go_on(self, work: _Work, answer: Answer | None) -> None:
        """Feeds the engine until it asks for something that takes time, or the turn is finished."""
        turn = work.turn
        if turn is None:
            return
        try:
            self._board.computing(work.held.id)
            request = turn.start() if answer is None else turn.answer(turn.asks_as[2], answer)
            while request is not None:
                self._board.beat()
                at_once = self._decide(work, request)
                if at_once is None:
                    return
                self._board.computing(work.held.id)
                request = turn.answer(turn.asks_as[2], at_once)
            work.finished = turn.handled
        except Exception as error:  # a door: one conversation's bug must not stop the others
            logger.exception("The turn of conversation %s failed.", work.held.id)
            self._charge(work, error)
        finally:
            self._board.beat()

    def _decide(self, work: _Work, request: Request) -> Answer | None:
        """The answer when it can be had at once, else None with the request on its way."""
        turn, asking = work.turn, work.asking
        if turn is None or asking is None:
            raise ValueError("There is no turn to ask for.")
        key = turn.asks_as
        decision = asking.decide(key, request)
        if decision.answer is not None:
            return decision.answer
        if decision.forgets:
            with self._house.database.transaction() as session:
                journal.forget_from(session, *key)
        if not isinstance(request, HttpRequest):
            answer = self._performer.perform(request, idempotency_key(key))
            asking.answered(key, request, answer)
            return answer
        work.request = request
        if decision.first:
            work.waits_for_journal = True
            self._journal_first.extend(decision.first)
        self._parked.append(work.held.id)
        return None

    def _commit(self) -> None:
        ready = [work for work in self._work.values() if work.finished is not None]
        if not ready:
            return
        group = [work.finished for work in ready if work.finished is not None]
        point("commit:before")
        try:
            with self._house.database.transaction() as session:
                survivors, unsent = commit(session, group)
        except (DataError, IntegrityError, StatementError, TypeError, ValueError) as error:
            if isinstance(error, OperationalError):
                raise
            self._commit_alone(ready)
            return
        point("commit:after")
        self._committed(ready, survivors, unsent)

    def _commit_alone(self, ready: Sequence[_Work]) -> None:
        """One bad turn spoils its group: each is tried alone, and the culprit is charged."""
        for work in ready:
            if work.finished is None:
                continue
            try:
                with self._house.database.transaction() as session:
                    survivors, unsent = commit(session, [work.finished])
            except (DataError, IntegrityError, StatementError, TypeError, ValueError) as error:
                if isinstance(error, OperationalError):
                    raise
                logger.exception("The turn of conversation %s cannot be stored.", work.held.id)
                self._charge(work, error)
                continue
            self._committed([work], survivors, unsent)

    def _committed(self, ready: Sequence[_Work], survivors: set[int], unsent: Sequence[Unsent]) -> None:
        for work in ready:
            handled = work.finished
            work.finished = work.turn = work.asking = work.request = None
            if handled is None or handled.conversation_id not in survivors:
                work.unsent = []
                continue
            work.unsent += [one for one in unsent if one.conversation_id == handled.conversation_id]
            if handled.cancelled or handled.cancels_runs or handled.cancels_all:
                work.unsent, work.reload = [], True  # which of them were cancelled is read again
            taken = len(handled.done) + len(handled.dropped) + len(handled.kept) + len(handled.set_aside)
            work.reload |= len(work.held.events) > taken or bool(handled.follow_ups) or handled.releases_kept
            if handled.messages_changed:
                self._house.lanes.announce(handled.conversation_id)

    def _charge(self, work: _Work, error: BaseException) -> None:
        with self._house.database.transaction() as session:
            setbacks.charge(session, work.held, f"{type(error).__name__}: {error}"[:500])
        work.finished = work.turn = work.asking = work.request = None
        work.reload = False

    def _write_journal(self) -> None:
        """Unsafe requests are in the journal before they leave."""
        if not self._journal_first:
            return
        with self._house.database.transaction() as session:
            journal.write(session, self._journal_first)
        point("journal:sending")
        self._journal_first = []
        for work in self._work.values():
            work.waits_for_journal = False

    # 3. mark and send

    def _send(self) -> None:
        free = self._house.settings.delivery_threads - self._delivering
        heads = [work for work in self._work.values() if work.unsent and not work.in_flight and not work.finished][
            :free
        ]
        if not heads:
            return
        with self._house.database.transaction() as session:
            attempts = [attempt for work in heads if (attempt := self._attempt(session, work)) is not None]
            marked = self._mark(session, attempts)
        point("send:marked")
        for one, looks_up in attempts:
            work = self._work[one.unsent.conversation_id or 0]
            current = one.unsent if looks_up else marked.get(one.unsent.id)
            if current is None:  # paced, cancelled, or somebody else's by now
                work.unsent = []
                continue
            work.unsent[0] = current
            work.in_flight += 1
            self._delivering += 1
            ready = outbox.Attempt(current, one.connection, one.sender, owned=one.owned)
            self._deliveries.submit(self._deliver, ready, looks_up)

    def _attempt(self, session: Session, work: _Work) -> tuple[outbox.Attempt, bool] | None:
        """The head of a conversation's line as an attempt, and whether it is looked up instead of sent."""
        head = work.unsent[0]
        connection = self._directory.connection(session, head.connection_id)
        sender = self._directory.number(session, head.number_id).value
        resumed = head.id in work.resumed
        if resumed and outbox.must_not_repeat(connection, head, work.held.now):
            settle(session, [Settled(head, "unknown", error="The process died while the message was sent.")])
            work.unsent = work.unsent[1:]
            return None
        looks_up = resumed and outbox.looks_up_first(connection)
        owned = setbacks.owned_ids(session, head) if looks_up else frozenset()
        return outbox.Attempt(head, connection, sender, owned=owned), looks_up

    def _mark(self, session: Session, attempts: Sequence[tuple[outbox.Attempt, bool]]) -> dict[int, Unsent]:
        marked: dict[int, Unsent] = {}
        for seconds in {outbox.recheck_seconds(one.connection) for one, looks_up in attempts if not looks_up}:
            group = [
                one.unsent
                for one, looks_up in attempts
                if not looks_up and outbox.recheck_seconds(one.connection) == seconds
            ]
            marked |= mark_sending(session, group, seconds)
        return marked

    def _deliver(self, attempt: outbox.Attempt, looks_up: bool) -> None:
        """In a delivery thread."""
        conversation_id = attempt.unsent.conversation_id or 0
        settled: Settled | None
        try:
            if looks_up:
                settled = outbox.look_up(attempt, self._house.http)
                if settled is None:
                    self._work[conversation_id].resumed.discard(attempt.unsent.id)
            else:
                settled = outbox.deliver(attempt, self._house.http)
        except Exception as error:  # a door: a plugin channel's bug is a failed attempt, not a dead thread
            logger.exception("The channel broke while sending message %s.", attempt.unsent.key)
            settled = Settled(attempt.unsent, "unknown", error=f"The channel broke: {type(error).__name__}.")
        self._results.put(_Delivered(conversation_id, settled))

    def _unpark(self) -> None:
        """Requests leave when there is a free thread and a free slot of their host."""
        parked, self._parked = self._parked, []
        for conversation_id in parked:
            work = self._work.get(conversation_id)
            request = work.request if work else None
            if work is None or work.turn is None or not isinstance(request, HttpRequest):
                continue
            if work.waits_for_journal or not self._slots.try_take(_host(request)):
                self._parked.append(conversation_id)
                continue
            work.in_flight += 1
            pool = self._calls if work.held.row.kind == "call" else self._asks
            pool.submit(self._perform, conversation_id, request, idempotency_key(work.turn.asks_as))

    def _perform(self, conversation_id: int, request: HttpRequest, key: str) -> None:
        """In an ask thread."""
        try:
            answer: Answer = self._performer.perform(request, key)
        except Exception as error:  # a door: the turn must get an answer, whatever broke
            logger.exception("The request of conversation %s broke.", conversation_id)
            answer = HttpAnswer(error="outcome_unknown", message=f"The request broke here: {type(error).__name__}.")
        point("ask:answered")
        self._results.put(_Answered(conversation_id, answer))

    # 5. unlock, 6. claim

    def _unlock(self) -> None:
        for conversation_id, work in list(self._work.items()):
            busy = work.turn or work.in_flight or work.finished or work.reload
            if not busy and not (work.unsent and self._delivering >= self._house.settings.delivery_threads):
                del self._work[conversation_id]
                self._locks.unlock(conversation_id)

    def _claim(self) -> None:
        for work in self._work.values():
            work.reload = work.reload and not self._stopping.is_set()
        again = [work for work in self._work.values() if work.reload and not work.in_flight and work.turn is None]
        room = self._capacity - (len(self._work) - len(self._parked))
        wanted = 0 if self._stopping.is_set() or (self._draining and self._work) else max(room, 0)
        if not self._work:
            for lane in ("turns", "calls"):
                self._house.lanes.lower_flag(lane)  # before the read that may send us to sleep, never after it
        if not again and not wanted:
            return
        with self._house.database.reading() as session:
            candidates = claims.due(session, list(self._work)) if wanted else []
        locked: list[int] = []
        for conversation_id in candidates:
            if len(locked) >= wanted:
                break
            if self._locks.try_lock(conversation_id):
                locked.append(conversation_id)
        self._load([work.held.id for work in again], locked)

    def _load(self, again: Sequence[int], locked: Sequence[int]) -> None:
        if not again and not locked:
            return
        with self._house.database.transaction() as session:
            loaded = load(session, [*again, *locked])
            begins = []
            for held in loaded:
                old = self._work.get(held.id)
                work = self._work[held.id] = _Work(held, resumed=old.resumed if old else set())
                self._take_unsent(work, old)
                if self._may_begin(session, work):
                    begins.append(work)
            begins = self._choose_repeated(begins)
            if begins:
                begin(session, [work.held for work in begins], alone=len(self._work) == 1)
            for work in begins:
                scene = set_scene(session, work.held, self._directory)
                work.turn = TurnUnderWay(scene, self._house.steps, self._house.limits)
                work.asking = Asking(work.held.journal)
                joined = join(work.held)
                if joined is not None and joined.event_ids:
                    work.turn.join(list(joined.event_ids), list(joined.texts), list(joined.media))
        point("begin:counted")
        for work in begins:
            self._go_on(work, None)
        missing = {*again, *locked} - {held.id for held in loaded}
        for conversation_id in missing:
            self._work.pop(conversation_id, None)
            self._locks.unlock(conversation_id)

    def _take_unsent(self, work: _Work, old: _Work | None) -> None:
        """Messages that may leave now: only as far as the line is unbroken from its head."""
        for one in unsent_of(work.held.unsent):
            if one.next_attempt_at > work.held.now:
                break
            if one.state == "sending":
                work.resumed.add(one.id)
            work.unsent.append(one)
        if old is not None and old.in_flight:
            raise ValueError("A conversation with something in flight is not loaded again.")

    def _may_begin(self, session: Session, work: _Work) -> bool:
        held = work.held
        if not held.events:
            return False
        joined = join(held)
        not_before = joined.not_before if joined is not None and joined.not_before else None
        if held.row.not_before_at is not None and held.row.not_before_at > held.now:
            return False
        if not_before is not None:
            setbacks.wait_until(session, held.id, not_before)
            return False
        return True

    def _choose_repeated(self, begins: list[_Work]) -> list[_Work]:
        """Innocents are charged by other people's kills, so a repeated event begins only in an otherwise empty runner."""
        repeated = [work for work in begins if work.held.events[0].attempts >= _REPEATED]
        if not repeated:
            self._draining = False
            return begins
        others = [work for work in self._work.values() if work not in begins or work.unsent]
        fresh = [work for work in begins if work not in repeated]
        if others:
            chosen = [] if self._draining else fresh
        else:
            chosen = repeated[:1] if self._draining or not fresh else fresh
        self._draining = True
        for work in begins:
            if work not in chosen and not work.unsent:
                del self._work[work.held.id]
                self._locks.unlock(work.held.id)
        return chosen


def _host(request: HttpRequest) -> str:
    return urlsplit(request.url).netloc
