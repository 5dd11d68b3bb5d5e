"""The runner's Asks: journal, host slots and the threads that wait for other people's APIs."""

import logging
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

from app.asking import idempotency_key
from app.db import Database
from app.house import House
from app.outgoing import HostSlots
from app.perform import Performer
from app.points import point
from app.runner.work import Answered, Result, Work, Works
from app.store import journal, setbacks
from app.store.loading import Held
from flows.ask import Answer, HttpAnswer, HttpRequest, Request
from flows.effect import Say

logger = logging.getLogger("patchbay.runner")


class Asks:
    """Takes requests of turns, lets them leave when they may, and hands their answers to `results`."""

    def __init__(self, house: House, performer: Performer, works: Works, results: Callable[[Result], None]) -> None:
        """`results` is called in the I/O threads."""
        self._database, self._performer, self._works, self._results = house.database, performer, works, results
        self._slots = HostSlots(house.settings.host_slots)
        self._threads = house.machine.pool(house.settings.ask_threads, "ask")
        self._call_threads = house.machine.pool(house.settings.call_threads, "call")
        self._first: list[journal.Entry] = []
        self.parked: list[int] = []  # conversations whose request waits for the journal or for a slot of its host

    def take(self, work: Work, request: Request) -> Answer | None:
        """The answer when it can be had at once, else None with the request on its way."""
        if work.turn is None or work.asking is None:
            raise ValueError("There is no turn to ask for.")
        key = work.turn.asks_as
        decision = work.asking.decide(key, request)
        if decision.answer is not None:
            return decision.answer
        if decision.forgets:
            with self._database.transaction() as session:
                journal.forget_from(session, *key)
        if not isinstance(request, HttpRequest):  # the database answers it, nobody else
            answer = self._performer.perform(request, idempotency_key(key))
            work.asking.answered(key, request, answer)
            return answer
        note_hold_prompt(self._database, work.held, request)
        work.request = request
        work.waits_for_journal = bool(decision.first)
        self._first.extend(decision.first)
        self.parked.append(work.held.id)
        return None

    def received(self, answered: Sequence[Answered]) -> None:
        """Notes answers in the journal where a repeated turn must find them, all in one transaction."""
        entries: list[journal.Entry] = []
        for one in answered:
            work = self._works[one.conversation_id]
            work.in_flight -= 1
            if work.turn is None or work.asking is None or work.request is None:
                raise ValueError("There is no turn that asked.")
            if isinstance(work.request, HttpRequest):
                self._slots.release(_host(work.request))
            entries += work.asking.answered(work.turn.asks_as, work.request, one.answer)
        if entries:
            with self._database.transaction() as session:
                journal.write(session, entries)
            point("journal:answered")

    def write_journal(self) -> None:
        """Unsafe requests are in the journal before they leave."""
        if not self._first:
            return
        with self._database.transaction() as session:
            journal.write(session, self._first)
        point("journal:sending")
        self._first = []
        for work in self._works.values():
            work.waits_for_journal = False

    def let_go(self) -> None:
        """Requests leave when the journal has them and their host has a free slot."""
        parked, self.parked = self.parked, []
        for conversation_id in parked:
            work = self._works.get(conversation_id)
            if work is None or work.turn is None or not isinstance(work.request, HttpRequest):
                continue
            if work.waits_for_journal or not self._slots.try_take(_host(work.request)):
                self.parked.append(conversation_id)
                continue
            work.in_flight += 1
            threads = self._call_threads if work.held.row.kind == "call" else self._threads
            threads.submit(self._perform, conversation_id, work.request, idempotency_key(work.turn.asks_as))

    def close(self) -> None:
        """Starts no more."""
        for threads in (self._threads, self._call_threads):
            threads.shutdown(wait=False)

    def _perform(self, conversation_id: int, request: HttpRequest, key: str) -> None:
        """In an I/O thread."""
        try:
            answer = self._performer.perform(request, key)
        except Exception as error:  # a door: the turn must get an answer, whatever broke
            logger.exception("The request of conversation %s broke.", conversation_id)
            answer = HttpAnswer(error="outcome_unknown", message=f"The request broke here: {type(error).__name__}.")
        point("ask:answered")
        self._results(Answered(conversation_id, answer))


def note_hold_prompt(database: Database, held: Held, request: Request) -> None:
    """What a caller hears when the answer takes long, where the flow says something."""
    if isinstance(request, HttpRequest) and request.hold_prompt and held.row.kind == "call":
        with database.transaction() as session:
            setbacks.note_hold_prompt(session, held.id, Say(request.hold_prompt, request.hold_language))


def _host(request: HttpRequest) -> str:
    return urlsplit(request.url).netloc
