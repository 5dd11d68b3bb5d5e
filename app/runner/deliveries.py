"""The runner's deliveries: mark what is about to leave, send it in threads of their own, settle what came of it.

Of a connection whose provider is slow, no more conversations are kept waiting in hand than it has places; the others
are given up, with their messages queued, until some are free.
"""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from sqlalchemy.exc import OperationalError, SQLAlchemyError, StatementError
from sqlalchemy.orm import Session

from app import outbox
from app.channels.registry import channel_of
from app.db import now
from app.desk.quiet_hours import allowed_at
from app.directory import Directory
from app.house import House
from app.points import point
from app.runner.clock_watch import ClockWatch
from app.runner.places import Places
from app.runner.work import Delivered, Result, Work, Works
from app.store import setbacks, threads
from app.store.marks import mark_look_ups, mark_sending
from app.store.sends import Settled, settle
from app.store.stored_files import contents_of, with_addresses

logger = logging.getLogger("patchbay.runner")

_NO_MEDIA: Final = '"media":[]'  # most messages: they are read once only, when they leave


@dataclass(frozen=True)
class _Next:
    """The head of a conversation's line: sent, or looked up first because an earlier attempt got no answer."""

    work: Work
    attempt: outbox.Attempt
    looks_up: bool
    recheck_seconds: float  # when it is looked at again, should this process die now

    @property
    def needs_mark(self) -> bool:
        """Whether it must be marked before it leaves; the commit of its own turn may have done it."""
        return not self.looks_up and self.work.marked_at is None


class Deliveries:
    """Sends each conversation's messages one after the other; a message is marked only when a thread is free for it."""

    def __init__(
        self,
        house: House,
        directory: Directory,
        works: Works,
        results: Callable[[Result], None],
        clock: ClockWatch,
    ) -> None:
        """`results` is called in the I/O threads."""
        self._house, self._directory, self._works, self._results = house, directory, works, results
        self._clock = clock
        self._machine = house.machine
        self._threads = house.machine.pool(house.settings.delivery_threads, "delivery")
        self._places = Places(house.settings.delivery_threads)
        self._waiting: Counter[int] = Counter()  # conversations in hand that wait for a place of their connection

    @property
    def waiting(self) -> int:
        """How many conversations wait in hand for a place."""
        return self._waiting.total()

    @property
    def full(self) -> Collection[int]:
        """The connections of which no more messages need be claimed now."""
        return [one for one, count in self._waiting.items() if count >= self._places.most_of_one]

    def settle(self, delivered: Sequence[Delivered]) -> None:
        """Stores what came of attempts; first in a round, because it moves the heads of the lines."""
        settled = []
        for one in delivered:
            work = self._works[one.conversation_id]
            work.in_flight -= 1
            self._places.give_back(work.unsent[0].connection_id)
            if one.settled is None:
                continue  # it stays at the head of its line and is marked anew
            settled.append(one.settled)
            if one.settled.outcome in ("sent", "unknown", "dead"):
                work.unsent = work.unsent[1:]
            else:
                work.stop_line()
        if not settled:
            return
        point("settle:before")
        woken = self._store(settled)
        point("settle:after")
        for conversation_id in woken & self._works.keys():
            self._works[conversation_id].reload = True
        self._house.lanes.announce(*{one.unsent.conversation_id for one in settled if one.unsent.conversation_id})

    def _store(self, settled: Sequence[Settled]) -> set[int]:
        """All of them, or where one spoils its group each alone: what came of the culprit stays unknown."""
        try:
            return self._house.database.retried(lambda session: settle(session, settled))
        except OperationalError:
            raise
        except (StatementError, TypeError, ValueError):
            if len(settled) > 1:
                return set().union(*(self._store([one]) for one in settled))
            logger.exception("What came of message %s cannot be stored.", settled[0].unsent.key)
        unknown = Settled(settled[0].unsent, "unknown", error="What came of it could not be stored.")
        return self._house.database.retried(lambda session: settle(session, [unknown]))

    def offer(self, ready: Sequence[Work]) -> None:
        """Lets the turns' own commit mark their first messages, where none is before them and a place is free.

        Only for providers that ignore a repeated key: after a crash the others' would be of unknown outcome.
        """
        places = self._places.copy()
        for work in self._heads():
            places.try_take(work.unsent[0].connection_id)  # who waits already goes first
        for work in ready:
            handled = work.finished
            if handled is None or handled.cancels or work.unsent or work.in_flight or work.line_stands:
                continue
            if any(one.has_key for one in handled.messages) and places.try_take(handled.connection_id):
                handled.first_recheck_seconds = outbox.RECHECK_WITH_KEY_SECONDS

    def send(self) -> None:
        """Marks and sends the heads of as many lines as there are places."""
        heads = self._leaving()
        if not heads:
            return
        are_marked = all(work.marked_at is not None for work in heads)
        database = self._house.database
        marking_at = self._machine.monotonic()  # before: whoever stands still behind the commit must find it old
        with database.reading() if are_marked else database.transaction() as session:
            chosen = [one for work in heads if (one := self._try_next(session, work)) is not None]
            mark_look_ups(session, [(one.attempt.unsent, one.recheck_seconds) for one in chosen if one.looks_up])
            marking = [(one.attempt.unsent, one.recheck_seconds) for one in chosen if one.needs_mark]
            marked = mark_sending(session, marking, allowed_at)
        point("send:marked")
        for one in chosen:
            current = marked.get(one.attempt.unsent.id) if one.needs_mark else one.attempt.unsent
            if current is None:  # paced, cancelled, or somebody else's by now
                self._places.give_back(one.attempt.unsent.connection_id)
                one.work.stop_line()
                continue
            one.work.unsent[0] = current
            one.work.in_flight += 1
            marked_at, one.work.marked_at = one.work.marked_at or marking_at, None
            self._threads.submit(self._deliver, replace(one.attempt, unsent=current), marked_at, one.looks_up)

    def close(self) -> None:
        """Starts no more."""
        self._threads.shutdown(wait=False)

    def _heads(self) -> list[Work]:
        """Those whose line has a head that is not on its way yet; first those marked already, which must not age."""
        heads = [one for one in self._works.values() if one.unsent and not one.in_flight and not one.finished]
        return sorted(heads, key=lambda work: work.marked_at is None)

    def _leaving(self) -> list[Work]:
        """Those that have a place now; of the others, some wait for one and the rest is given up."""
        leaving, self._waiting = [], Counter()
        for work in self._heads():
            connection_id = work.unsent[0].connection_id
            if self._places.try_take(connection_id):
                leaving.append(work)
            elif self._waiting[connection_id] < self._places.most_of_one:
                self._waiting[connection_id] += 1
            else:
                work.stop_line()
        return leaving

    def _try_next(self, session: Session, work: Work) -> _Next | None:
        """None when the head is settled without being sent; its place is free again then."""
        head = work.unsent[0]
        try:
            chosen = self._next(session, work)
        except SQLAlchemyError:
            raise
        except Exception as error:  # a door: a channel that is gone, or a plugin's bug, must not stop the others
            logger.exception("Message %s cannot be tried.", head.key)
            setbacks.bury(session, head, f"The message cannot be sent: {type(error).__name__}: {error}")
            work.unsent, chosen = work.unsent[1:], None
        if chosen is None:
            self._places.give_back(head.connection_id)
        return chosen

    def _next(self, session: Session, work: Work) -> _Next | None:
        head = work.unsent[0]
        connection = self._directory.connection(session, head.connection_id)
        is_new = head.id in work.looked_up
        resumed = head.id in work.resumed and not is_new
        if resumed and outbox.must_not_repeat(connection, head, work.held.now):
            settle(session, [Settled(head, "unknown", error="The process died while the message was sent.")])
            work.unsent = work.unsent[1:]
            return None
        looks_up = not is_new and outbox.looks_up_first(connection, head, work.held.now, resumed=resumed)
        age_seconds = (work.held.now - (head.sending_at or work.held.now)) / 1_000_000
        if looks_up and (wait := outbox.too_young_seconds(age_seconds, doubted=self._clock.is_doubted)):
            setbacks.look_later(session, head, wait)
            work.stop_line()
            return None
        owned = setbacks.owned_ids(session, head) if looks_up else frozenset()
        sender = self._directory.number(session, head.number_id).value
        media = () if _NO_MEDIA in head.payload else outbox.message_of(head).media
        if any(item.file for item in media):
            media = with_addresses(session, self._house.key, connection.public_url, now(session), media)
        attempt = outbox.Attempt(head, connection, sender, owned, age_seconds, media)
        if channel_of(connection.kind).threads:
            thread, contents = threads.of_message(session, head.key), contents_of(session, media)
            attempt = replace(attempt, thread=thread, contents=contents)
        return _Next(work, attempt, looks_up, outbox.recheck_seconds(connection, head))

    def _deliver(self, attempt: outbox.Attempt, marked_at: float, looks_up: bool) -> None:
        """In an I/O thread. A mark must be young when the request leaves: somebody may have taken over since."""
        unsent = attempt.unsent
        settled: Settled | None = None
        try:
            if looks_up:
                settled = outbox.look_up(attempt, self._house.http)
                if settled is None:  # the provider does not have it: the next round sends it
                    self._works[unsent.conversation_id or 0].looked_up.add(unsent.id)
            elif not outbox.is_stale(self._machine.monotonic() - marked_at):
                settled = outbox.deliver(attempt, self._house.http)
        except Exception as error:  # a door: a plugin channel's bug is a failed attempt, not a dead thread
            logger.exception("The channel broke while sending message %s.", unsent.key)
            settled = Settled(unsent, "unknown", error=f"The channel broke: {type(error).__name__}.")
        self._results(Delivered(unsent.conversation_id or 0, settled))
