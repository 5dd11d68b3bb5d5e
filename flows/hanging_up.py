"""The end of a call: when it is over, who is told, and what the flow does after it."""

from datetime import datetime

from flows import tracing
from flows.awaited import wait_word
from flows.changed import changed
from flows.context import Context
from flows.effect import HangUp, LeaveQueue
from flows.event import CallerHungUp, CallPolled, DialEnded, Event, KeysPressed
from flows.run import Run
from flows.step import Outcome, Step
from flows.visit import Visit
from flows.walk import Walk
from flows.wire import kind_of


def is_over_time(run: Run, event: Event) -> bool:
    """Whether the carrier asks what to do in a call that has lasted as long as it may."""
    ends_at = run.call.get("ends_at")
    asks = isinstance(event.happened, KeysPressed | CallPolled | DialEnded)
    return asks and not run.call_ended and isinstance(ends_at, datetime) and event.now >= ends_at


def holds_the_end(run: Run) -> bool:
    """Whether the step that waits wants to hear of the call's end before the flow does: something is still to come."""
    return run.waiting is not None and wait_word(CallerHungUp()) in run.waiting.accepts


def must_hang_up(run: Run) -> bool:
    """Whether a step held the end of the call back and does so no longer: then the run is told CallerHungUp again."""
    return run.leaving and run.status == "waiting" and run.open_turn is None and not holds_the_end(run)


def leave(walk: Walk, *, over_time: bool) -> None:
    """End the call, or tell the step that holds its end back."""
    waiting = walk.run.waiting
    if waiting is None or not holds_the_end(walk.run):
        walk.perform(*([HangUp()] if over_time else ()))
        _hang_up(walk)
        return
    if over_time:
        walk.effects.append(HangUp())  # not performed: for the steps of the flow the call is not over yet
    walk.satisfy_wait()
    walk.change(leaving=True)
    entry = tracing.new_entry(walk.stands_on, kind_of(CallerHungUp))
    Visit(walk, changed(walk.event, happened=CallerHungUp()), waiting.keep, entry).call(_resume)


def _resume(step: Step, context: Context) -> Outcome:
    return step.resume(context, context.event)


def _hang_up(walk: Walk) -> None:
    """Go to what the flow, or the one that called it, does after a call; the run ends where none says anything."""
    entry = tracing.new_entry(walk.stands_on, kind_of(CallerHungUp))
    walk.trace.append(entry)
    walk.satisfy_wait()
    walk.end_call()
    if walk.run.in_queue:
        walk.perform(LeaveQueue("abandoned"))
        entry["effects"] = 1
    for depth in range(len(walk.run.stack), 0, -1):
        walk.return_to(depth)
        if walk.flow.on_hang_up in walk.flow.steps:
            walk.next = walk.flow.on_hang_up
            return
    entry["outcome"] = "caller_hung_up"
    walk.end_run("caller_hung_up", {})
