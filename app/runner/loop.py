"""The runner's loop: one thread owns the store and works in rounds, I/O threads do the waiting.

Each round commits whatever is ready together: settled messages, finished turns, marks of messages about to leave; then
it unlocks what is done and claims what is due. docs/decisions/runner.md weighs this shape and its alternative.
"""

import logging
import queue
from collections import Counter
from collections.abc import Sequence

from sqlalchemy.exc import OperationalError

from app import outbox
from app.board import Board, WatchedSteps
from app.db import DatabaseUnavailable, now_microseconds
from app.directory import Directory
from app.house import House
from app.locks import Locks
from app.machine import Mailbox
from app.perform import Performer
from app.runner.asides import Asides
from app.runner.asks import Asks
from app.runner.attachments import Attachments
from app.runner.beginning import Beginning
from app.runner.carriers import Carriers
from app.runner.claiming import Claiming, Room
from app.runner.clock_watch import ClockWatch
from app.runner.deliveries import Deliveries
from app.runner.endings import Endings
from app.runner.letters import Letters
from app.runner.mailboxes import Mailboxes
from app.runner.work import Answered, Computed, Delivered, Result, Work, Works
from flows.ask import Answer

logger = logging.getLogger("patchbay.runner")

_BUSY_SECONDS = 0.02  # while anything is in flight the runner looks by its own clock
_IDLE_SECONDS = 1.0
_ALONE_SECONDS = 0.5  # without Redis nobody wakes us
_GATHER_SECONDS = 0.003  # halves the commits under load and costs nothing visible
_WORTH_GATHERING = 8
_MOST_PARKED = 4  # times the capacity


class Runner:
    """One process's runner. `run()` returns after `stop()`, when everything begun is committed."""

    def __init__(self, house: House, locks: Locks, board: Board) -> None:
        """Nothing is claimed before `run`."""
        self._house, self._board, self._locks = house, board, locks
        self._machine = house.machine
        self._results: Mailbox = house.machine.mailbox()  # of Result, or None for a wake-up
        self._works: Works = {}
        directory = Directory(house.key, house.settings.effective_public_url, house.machine)
        performer = Performer(house.database, directory, house.http, house.machine)
        self._asks = Asks(house, performer, self._works, self._results.put)
        self._asides = Asides(house, self._results.put)
        self._clock = ClockWatch(house.machine.monotonic, outbox.LOOKS_UP_AFTER_SECONDS)
        self._deliveries = Deliveries(house, directory, self._works, self._results.put, self._clock)
        beginning = Beginning(directory, WatchedSteps(house.steps, board), house.limits)
        self._claiming = Claiming(house, beginning, locks, self._works, self._clock)
        self._carriers = Carriers(house, directory)
        self._attachments = Attachments(house, directory)
        self._letters = Letters(house, directory, self.wake)
        self._endings = Endings(house, locks, self._works, self._deliveries, self._letters)
        self._mailboxes = Mailboxes(house, directory, self.wake)
        self._capacity = house.settings.ask_threads + house.settings.delivery_threads
        self._stopping = False  # a signal handler sets it, and an Event's lock may be held by the one it interrupts

    def wake(self) -> None:
        """Something may be due."""
        self._results.put(None)

    def stop(self) -> None:
        """Take no more work; `run` returns when all that was begun is finished."""
        self._stopping = True
        self.wake()

    def run(self) -> None:
        """Works until stopped. Raises what makes the process unfit: a lost database or lost locks."""
        asked_at = self._machine.monotonic()
        with self._house.database.reading() as session:
            self._clock.saw(now_microseconds(session), asked_at)
        self.wake()  # whoever died before us has left work behind, and nobody tells us of it
        while not (self._stopping and not self._works):
            self.round(self._gathered())
        self._asks.close()
        self._asides.close()
        self._deliveries.close()
        self._carriers.close()
        self._attachments.close()
        self._letters.close()
        self._mailboxes.close()

    def round(self, results: Sequence[Result]) -> None:
        """One round: settle, advance, commit, mark and send, unlock, claim; in this order (RUNNER.md, "The shape").

        What the claim brought leaves at once.
        """
        self._board.beat()
        self._asides.end_if_stuck(self._board)
        self._deliveries.settle([one for one in results if isinstance(one, Delivered)])
        answered = [one for one in results if isinstance(one, Answered)]
        self._asks.received(answered)
        for one in answered:
            self._go_on(self._works[one.conversation_id], one.answer)
        for back in [one for one in results if isinstance(one, Computed)]:
            self._came_back(self._works[back.conversation_id], back)
        self._endings.commit()
        self._asks.write_journal()
        self._locks.require()
        self._deliveries.send()
        self._asks.let_go()
        self._unlock()
        self._carriers.look()
        self._attachments.look()
        self._letters.look()
        self._mailboxes.look()
        for work in self._claiming.claim(self._room(), stopping=self._stopping):
            self._go_on(work, None)
        self._asks.write_journal()  # what was just taken need not wait for the next round
        self._locks.require()
        self._deliveries.send()
        self._asks.let_go()

    def _room(self) -> Room:
        """What may be claimed now."""
        # Who waits for a slow host or provider must not keep others out; but each holds a lock: they have a bound too.
        calls = sum(work.held.row.kind == "call" for work in self._works.values())
        waiting = len(self._asks.parked) + self._deliveries.waiting + calls
        room = min(self._capacity - (len(self._works) - waiting), _MOST_PARKED * self._capacity - len(self._works))
        parked = Counter(self._works[one].held.row.number_id for one in self._asks.parked if one in self._works)
        crowded = [number_id for number_id, count in parked.items() if count >= self._capacity]
        return Room(max(room, 0), max(self._house.settings.call_threads - calls, 0), self._deliveries.full, crowded)

    def _gathered(self) -> list[Result]:
        """What came back from the threads; waits for it as long as nothing else is to be done."""
        ready = any(work.finished or work.may_reload for work in self._works.values())
        idle = _IDLE_SECONDS if self._house.lanes.is_up() else _ALONE_SECONDS
        results: list[Result] = []
        try:
            first = self._results.get(timeout=0 if ready else _BUSY_SECONDS if self._works else idle)
            if len(self._works) > _WORTH_GATHERING:
                self._machine.sleep(_GATHER_SECONDS)
            while True:
                if first is not None:
                    results.append(first)
                first = self._results.get_nowait()
        except queue.Empty:
            return results

    def _go_on(self, work: Work, answer: Answer | None) -> None:
        """Feeds the engine until it asks for something that takes time, or the turn is finished."""
        turn = work.turn
        if turn is None or self._asides.take(work, turn, answer):
            return
        try:
            self._board.computing(work.held.id)
            request = turn.start() if answer is None else turn.answer(turn.asks_as[2], answer)
            while request is not None:
                self._board.beat()  # an Ask is not the step's own code
                at_once = self._asks.take(work, request)
                if at_once is None or self._asides.take(work, turn, at_once):
                    return
                self._board.computing(work.held.id)
                request = turn.answer(turn.asks_as[2], at_once)
            work.finished = turn.handled
        except (OperationalError, DatabaseUnavailable):
            raise
        except Exception as error:  # a door: one conversation's bug must not stop the others
            logger.exception("The turn of conversation %s failed.", work.held.id)
            self._endings.charge(work, error)
        finally:
            self._board.beat()

    def _came_back(self, work: Work, back: Computed) -> None:
        """Goes on with a turn that was computed aside."""
        try:
            self._asides.came_back(work, back, self._asks)
        except (OperationalError, DatabaseUnavailable):
            raise
        except Exception as error:  # a door, as above
            logger.exception("The turn of conversation %s failed.", work.held.id)
            self._endings.charge(work, error)

    def _unlock(self) -> None:
        done = [
            conversation_id
            for conversation_id, work in self._works.items()
            if not (work.turn or work.in_flight or work.finished or work.reload or work.unsent)
        ]
        self._claiming.unlock(*done)
