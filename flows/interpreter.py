"""The interpreter: one event in, one turn out, and nothing else touched (DESIGN §3 is its contract)."""

from collections.abc import Mapping

from flows import tracing
from flows.ask import (
    AddressState,
    AddressStateAnswer,
    Answer,
    CalendarState,
    CalendarStateAnswer,
    FileState,
    FileStateAnswer,
    FlowVersion,
    FlowVersionAnswer,
    HttpAnswer,
    HttpRequest,
    PhonesOfContacts,
    PhonesOfContactsAnswer,
    QueueState,
    QueueStateAnswer,
    WaysToContact,
    WaysToContactAnswer,
    WebhookState,
    WebhookStateAnswer,
    size_bytes,
)
from flows.awaited import wait_word
from flows.changed import changed
from flows.context import Context
from flows.document import Flow
from flows.errors import FlowError
from flows.event import (
    Answered,
    CallerHungUp,
    CallStarted,
    Event,
    FlowEnded,
    Happening,
    KeysPressed,
    MessageReceived,
    QueueLeft,
    TimerFired,
    call_values,
    message_values,
)
from flows.hanging_up import holds_the_end, is_over_time, leave
from flows.limits import Limits
from flows.run import Frame, Run, Turn
from flows.step import Failure, Outcome, Step, Take
from flows.visit import FLOW_FAILED, Visit, run_step
from flows.walk import Steps, Walk
from flows.wire import kind_of

__all__ = ["Steps", "accepts", "advance", "begin"]

_ANSWERS: Mapping[type, type[Answer]] = {
    HttpRequest: HttpAnswer,
    QueueState: QueueStateAnswer,
    CalendarState: CalendarStateAnswer,
    WaysToContact: WaysToContactAnswer,
    FlowVersion: FlowVersionAnswer,
    AddressState: AddressStateAnswer,
    WebhookState: WebhookStateAnswer,
    FileState: FileStateAnswer,
    PhonesOfContacts: PhonesOfContactsAnswer,
}


def begin(version: str, flow: Flow, trigger: str, event: Event, run_id: str) -> Run:
    """A fresh run that stands on its trigger; `advance` it with the same event.

    Raises: FlowError when the flow has no such step.
    """
    if trigger not in flow.steps:
        raise FlowError(f"The flow {flow.name} has no step “{trigger}” that a run could begin at.")
    return Run(id=run_id, stack=(Frame(version, trigger),), started_at=event.now)


def accepts(run: Run, happened: Happening) -> bool:
    """Whether a happening would move the run now; one that would not may be kept for later or go elsewhere."""
    if isinstance(happened, Answered):
        return run.open_turn is not None and run.open_turn.n == happened.n
    if run.status == "ended" or run.open_turn is not None or isinstance(happened, FlowEnded):
        return False
    if isinstance(happened, CallerHungUp):
        return not run.call_ended and not (run.leaving and holds_the_end(run))
    waiting = run.waiting
    if waiting is None:
        return True  # a fresh run takes the event that began it
    if isinstance(happened, TimerFired):
        return True
    return wait_word(happened) in waiting.accepts or (
        waiting.leaves_by_message and isinstance(happened, MessageReceived)
    )


def advance(flows: Mapping[str, Flow], run: Run, event: Event, limits: Limits, steps: Steps) -> Turn:
    """What an event does to a run, as far as the next wait, Ask or end.

    flows: every version on the run's stack. When the turn has an Ask, perform it and call again with `Answered`, until
    it has none: then it is over and has counted `run.turn` up. An event the run does not accept is no turn: it leaves
    the run as it was, but for what expressions read as `message` and `call`.

    Raises:
        FlowError: a flow is missing, or an answer fits no open Ask. Nothing else: what steps do wrong fails the run.
    """
    happened = event.happened
    if isinstance(happened, Answered):
        return _answered(flows, run, happened, limits, steps)
    if run.open_turn is not None:
        raise FlowError(f"The run {run.id} has an open turn; answer its Ask {run.open_turn.n} first.")
    if run.status == "ended":
        return Turn(run, (), ())
    accepted = accepts(run, happened)
    heard = _hear(run, event)
    if not accepted:
        return Turn(heard, (), ())
    walk = Walk(flows, heard, event, limits, steps)
    over_time = is_over_time(heard, event)
    if over_time or isinstance(happened, CallerHungUp):
        leave(walk, over_time=over_time)
    elif run.waiting is None:
        walk.next = walk.step
    else:
        walk.satisfy_wait()
        leaves = isinstance(happened, MessageReceived) and "message" not in run.waiting.accepts
        entry = tracing.new_entry(walk.stands_on, kind_of(type(happened)))
        Visit(walk, event, run.waiting.keep, entry).call(_leave_by_message if leaves else _resume)
    return _to_the_end(walk)


def _answered(flows: Mapping[str, Flow], run: Run, answered: Answered, limits: Limits, steps: Steps) -> Turn:
    opened, answer = run.open_turn, answered.answer
    if opened is None or opened.n != answered.n:
        asked = "nothing" if opened is None else f"Ask {opened.n}"
        raise FlowError(f"The run {run.id} was given an answer to Ask {answered.n}, but it waits for {asked}.")
    wanted = _ANSWERS[type(opened.request)]
    if not isinstance(answer, wanted):
        raise FlowError(f"The run {run.id} needs a {wanted.__name__} and was given a {type(answer).__name__}.")
    walk = Walk.reopened(flows, run, opened, limits, steps)
    walk.answered_bytes += size_bytes(answer)
    entry = walk.trace.pop()
    tracing.note_answer(entry, answer, walk.private())
    Visit(walk, walk.event, opened.keep, entry).call(lambda step, context: step.answered(context, answer))
    return _to_the_end(walk)


def _to_the_end(walk: Walk) -> Turn:
    """Go from step to step until the walk leads nowhere further: the run waits, asks or has ended."""
    while walk.next is not None:
        going, walk.next = walk.next, None
        if isinstance(going, FlowEnded):
            event = changed(walk.event, happened=going)
            Visit(walk, event, {}, tracing.new_entry(walk.stands_on, kind_of(FlowEnded))).call(_resume)
        elif isinstance(going, Failure):
            Visit(walk, walk.event, {}, tracing.new_entry(walk.stands_on, FLOW_FAILED)).fail(going)
        else:
            walk.move_to(going)
            Visit(walk, walk.event, walk.kept, tracing.new_entry(walk.stands_on)).call(run_step)
    return walk.turn()


def _resume(step: Step, context: Context) -> Outcome:
    return step.resume(context, context.event)


def _leave_by_message(_step: Step, _context: Context) -> Outcome:
    return Take("message")


def _hear(run: Run, event: Event) -> Run:
    """The run with what the happening tells to every expression after it."""
    happened = event.happened
    if isinstance(happened, MessageReceived):
        return changed(run, message=message_values(happened, event.at))
    if isinstance(happened, CallStarted):
        return changed(run, call=call_values(happened))
    if isinstance(happened, KeysPressed):
        return changed(run, call={**run.call, "digits": happened.digits, "speech": happened.speech})
    if isinstance(happened, QueueLeft) and happened.outcome != "assigned":  # an agent who takes it has it still
        return changed(run, in_queue=False)
    return run
