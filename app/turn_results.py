"""From a finished turn to what must be committed: run, record, counts, messages, timer, queues and voice document."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from app import call_document
from app.db import to_microseconds
from app.handled import Entry, FollowUp, Handled, Outgoing, RecordedTurn, RunState, Timer, Trouble
from app.leaving import mannerly, put_off_until
from app.scene import Scene
from app.store.loading import Held
from flows import wire
from flows.ask import FlowVersionAnswer, QueueState, QueueStateAnswer, Request
from flows.composing import SEND_ERRORS
from flows.effect import (
    VERBS,
    CancelMessage,
    EnterQueue,
    ExpectWebhook,
    LabelConversation,
    LeaveQueue,
    PostToTeam,
    SendEmail,
    SendMessage,
    UpdateContact,
    Verb,
)
from flows.event import Event, MessageAccepted, MessageDelivered, MessageFailed
from flows.limits import Limits
from flows.record import TurnRecord
from flows.run import Given, Run, Turn
from flows.values import canonical_json
from flows.visit import FLOW_FAILED


@dataclass(frozen=True)
class TurnResult:
    """What a finished turn was made of."""

    scene: Scene
    version_id: int
    run_before: Run
    event: Event
    answers: tuple[Given, ...]
    last_ask: Request | None
    limits: Limits


def unchanged(held: Held) -> Handled:
    """A handling that changes nothing yet."""
    row = held.row
    return Handled(
        conversation_id=row.id,
        connection_id=row.connection_id,
        number_id=row.number_id,
        fence=row.fence,
        owner=row.owner,
        state=row.state,
        run_id=row.run_id,
        call_turn=row.call_turn,
        pending_verbs=row.pending_verbs,
        call_ended=row.call_ended_at is not None,
        shown=any(event.shown_at is not None for event in held.events),
    )


def ended(run: Run, version_id: int, outcome: str) -> RunState:
    """A run that somebody else ended."""
    stopped = replace(run, status="ended", outcome=outcome, waiting=None, open_turn=None, in_queue=False)
    return _state(stopped, version_id)


def write(handled: Handled, result: TurnResult, turn: Turn, outgoing: Callable[[str, SendMessage], Outgoing]) -> None:
    """Adds a finished turn to what is committed."""
    run, before = turn.run, result.run_before
    if run.turn == before.turn:  # the run did not accept the event: that is no turn
        return
    handled.runs.append(_state(run, result.version_id))
    handled.turns.append(_recorded(result, turn))
    handled.counts += [
        (int(entry["version"]), entry["step"], entry["exit"], bool(entry.get("failure")))
        for entry in turn.trace
        if entry["exit"]
    ]
    # Also one whose exit is wired: a flow that gets over its failures must not hide them from people. Those that follow
    # from the failure of a called flow tell nothing new.
    handled.problems += [
        Trouble(entry["failure"]["kind"], entry["failure"]["message"], entry["step"], int(entry["version"]))
        for entry in turn.trace
        if entry.get("failure") and entry.get("came_by") != FLOW_FAILED
    ]
    _take_effects(handled, result, turn, outgoing)
    verbs: list[Verb] = [effect for effect in turn.effects if isinstance(effect, VERBS)]
    _place(handled, run)
    handled.hurries = bool(before.unasked_hours and not run.unasked_hours)
    _follow_messages(handled, run)
    handled.timer = _timer(handled, result, run)
    call_document.end_late(handled, run)
    call_document.render(handled, result.scene, verbs, run_goes_on=run.status == "waiting")


def _take_effects(
    handled: Handled, result: TurnResult, turn: Turn, outgoing: Callable[[str, SendMessage], Outgoing]
) -> None:
    """Adds what the turn wants done; what the caller hears is rendered apart."""
    for n, effect in enumerate(turn.effects):
        key = f"{turn.run.id}/{result.run_before.turn}/{n}"
        match effect:
            case SendMessage():
                handled.messages.append(mannerly(result.scene, turn.run, result.event, outgoing(key, effect)))
            case SendEmail() | PostToTeam():
                to_team = isinstance(effect, PostToTeam) or effect.to_team
                not_before = 0 if to_team else put_off_until(result.scene, turn.run, result.event)
                handled.letters.append((key, effect, not_before))
            case CancelMessage():
                handled.cancelled.append(effect.effect)
            case EnterQueue():
                run_id = int(turn.run.id) if effect.run_waits else None
                if_room = effect.run_waits and _saw_room(result, effect.queue)
                handled.entry = Entry(effect.queue, effect.priority, effect.reason, run_id, if_room=if_room)
            case LeaveQueue():
                handled.leaves = effect.outcome
            case UpdateContact():
                handled.updates.append(effect)
            case LabelConversation():
                handled.labels.append(effect)
            case ExpectWebhook():
                handled.expects.append(effect)


def _saw_room(result: TurnResult, queue: str) -> bool:
    """Whether the last thing the turn asked was that queue, and there was room: it will ask again and see the truth."""
    if not isinstance(result.last_ask, QueueState) or result.last_ask.queue != queue or not result.answers:
        return False
    answer = result.answers[-1].answer
    return isinstance(answer, QueueStateAnswer) and answer.waiting < answer.maximum_length


def _place(handled: Handled, run: Run) -> None:
    """Who has the conversation now. What was kept is people's as soon as they have it."""
    if run.status == "ended":
        handled.run_id = None
        handed_over = handled.entry is not None or (handled.owner == "people" and not handled.leaves)
        handled.owner, handled.state = ("people", "open") if handed_over else ("none", "closed")
        handled.finishes_kept |= handed_over
        handled.releases_kept = not handed_over
        return
    handled.run_id, handled.state = int(run.id), "open"
    beside_people = handled.owner == "people" and not handled.leaves
    handled.owner = "people" if run.in_queue or beside_people else "flow"
    handled.finishes_kept |= handled.owner == "people"
    handled.releases_kept = (
        handled.owner == "flow"
        and run.waiting is not None
        and ("message" in run.waiting.accepts or run.waiting.leaves_by_message)
    )


def _follow_messages(handled: Handled, run: Run) -> None:
    """A message that needs no provider, or cannot be sent at all, is settled by the commit itself."""
    waits_for = run.waiting.keep.get("effect") if run.waiting else None
    for message in handled.messages:
        if message.error_kind:
            handled.follow_ups.append(follow_up(MessageFailed(message.key, message.error_kind, message.error)))
        elif message.local and message.key == waits_for and run.waiting and "accepted" in run.waiting.accepts:
            handled.follow_ups.append(follow_up(MessageAccepted(message.key)))


def follow_up(happened: MessageAccepted | MessageDelivered | MessageFailed) -> FollowUp:
    """The further event that tells of a message's fate, once for each outcome."""
    name = {MessageAccepted: "settled", MessageDelivered: "delivered", MessageFailed: "failed"}[type(happened)]
    return FollowUp(f"{name}/{happened.effect}", wire.kind_of(type(happened)), wire.write(happened))


def _timer(handled: Handled, result: TurnResult, run: Run) -> Timer | None:
    """Every wait ends: by its own instant, by its limit after the last message is settled, or by the longest wait."""
    waiting = run.waiting
    if waiting is None:
        return None
    now = to_microseconds(result.event.now)
    instants = [one.not_before for one in handled.messages] + [not_before for _, _, not_before in handled.letters]
    put_off = max((instant - now for instant in instants if instant), default=0)
    now += put_off  # what is said tomorrow is waited for from tomorrow on
    if waiting.limit_seconds is not None:
        limit = int(waiting.limit_seconds * 1_000_000)
        open_messages = [one for one in handled.messages if not one.local and not one.error_kind]
        if not open_messages:
            return Timer(int(run.id), waiting.turn, now + limit)
        # Counted from the settling of the last message, at the latest 24 hours after the commit (DESIGN §4).
        latest = now + limit + timedelta(hours=24) // timedelta(microseconds=1)
        if waiting.send_seconds is not None:
            latest = now + int(waiting.send_seconds * 1_000_000)
        return Timer(int(run.id), waiting.turn, latest, open_messages[-1].key, waiting.limit_seconds)
    until = to_microseconds(waiting.until) + put_off if waiting.until else now + result.limits.wait_seconds * 1_000_000
    return Timer(int(run.id), waiting.turn, until)


def unsent_question(held: Held) -> MessageFailed | None:
    """What a timer tells that fires before the question of its wait has left."""
    question, run = held.events[0].armed_by, held.run
    if not question or run is None or run.waiting is None or run.waiting.send_seconds is None:
        return None
    return MessageFailed(question, "send_timeout", SEND_ERRORS["send_timeout"])


def _state(run: Run, version_id: int) -> RunState:
    return RunState(
        id=int(run.id),
        version_id=version_id,
        state=wire.write(run),
        status="ended" if run.status == "ended" else "waiting",
        outcome=run.outcome,
        turn=run.turn,
        started_at=to_microseconds(run.started_at),
        step_version_id=int(run.stack[-1].version),
        step=run.stack[-1].step,
        unasked_hours=run.unasked_hours,
    )


def _versions(result: TurnResult) -> Iterator[str]:
    """Every version the turn stood in: those on the stack before it, and those it entered."""
    yield from (frame.version for frame in result.run_before.stack)
    for given in result.answers:
        if isinstance(given.answer, FlowVersionAnswer) and given.answer.version:
            yield given.answer.version


def _recorded(result: TurnResult, turn: Turn) -> RecordedTurn:
    record = TurnRecord(
        versions=tuple(dict.fromkeys(_versions(result))),
        run_before=result.run_before,
        event=result.event,
        answers=result.answers,
        limits=result.limits,
    )
    return RecordedTurn(
        run_id=int(turn.run.id),
        number=result.run_before.turn,
        event_id=int(result.event.id),
        record=wire.write(record),
        trace=canonical_json(list(turn.trace)),
    )
