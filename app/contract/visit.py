"""One visit of a placed step through the real interpreter, the run travelling through JSON between any two turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from flows.ask import Answer, FlowVersionAnswer, Request
from flows.document import Flow, PlacedStep
from flows.effect import Effect
from flows.event import Answered, CallStarted, Event, FlowEnded, Happening, MessageReceived
from flows.facts import Facts
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.run import LoopState, Run
from flows.step import Config
from flows.values import Value
from flows.walk import Steps
from flows.wire import read, write

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CALL = CallStarted("CA1", "+48500100100", "+48221234567")
HELLO = MessageReceived("hello")
COMPLETED = FlowEnded("completed")


def facts_of(
    contact: Mapping[str, Value] | None = None, *, on_call: bool = False, constants: Mapping[str, Value] | None = None
) -> Facts:
    """What is known in a conversation on the number support-line."""
    conversation: dict[str, Value] = {"kind": "call" if on_call else "messages", "number": "support-line"}
    return Facts(contact=contact or {}, conversation=conversation, constants=constants or {})


@dataclass
class Visit:
    """A step placed behind a trigger, every exit of it wired to the end, fed with happenings and answers in order."""

    kind: str
    config: Config
    contact: Mapping[str, Value] = field(default_factory=dict)
    variables: Mapping[str, Value] = field(default_factory=dict)
    constants: Mapping[str, Value] = field(default_factory=dict)
    on_call: bool = False
    private: Sequence[str] = ()
    limits: Limits = field(default_factory=Limits)
    effects: list[Effect] = field(default_factory=list)
    asked: Request | None = None
    flows: Mapping[str, Flow] = field(default_factory=dict)  # that the step has entered, by version
    kept: Mapping[str, Any] = field(default_factory=dict)  # from the round before
    minutes: float = 0
    steps: Steps = field(kw_only=True)  # the step's own kind, and the built-in ones beside it

    def __post_init__(self) -> None:
        step = self.steps.get(self.kind)
        if step is None:
            raise KeyError(self.kind)
        ways = [way.id for way in step.exits(self.config)] + (["failure"] if step.fails() else [])
        placed = PlacedStep(
            "it", self.kind, self.config, dict.fromkeys(ways, "end"), name=step.title, format=step.format
        )
        begins = "incoming_call" if self.on_call else "incoming_message"
        start = PlacedStep("start", begins, {"numbers": ["x"]}, {"next": "it"})
        hidden = {name: {"type": "text", "private": True, "note": ""} for name in self.private}
        self.flow = Flow("test", {"start": start, "it": placed}, languages=("en", "pl"), variables=hidden)
        self.entry: Mapping[str, Any] = {}
        self.is_trigger = step.group == "trigger"
        self.run = begin("v1", self.flow, "it" if self.is_trigger else "start", self._event(HELLO), "example")
        rounds = (LoopState("it", self.kept),) if self.kept else ()
        frame = replace(self.run.stack[0], loops=rounds)
        self.run = replace(self.run, variables=dict(self.variables), stack=(frame,))
        if not self.is_trigger:
            self.feed(CALL if self.on_call else HELLO)

    def feed(self, turn: Happening | Answer) -> "Visit":
        """The next happening, or the answer to the open Ask."""
        happened: Any = turn
        if self.run.open_turn is not None:
            happened = Answered(self.run.open_turn.n, turn)  # type: ignore[arg-type]  # an Ask is open, so it is an answer
        if isinstance(turn, FlowVersionAnswer) and turn.version:
            self.flows = {**self.flows, turn.version: called_flow()}
        if isinstance(turn, FlowEnded):  # what the called flow waits for; it then ends so
            self.flows, happened = {**self.flows, self.run.stack[-1].version: called_flow(turn)}, HELLO
        before = read(Run, write(self.run))
        made = advance({"v1": self.flow, **self.flows}, before, self._event(happened), self.limits, self.steps)
        self.run, self.asked = made.run, made.ask
        if made.ask is None:
            self.effects += made.effects
        entries = [entry for entry in made.trace if entry["step"] == "it"]
        self.entry = entries[-1] if entries else self.entry
        self.minutes += 1
        return self

    def feed_all(self, turns: Sequence[Happening | Answer]) -> "Visit":
        """Several in order."""
        for turn in turns:
            self.feed(turn)
        return self

    @property
    def left_by(self) -> str | None:
        """The exit taken, None while the step waits or asks."""
        exit_taken: str | None = self.entry.get("exit")
        return exit_taken

    @property
    def error(self) -> str | None:
        """The kind of its failure."""
        return str(self.run.error["kind"]) if self.run.error else None

    @property
    def message(self) -> str:
        """The sentence of its failure."""
        return str(self.run.error.get("message", ""))

    @property
    def sets(self) -> Mapping[str, Value]:
        """The variables it set."""
        before, after = self.variables, self.run.variables
        return {name: value for name, value in after.items() if name not in before or before[name] != value}

    @property
    def why(self) -> Mapping[str, Any]:
        """Its own words in the trace."""
        why: Mapping[str, Any] = self.entry["why"]
        return why

    def _event(self, happened: Happening) -> Event:
        at = NOW + timedelta(minutes=self.minutes)
        return Event(happened, at, at, facts_of(self.contact, on_call=self.on_call, constants=self.constants), "e")


def called_flow(ended: FlowEnded = COMPLETED) -> Flow:
    """A flow that waits for a message and then ends as it is told."""
    outputs = [{"name": name, "value": str(value)} for name, value in ended.outputs.items()]
    placed = [
        PlacedStep("begin", "called_by_flow", {}, {"next": "listen"}),
        PlacedStep("listen", "wait_for_reply", {}, {"reply": "over", "timed_out": "over"}),
        PlacedStep("over", "end", {"outcome": ended.outcome, "outputs": outputs}),
    ]
    return Flow("Called", {step.id: step for step in placed})
