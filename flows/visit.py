"""One call of a placed step's code within a walk, and what comes of it: outcome, failure, trace."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from flows import tracing
from flows.ask import HttpRequest, Request
from flows.called import entry_of
from flows.context import Context
from flows.effect import EnterQueue
from flows.event import Event, QueueLeft
from flows.expression import ExpressionError
from flows.failing import broken, cycle, last_circle, unfinished, way_out
from flows.outcomes import Refused, checked_effects, checked_keep, checked_values, checked_waiting
from flows.run import OpenTurn
from flows.step import Ask, Enter, Failure, Finish, Outcome, Step, Take, Trigger, Wait
from flows.todays_config import todays_config
from flows.trace import Entry
from flows.values import TooLarge, Value
from flows.walk import Walk
from flows.wire import to_data

Code = Callable[[Step, Context], Outcome]
VOICE = frozenset({"call"})
FLOW_FAILED = "flow_failed"
"""How a step comes to fail that called a flow which failed: its trace entry's `came_by`."""


class Visit:
    """One call of a placed step's code. `entry` is its trace entry, gone on with after an Ask."""

    def __init__(self, walk: Walk, event: Event, kept: Mapping[str, Any], entry: Entry) -> None:
        self.walk = walk
        self.entry = entry
        self.context = Context(
            flow=walk.flow,
            step=walk.step,
            config={},
            run=walk.run,
            event=event,
            limits=walk.limits,
            kept=kept,
            effects_before=len(walk.effects),
        )
        self.placed = self.context.flow.steps.get(walk.step)
        self.title = (self.placed.name if self.placed else "") or walk.step
        walk.trace.append(entry)

    def call(self, code: Code) -> None:
        """Let the step act, and do what it says."""
        if over := self._over_limit():
            self._take_the_way_out(over)
            return
        try:
            self._obey(code(self._prepared(), self.context))
        except Refused as refused:
            self.fail(refused.failure)
        except ExpressionError as problem:
            self.fail(Failure("expression_error", str(problem)))
        except TooLarge as problem:
            self.fail(Failure("too_large", str(problem)))
        except Exception as problem:  # noqa: BLE001 - a door: whatever a step raises fails its run and not the worker
            kind = self.walk.steps.get(self.placed.type) if self.placed else None
            self.fail(unfinished(self.title, kind, self.placed) or broken(self.title, problem))
        finally:
            tracing.note_inputs(self.entry, self.context, self._private)

    @property
    def _private(self) -> tuple[str, ...]:
        """What the trace must not show of the run as it stands now."""
        # The step may have entered or left its flow: what that held then must not be shown either.
        return self.walk.private((self.context.flow, self.context.run.variables))

    def _prepared(self) -> Step:
        """The installed step; its config stands in the context, in today's format."""
        if self.placed is None:
            raise Refused("exit_missing", f"The flow {self.context.flow.name} has no step “{self.context.step}”.")
        step = self.walk.steps.get(self.placed.type)
        if step is None:
            raise Refused("step_missing", f"“{self.title}” is of the type {self.placed.type}, which is not installed.")
        if self.placed.format > step.format:
            raise Refused("step_missing", f"“{self.title}” was made with a newer version of {self.placed.type}.")
        self.context.config = todays_config(step, self.placed)
        return step

    def _obey(self, outcome: Outcome) -> None:
        tracing.note_why(self.entry, getattr(outcome, "why", {}), self._private)
        if isinstance(outcome, Take):
            self._take(outcome)
        elif isinstance(outcome, Wait):
            self._wait(outcome)
        elif isinstance(outcome, Ask):
            self._ask(outcome)
        elif isinstance(outcome, Finish):
            self._finish(outcome)
        elif isinstance(outcome, Enter):
            self._enter(outcome)
        else:
            raise Refused("step_error", f"“{self.title}” returned {type(outcome).__name__}, which is no outcome.")

    def _take(self, take: Take) -> None:
        if not isinstance(take.exit, str):
            raise Refused("step_error", f"“{self.title}” left by {take.exit!r}; an exit's id is a text.")
        walk = self.walk
        others = len(walk.run.variables.keys() - take.sets.keys()) + walk.held_below
        values = checked_values(self.context, take.sets, others)
        effects = checked_effects(take.effects)
        walk.keep_round(None if take.keep is None else checked_keep(self.context, take.keep))
        if values:
            walk.change(variables={**walk.run.variables, **values})
            tracing.note_sets(self.entry, self.context.flow, values, self._private)
        self._perform(*effects)
        if isinstance(self.context.event.happened, QueueLeft):
            walk.change(in_queue=False)  # the run goes on without the people, or beside them
        self.entry["exit"] = take.exit
        if take.exit == "failure":
            self.fail(take.failure or Failure("step_error", f"“{self.title}” failed without saying why."))
        elif not self._go_by(take.exit):
            raise Refused("exit_missing", f"“{self.title}” left by “{take.exit}”, which leads nowhere in this flow.")

    def _wait(self, wait: Wait) -> None:
        waiting = checked_waiting(self.context, wait)
        effects = checked_effects(wait.effects)
        self._perform(*effects)
        run = self.walk.run
        enters = any(isinstance(effect, EnterQueue) and effect.run_waits for effect in effects)
        in_queue = run.in_queue or (enters and "queue" in waiting.accepts)
        self.walk.change(status="waiting", waiting=waiting, visits_since_wait=0, path=(), in_queue=in_queue)
        self.entry["waits"] = {
            "accepts": list(waiting.accepts),
            "until": waiting.until.isoformat() if waiting.until else None,
            "limit_seconds": waiting.limit_seconds,
        }

    def _ask(self, ask: Ask) -> None:
        self._refuse_if_told_too_much(ask.request)
        to_data(ask.request)  # refused here, by this step's name, rather than when the turn is stored
        keep = checked_keep(self.context, ask.keep)
        tracing.note_request(self.entry, ask.request, self._private)
        walk = self.walk
        opened = OpenTurn(ask.request, walk.asks, walk.event, keep, answered_bytes=walk.answered_bytes)
        walk.change(open_turn=opened)

    def _refuse_if_told_too_much(self, request: Request) -> None:
        """What a turn is told stays in memory to its end, and in its record: the next answer could be one too many."""
        most = self.walk.limits.answers_bytes
        if isinstance(request, HttpRequest) and self.walk.answered_bytes >= most:
            told = f"The answers to this turn have {self.walk.answered_bytes:,} bytes already, and {most:,} are allowed"
            raise Refused("too_large", f"{told}: “{self.title}” asks nothing more. Let the flow wait in between.")

    def _finish(self, finish: Finish) -> None:
        outputs = checked_values(self.context, finish.outputs, 0)
        self._perform(*checked_effects(finish.effects))
        outcome = finish.outcome or "completed"
        self.entry["exit"] = "end"
        self.entry["outcome"] = outcome
        self.walk.end_flow(outcome, outputs)

    def _enter(self, enter: Enter) -> None:
        walk, most = self.walk, self.walk.limits.subflow_depth
        flow = walk.flows.get(enter.version)
        if flow is None:
            raise Refused("step_error", f"“{self.title}” enters a flow that it did not ask for.")
        if len(walk.run.stack) > most:
            names = [walk.flows[frame.version].name for frame in walk.run.stack if frame.version in walk.flows]
            circle = " → ".join(f"“{name}”" for name in last_circle([*names, flow.name])[-most:])
            raise Refused("depth_exceeded", f"Flows run each other at most {most} deep, and these go deeper: {circle}.")
        trigger = entry_of(flow, walk.steps)
        if trigger is None:
            raise Refused("not_callable", f"The flow “{flow.name}” has no trigger at which other flows could run it.")
        held = walk.held_below + len(walk.run.variables)
        inputs = checked_values(self.context, enter.inputs, held)
        self.entry["enters"] = enter.version
        walk.enter_flow(enter.version, trigger.id, inputs)

    def _perform(self, *effects: Any) -> None:
        self.walk.perform(*effects)
        self.entry["effects"] += len(effects)

    def _go_by(self, way: str) -> bool:
        """Go where an exit leads; False when it leads nowhere."""
        target = self.placed.exits.get(way, "") if self.placed else ""
        if target == "end":
            self.walk.end_flow("completed", {})
        elif target in self.context.flow.steps:
            self.walk.next = target
        else:
            return False
        return True

    def fail(self, failure: Failure) -> None:
        """Leave by the step's failure exit, else go to the flow's `on_failure`, else let the step fail that called this
        flow, else do what the installation says."""
        walk, flow = self.walk, self.context.flow
        failure = replace(failure, message=tracing.shown(failure.message, self._private))
        self._note_failure(failure)
        if self._go_by("failure"):
            return
        if self._may_recover():
            walk.change(recovering=True)
            walk.next = flow.on_failure
        elif len(walk.run.stack) > 1:
            told = failure.message if self.entry.get("came_by") == FLOW_FAILED else f"{flow.name}: {failure.message}"
            walk.fail_flow(replace(failure, message=told))
        else:
            self._take_the_way_out(failure)

    def _may_recover(self) -> bool:
        """Whether the flow has a step for failures that has not failed itself. A called flow that was given what it
        cannot begin with has none: that is its caller's failure."""
        walk, flow, here = self.walk, self.context.flow, self.context.step
        kind = walk.steps.get(self.placed.type) if self.placed else None
        if len(walk.run.stack) > 1 and isinstance(kind, Trigger):
            return False
        return flow.on_failure in flow.steps and flow.on_failure != here and not walk.run.recovering

    def _take_the_way_out(self, failure: Failure) -> None:
        self._note_failure(failure)
        self._perform(*way_out(replace(self.context, run=self.walk.run), failure))
        self.walk.end_run("failed", {})

    def _note_failure(self, failure: Failure) -> None:
        tracing.note_failure(self.entry, failure)
        error: dict[str, Value] = {"kind": failure.kind, "message": failure.message, "retryable": failure.retryable}
        self.walk.change(error={**error, "step": self.context.step})

    def _over_limit(self) -> Failure | None:
        """What ends the run here and now: an on_failure step inside the circle would go round with it."""
        run, limits = self.walk.run, self.walk.limits
        if self.context.now - run.started_at > timedelta(seconds=limits.run_seconds):
            return Failure("run_too_old", f"A run lasts at most {limits.run_seconds / 86_400:g} days.")
        if len(run.stack) > limits.subflow_depth + 1:
            return Failure("depth_exceeded", f"Flows call each other at most {limits.subflow_depth} deep.")
        if max(run.visits_since_wait, self.walk.asks) > limits.steps_between_waits:
            circle = cycle(self.walk.flows, self.walk.flows[run.stack[0].version], run.path)
            return Failure("loop_detected", f"The flow goes round without ever waiting: {circle}. Let it wait or end.")
        if run.visits > limits.steps_per_run:
            return Failure("run_too_long", f"A run visits at most {limits.steps_per_run} steps.")
        return None


def run_step(step: Step, context: Context) -> Outcome:
    """The code of a step that is entered. Raises: Refused for a voice step without a caller."""
    if step.media == VOICE and (context.run.call_ended or context.facts.conversation.get("kind") == "messages"):
        ended = "The caller has hung up." if context.run.call_ended else "This conversation is no call."
        raise Refused("call_ended", ended)
    return step.run(context)
