"""Faults planted in the runtime, one at a time: a simulation that finds none of them would prove nothing.

Each replaces a part of the product while it is planted; `CAUGHT_BY` is a seed that finds it.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final
from unittest.mock import patch

from sqlalchemy.orm import Session

from app import asking, handled, outbox, turn_results
from app.channels import twilio_rest
from app.channels.contract import OutgoingMessage
from app.handled import Handled, Unsent
from app.runner import claiming, endings
from app.runner.claiming import Claiming, Room
from app.runner.endings import Endings
from app.runner.loop import Runner
from app.runner.work import Work
from app.store import commits, event_states, journal, loading, marks, reports, rows, sends, setbacks
from app.store.loading import Held
from flows.event import MessageAccepted
from tests.faults.simulation import places, processes

Planting = Callable[[], Any]
_fences = commits._raise_fences
_commit = commits.commit
_settle = sends.settle
_mark = marks.mark_sending
_load, _begin = loading.load, loading.begin
_claim, _round = Claiming.claim, Runner.round


def _over_with(module: Any, *changes: tuple[str, str]) -> Planting:
    """The module's statements with parts of their text replaced."""
    used: set[str] = set()

    def over(session: Session, statement: str, *more: Any, **values: Any) -> Any:
        for old, new in changes:
            if old in statement:
                used.add(old)
                statement = statement.replace(old, new)
        return rows.over(session, statement, *more, **values)

    return lambda: patch.object(module, "over", over)


def _text(module: Any, name: str, old: str, new: str) -> Planting:
    """A constant of the module with a part replaced."""
    before = getattr(module, name)
    if old not in before:
        raise ValueError(f"{name} does not hold {old!r} any more: mend the mutation.")
    return lambda: patch.object(module, name, before.replace(old, new))


def _always(value: object) -> Callable[..., Any]:
    return lambda *_: value


def _send_before_commit() -> Any:
    """The round's messages leave first, and are stored as sent with the turn."""

    def try_commit(self: Endings, ready: Sequence[Work], *, charged: bool = False) -> bool:
        for work in ready:
            turn = work.finished
            if turn is not None and turn.messages and work.turn is not None:
                connection = work.turn.scene.connection
                for one in turn.messages:
                    message = outbox.message_of(_as_unsent(one))
                    sender = work.turn.scene.number.value
                    twilio_rest.send(connection, OutgoingMessage(one.key, 0, sender, one.to, message), self._house.http)
                turn.messages = [replace(one, local=True) for one in turn.messages]
                turn.follow_ups += [turn_results.follow_up(MessageAccepted(one.key)) for one in turn.messages]
        return real(self, ready, charged=charged)

    real = Endings._try_commit
    return patch.object(Endings, "_try_commit", try_commit)


def _as_unsent(one: handled.Outgoing) -> Unsent:
    numbers = (0, one.key, "send_message", 0, 0, 0, None, one.payload, one.to, "queued", 0, 0, 0, None, 0, 0)
    return Unsent(*numbers)


@contextmanager
def _flag_after_reading() -> Iterator[None]:
    def claim(self: Claiming, room: Room, *, stopping: bool) -> list[Work]:
        was_empty = not self._works
        begun = _claim(self, room, stopping=stopping)
        if was_empty:
            self._house.machine.sleep(0.3)  # somebody else's turn
            for lane in ("turns", "calls"):
                places.the_place().lanes.world.lower_flag(lane)
        return begun

    with patch.object(Claiming, "claim", claim), patch.object(places.SharedLanes, "lower_flag", lambda *_: None):
        yield


def _no_journal() -> Any:
    return patch.object(journal, "write", _always(None))


@contextmanager
def _forget_to_mark() -> Iterator[None]:
    """The message leaves without a word in the database that it is on its way."""
    unmarked = ("UPDATE effects SET state = 'sending'", "UPDATE effects SET state = 'queued'")
    settles = ("AND (effects.state = 'sending' OR", "AND (effects.state IN ('queued', 'sending') OR")
    with _over_with(marks, unmarked)(), _over_with(sends, settles)():
        yield


def _charge_innocents() -> Any:
    def begin(session: Session, held: Sequence[Held], alone: bool) -> None:
        _begin(session, held, alone=True)
        for one in held:
            one.charged += one.attempts - 1

    return patch.object(claiming, "begin", begin)


def _unlock_early() -> Any:
    """The lock is given back when the turn has begun."""

    def round_(self: Runner, results: Sequence[Any]) -> None:
        _round(self, results)
        for conversation_id in self._works:
            self._locks.unlock(conversation_id)

    return patch.object(Runner, "round", round_)


def _lost_fence_counts() -> Any:
    """Whoever lost the fence still finishes its events."""

    def fences(session: Session, group: Sequence[Handled], now: int) -> set[int]:
        survivors = _fences(session, group, now)
        event_states.write(session, [one for one in group if one.conversation_id not in survivors], now)
        return survivors

    return patch.object(commits, "_raise_fences", fences)


def _fences_never_lost() -> Any:
    return _over_with(commits, (" AND conversations.fence = r.fence", ""))()


def _line_is_skipped() -> Any:
    """A message that waits for another attempt does not hold up those behind it."""

    def take_unsent(work: Work) -> None:
        for one in handled.unsent_of(work.held.unsent):
            if one.next_attempt_at <= work.held.now:
                if one.state == "sending":
                    work.resumed.add(one.id)
                work.unsent.append(one)

    return patch.object(claiming, "_take_unsent", take_unsent)


def _nothing_released() -> Any:
    def commit(session: Session, group: Sequence[Handled]) -> Any:
        for one in group:
            one.releases_kept = False
        return _commit(session, group)

    return patch.object(endings, "commit", commit)


def _kept_is_done() -> Any:
    """A message that no step takes now is thrown away."""

    def commit(session: Session, group: Sequence[Handled]) -> Any:
        for one in group:
            one.done, one.kept = one.done + one.kept, []
        return _commit(session, group)

    return patch.object(endings, "commit", commit)


def _nobody_follows() -> Any:
    return patch.object(sends, "follow", _always(set()))


def _keys_by_attempt() -> Any:
    real = outbox._message

    def message(attempt: outbox.Attempt) -> OutgoingMessage:
        made = real(attempt)
        return replace(made, key=f"{made.key}/{made.attempt}")

    return patch.object(outbox, "_message", message)


def _shared_lock() -> Any:
    def try_lock(self: processes.SimulatedLocks, conversation_id: int) -> bool:
        self._owners[conversation_id] = self
        return True

    return patch.object(processes.SimulatedLocks, "try_lock", try_lock)


MUTATIONS: Final[dict[str, tuple[str, Planting]]] = {
    "skip_the_fence": ("a turn commits although another process has taken over", _fences_never_lost),
    "send_before_commit": ("messages leave before their turn is stored", _send_before_commit),
    "forget_the_journal": ("a repeated turn asks everything again", _no_journal),
    "flag_after_reading": ("the wake-up flag is lowered after the read", _flag_after_reading),
    "ids_instead_of_seq": ("events are taken by their ids", _text(
        loading, "_EVENTS", "e.conversation_id, e.at, e.seq", "e.conversation_id, e.id")),
    "timers_first": ("a time limit wins over an answer that came before it", _text(
        loading, "_EVENTS", "e.conversation_id, e.at, e.seq", "e.conversation_id, e.kind <> 'timer_fired', e.at")),
    "forget_to_mark": ("a message leaves that is not marked as on its way", _forget_to_mark),
    "look_up_at_once": ("a look-up is believed before the provider's list shows what it has", lambda: patch.multiple(
        outbox, LOOKS_UP_AFTER_SECONDS=0.0)),
    "take_what_others_own": ("a look-up takes an earlier message of the same words for this one", lambda: patch.object(
        setbacks, "owned_ids", _always(frozenset()))),
    "charge_innocents": ("every kill counts against all that was under way", _charge_innocents),
    "repeat_unsafe_requests": ("a POST that may not be repeated is", lambda: patch.object(
        asking, "_may_repeat", _always(True))),
    "unlock_early": ("the lock is given back when the turn has begun", _unlock_early),
    "lock_for_all": ("two processes get the same lock", _shared_lock),
    "lost_fence_counts": ("whoever lost the fence still finishes its events", _lost_fence_counts),
    "statuses_go_back": ("the last callback counts, not the highest", _text(
        reports, "_SHOW", "WHERE rank < :rank AND", "WHERE")),
    "nothing_released": ("what was kept for the next step is never taken", _nothing_released),
    "kept_is_done": ("a message that no step takes now is thrown away", _kept_is_done),
    "line_is_skipped": ("a message that waits for another attempt is overtaken", _line_is_skipped),
    "nobody_follows": ("a run does not hear that its message was taken", _nobody_follows),
    "keys_by_attempt": ("each attempt of a message has a key of its own", _keys_by_attempt),
    "no_stale_marks": ("a mark is good however old it is", lambda: patch.object(outbox, "is_stale", _always(False))),
    "deaf_web": ("a webhook wakes nobody", lambda: patch.object(places.SharedLanes, "wake", _always(None))),
}  # fmt: skip

CAUGHT_BY: Final[dict[str, int]] = {
    "skip_the_fence": 116,
    "send_before_commit": 1,
    "forget_the_journal": 81,
    "flag_after_reading": 126,
    "ids_instead_of_seq": 990,
    "timers_first": 990,
    "forget_to_mark": 81,
    "look_up_at_once": 16,
    "take_what_others_own": 76,
    "charge_innocents": 46,
    "repeat_unsafe_requests": 41,
    "unlock_early": 0,
    "lock_for_all": 0,
    "lost_fence_counts": 293,
    "statuses_go_back": 2,
    "nothing_released": 1,
    "kept_is_done": 1,
    "line_is_skipped": 48,
    "nobody_follows": 1,
    "keys_by_attempt": 17,
    "no_stale_marks": 47,
    "deaf_web": 0,
}
"""A seed of each. A change of the runtime changes worlds: then `python -m tests.faults.simulation --mutations`
prints the seeds anew."""


@contextmanager
def planted(name: str) -> Iterator[None]:
    """The runtime with this fault in it."""
    with MUTATIONS[name][1]():
        yield
