"""One turn under way: the run as it stands now, the effects and the trace so far, and where the walk goes next."""

import copy
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Protocol

from flows.changed import changed
from flows.document import Flow, PlacedStep
from flows.effect import Effect, HangUp, LeaveQueue, LimitCall, Reject
from flows.errors import FlowError
from flows.event import Event, FlowEnded
from flows.limits import Limits
from flows.run import OpenTurn, Run, Turn
from flows.step import Step
from flows.tracing import Entry
from flows.values import Value

PATH_KEPT = 50  # ids kept to name a circle by; a longer one is named by its last steps


class Steps(Protocol):
    """The installed kinds of step; the registry is one, and so is a dictionary."""

    def get(self, type: str, /) -> Step | None:
        """The step of a type, or None when it is not installed."""


class Walk:
    """One turn under way. `next` is the step to enter, or what the step that called a flow is to hear."""

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
        self.next: str | FlowEnded | None = None

    @classmethod
    def reopened(cls, flows: Mapping[str, Flow], run: Run, opened: OpenTurn, limits: Limits, steps: Steps) -> "Walk":
        """The walk that stopped at an Ask."""
        walk = cls(flows, changed(run, open_turn=None), opened.event, limits, steps)
        walk.effects = list(opened.effects)
        *finished, open_entry = opened.trace
        walk.trace = [*map(dict, finished), copy.deepcopy(dict(open_entry))]  # the turn handed out before keeps its own
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

    def change(self, **changes: Any) -> None:
        """Put new values into the run."""
        self.run = changed(self.run, **changes)

    def move_to(self, step: str) -> None:
        """Stand on a step, and count the visit."""
        run = self.run
        self.change(
            stack=(*run.stack[:-1], changed(run.stack[-1], step=step)),
            visits=run.visits + 1,
            visits_since_wait=run.visits_since_wait + 1,
            path=(*run.path[1 - PATH_KEPT :], step),
        )

    def satisfy_wait(self) -> None:
        """The run waits no longer, and an earlier failure is forgiven."""
        self.change(status="active", waiting=None, recovering=False)

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
        self.change(call_ended=True, call={**self.run.call, "ended": True})

    def end_flow(self, outcome: str, outputs: Mapping[str, Value]) -> None:
        """End the flow the run stands in: the run itself, or a called flow, whose caller then goes on."""
        if len(self.run.stack) == 1:
            self.end_run(outcome, outputs)
        else:
            self.change(stack=self.run.stack[:-1])
            self.next = FlowEnded(outcome, outputs)

    def end_run(self, outcome: str, outputs: Mapping[str, Value]) -> None:
        """End it, however deep it stands."""
        self.change(status="ended", outcome=outcome, outputs=outputs, waiting=None, in_queue=False, recovering=False)
