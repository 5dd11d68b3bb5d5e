"""One turn under way: the run as it stands now, the effects and the trace so far, and where the walk goes next."""

import copy
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, Protocol

from flows.changed import changed
from flows.document import Flow, PlacedStep
from flows.effect import Effect, HangUp, LeaveQueue, LimitCall, Reject
from flows.errors import FlowError
from flows.event import Event, FlowEnded
from flows.limits import Limits
from flows.run import Frame, LoopState, OpenTurn, Run, Turn
from flows.secrecy import private_texts
from flows.step import Failure, Step
from flows.trace import Entry
from flows.values import Value

PATH_KEPT = 50  # ids kept to name a circle by; a longer one is named by its last steps


class Steps(Protocol):
    """The installed kinds of step; the registry is one, and so is a dictionary."""

    def get(self, type: str, /) -> Step | None:
        """The step of a type, or None when it is not installed."""


class Walk:
    """One turn under way. `next` is the step to enter, or what the step that called a flow is to hear or fail of."""

    def __init__(self, flows: Mapping[str, Flow], run: Run, event: Event, limits: Limits, steps: Steps) -> None:
        self.flows = flows
        self.run = run
        self.event = event
        self.limits = limits
        self.steps = steps
        self.effects: list[Effect] = []
        self.trace: list[Entry] = []
        self.asks = 0  # answered so far in this turn
        self.answered_bytes = 0  # what these answers have brought
        self.next: str | FlowEnded | Failure | None = None

    @classmethod
    def reopened(cls, flows: Mapping[str, Flow], run: Run, opened: OpenTurn, limits: Limits, steps: Steps) -> "Walk":
        """The walk that stopped at an Ask. Raises: FlowError when its trace does not end with that."""
        if not opened.trace or not opened.trace[-1].get("asks"):
            raise FlowError(f"The open turn of the run {run.id} does not say which step asked.")
        walk = cls(flows, changed(run, open_turn=None), opened.event, limits, steps)
        walk.effects = list(opened.effects)
        *finished, open_entry = opened.trace
        # Only the open entry is still written in: the turn handed out before keeps its own. (A turn may have 500 Asks.)
        walk.trace = [*finished, copy.deepcopy(open_entry)]
        walk.asks, walk.answered_bytes = opened.n + 1, opened.answered_bytes
        return walk

    def turn(self) -> Turn:
        """The turn so far; one without an Ask is over, and counted."""
        effects, trace = tuple(self.effects), tuple(self.trace)
        if self.run.open_turn is None:
            return Turn(changed(self.run, turn=self.run.turn + 1), effects, trace)
        opened = changed(self.run.open_turn, effects=effects, trace=trace)
        return Turn(changed(self.run, open_turn=opened), effects, trace, opened.request)

    @property
    def flow(self) -> Flow:
        """The flow the run stands in. Raises: FlowError when it was not given."""
        version = self.run.stack[-1].version
        if version not in self.flows:
            raise FlowError(
                f"The run {self.run.id} stands in the version {version}, which was not given to the engine."
            )
        return self.flows[version]

    @property
    def step(self) -> str:
        """The id of the step the run stands on."""
        return self.run.stack[-1].step

    @property
    def stands_on(self) -> tuple[str, str, PlacedStep | None]:
        """The version, the step's id, and the step itself when the version has it."""
        return self.run.stack[-1].version, self.step, self.flow.steps.get(self.step)

    @property
    def kept(self) -> Mapping[str, Any]:
        """What the step the run stands on has kept for its next round."""
        return next((loop.keep for loop in self.run.stack[-1].loops if loop.step == self.step), {})

    @property
    def held_below(self) -> int:
        """How many variables the flows hold that wait for one they called."""
        return sum(len(frame.variables) for frame in self.run.stack[:-1])

    def private(self, *more: tuple[Flow, Mapping[str, Value]]) -> tuple[str, ...]:
        """What the trace must not show: of every flow on the stack, as it stands now, and of `more`."""
        return private_texts([*self._scopes(), *more])

    def change(self, **changes: Any) -> None:
        """Put new values into the run."""
        self.run = changed(self.run, **changes)

    def move_to(self, step: str) -> None:
        """Stand on a step, and count the visit."""
        run = self.run
        place = step if len(run.stack) == 1 else f"{run.stack[-1].version}/{step}"
        self.change(
            stack=(*run.stack[:-1], changed(run.stack[-1], step=step)),
            visits=run.visits + 1,
            visits_since_wait=run.visits_since_wait + 1,
            path=(*run.path[1 - PATH_KEPT :], place),
        )

    def keep_round(self, keep: Mapping[str, Any] | None) -> None:
        """What the step the run stands on keeps for its next round; the loops begun inside this one's are over."""
        frame = self.run.stack[-1]
        ids = [loop.step for loop in frame.loops]
        if keep is None and self.step not in ids:  # nearly every step
            return
        before = frame.loops[: ids.index(self.step)] if self.step in ids else frame.loops
        loops = before if keep is None else (*before, LoopState(self.step, keep))
        self.change(stack=(*self.run.stack[:-1], changed(frame, loops=loops)))

    def satisfy_wait(self) -> None:
        """The run waits no longer, and earlier failures are forgiven."""
        *below, top = self.run.stack
        stack = (*(changed(frame, recovering=False) for frame in below), top)
        self.change(status="active", waiting=None, recovering=False, stack=stack)

    def perform(self, *effects: Effect) -> None:
        """Add effects to the turn, and what they mean for the run."""
        self.effects.extend(effect for effect in effects if not isinstance(effect, LimitCall))
        if any(isinstance(effect, LeaveQueue) for effect in effects):
            self.change(in_queue=False)
        if any(isinstance(effect, HangUp | Reject) for effect in effects):
            self.end_call()
        for limit in (effect for effect in effects if isinstance(effect, LimitCall)):
            self.change(call={**self.run.call, "ends_at": self.event.now + timedelta(seconds=limit.seconds)})

    def end_call(self) -> None:
        """Nobody is on the line from here on."""
        self.change(call_ended=True, leaving=False, call={**self.run.call, "ended": True})

    def enter_flow(self, version: str, step: str, inputs: Mapping[str, Value]) -> None:
        """Begin a called flow at its trigger; the caller's variables are put aside in its frame."""
        run = self.run
        caller = changed(run.stack[-1], variables=run.variables, recovering=run.recovering)
        self.change(stack=(*run.stack[:-1], caller, Frame(version, step)), variables=inputs, recovering=False)
        self.next = step

    def return_to(self, depth: int) -> None:
        """Stand in the depth-th flow of the stack (1 is the first) as it was when it called another."""
        stack = self.run.stack
        if depth < len(stack):
            caller = stack[depth - 1]
            self.change(
                stack=(*stack[: depth - 1], changed(caller, variables={}, recovering=False)),
                variables=caller.variables,
                recovering=caller.recovering,
            )

    def end_flow(self, outcome: str, outputs: Mapping[str, Value]) -> None:
        """End the flow the run stands in: the run itself, or a called flow, whose caller then goes on."""
        if len(self.run.stack) == 1:
            self.end_run(outcome, outputs)
        else:
            self.return_to(len(self.run.stack) - 1)
            self.next = FlowEnded(outcome, outputs)

    def fail_flow(self, failure: Failure) -> None:
        """End a called flow that could not go on: the step that called it fails likewise."""
        self.return_to(len(self.run.stack) - 1)
        self.next = failure

    def end_run(self, outcome: str, outputs: Mapping[str, Value]) -> None:
        """End it, however deep it stands."""
        self.change(status="ended", outcome=outcome, outputs=outputs, waiting=None, in_queue=False, recovering=False)

    def _scopes(self) -> Iterator[tuple[Flow, Mapping[str, Value]]]:
        for frame in self.run.stack[:-1]:
            if frame.version in self.flows:
                yield self.flows[frame.version], frame.variables
        yield self.flow, self.run.variables
