"""Toy steps, and a walk through a flow of them in which the run travels through JSON between any two turns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from flows.ask import Answer, FlowVersion, FlowVersionAnswer, HttpAnswer, HttpRequest, Request
from flows.context import Context
from flows.document import Flow, PlacedStep
from flows.effect import EnterQueue, Gather, LeaveQueue, Say, SendMessage
from flows.event import Answered, Event, Happening, KeysPressed, MessageReceived, QueueLeft, TimerFired
from flows.expression import ExpressionError
from flows.facts import Facts
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.record import TurnRecord, replay
from flows.run import Given, Run, Turn
from flows.step import Ask, Claim, Config, Finish, Outcome, Step, Take, Trigger, Wait, fail
from flows.values import TooLarge
from flows.walk import Steps
from flows.wire import read, write

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
ON_CALL = Facts(conversation={"kind": "call"}, apology={"en": "Sorry.", "pl": "Przepraszamy."})
IN_CHAT = Facts(conversation={"kind": "messages"}, apology={"en": "Sorry.", "pl": "Przepraszamy."})


class Begin(Trigger):
    """Start."""

    type = "begin"
    schema: ClassVar[Mapping[str, Any]] = {}

    def claims(self, config: Config) -> Sequence[Claim]:
        return [Claim(config["claims"], ("line",))] if "claims" in config else []

    def matches(self, config: Config, context: Context) -> int | None:
        return 0

    def run(self, context: Context) -> Outcome:
        return Take("next")


class Note(Step):
    """Set variables and say something; leave by a way the config names."""

    type = "note"
    group = "data"
    format = 2
    schema: ClassVar[Mapping[str, Any]] = {}

    def upgrade(self, config: Config, format: int) -> Config:
        return {**config, "sets": config["old_sets"]}

    def run(self, context: Context) -> Outcome:
        text = context.config.get("text")
        effects = (SendMessage(context.text(text)),) if text else ()
        return Take(context.config.get("by", "next"), sets=context.config.get("sets", {}), effects=effects)


class Listen(Step):
    """Wait for anything the config lists."""

    type = "listen"
    group = "talk"
    waits = True

    def run(self, context: Context) -> Outcome:
        config = context.config
        return Wait(
            tuple(config.get("accepts", ("message",))),
            until=context.now + timedelta(seconds=config["until"]) if "until" in config else None,
            limit_seconds=config.get("limit"),
            keep={"turn": context.run.turn, **config.get("keep", {})},
        )

    def resume(self, context: Context, event: Event) -> Outcome:
        if isinstance(event.happened, TimerFired):
            return Take("timed_out", why={"kept": context.kept})
        if isinstance(event.happened, KeysPressed):
            return Take(f"key_{event.happened.digits}")
        if isinstance(event.happened, MessageReceived):
            return Take("reply", sets={"heard": event.happened.text})
        return Take("other")


class Fetch(Step):
    """Ask the host `times` times, then leave by the status."""

    type = "fetch"
    group = "data"

    def run(self, context: Context) -> Outcome:
        return self._ask(context, 1)

    def answered(self, context: Context, answer: Answer) -> Outcome:
        assert isinstance(answer, HttpAnswer)
        if answer.status != 200:
            return fail("http_5xx", f"The address answered {answer.status}.", retryable=True)
        if context.kept["time"] < context.config.get("times", 1):
            return self._ask(context, context.kept["time"] + 1)
        return Take("success", sets={"body": answer.body, "key": context.effect_key()})

    def _ask(self, context: Context, time: int) -> Ask:
        url = context.address(context.config.get("url", f"https://user:hunter2@crm.example.com/{time}"))
        body = context.text(context.config.get("body", ""))
        headers = {"X-Api-Key": "hunter2", "Accept": "*/*"}
        return Ask(HttpRequest("GET", url, headers, body), keep={"time": time})


class Break(Step):
    """Fail."""

    type = "break"
    group = "data"

    def run(self, context: Context) -> Outcome:
        return fail(
            context.config.get("kind", "broken"),
            context.config.get("message", "It does not work."),
            why={"tried": True},
        )


class Explode(Step):
    """Raise or return what no step should."""

    type = "explode"
    schema: ClassVar[Mapping[str, Any]] = {}
    group = "data"
    ways: ClassVar[Mapping[str, Any]] = {
        "nothing": None,
        "effect": Take("next", effects=("boo",)),  # type: ignore[arg-type]  # on purpose: this is what must be refused
        "keep": Wait(("message",), keep={"at": NOW}),
        "word": Wait(("mesage",)),
        "naive": Wait(("message",), until=datetime(2026, 11, 21)),  # noqa: DTZ001 - on purpose, as above
        "speechless": Take("failure"),
    }

    def run(self, context: Context) -> Outcome:
        how = context.config["how"]
        if how in self.ways:
            outcome: Outcome = self.ways[how]
            return outcome
        raise {
            "expression": ExpressionError("", "There is no name “x”."),
            "large": TooLarge("It has 20,000 characters."),
            "error": ValueError(f"bad {object()!r}\nsecond line"),
            "lookup": KeyError("missing"),
            "deep": RecursionError(),
        }[how]


class Stop(Step):
    """End the flow."""

    type = "stop"
    group = "decide"

    def run(self, context: Context) -> Outcome:
        return Finish(context.config.get("outcome", ""), outputs=context.config.get("outputs", {}))


class Queue(Step):
    """Hand over to people, and wait for them."""

    type = "queue"
    group = "people"
    waits = True

    def run(self, context: Context) -> Outcome:
        return Wait(("queue", "message"), limit_seconds=600, effects=(EnterQueue("gold"),))

    def resume(self, context: Context, event: Event) -> Outcome:
        if isinstance(event.happened, TimerFired):
            return Take("timed_out", effects=(LeaveQueue("timed_out"),))
        if isinstance(event.happened, QueueLeft) and event.happened.outcome in context.flow.steps[context.step].exits:
            return Take(event.happened.outcome)
        return Wait(("queue", "message"), limit_seconds=600)


class Speak(Step):
    """Speak to the caller."""

    type = "speak"
    group = "talk"
    media: ClassVar[Any] = frozenset({"call"})

    def run(self, context: Context) -> Outcome:
        if context.config.get("gather"):
            return Wait(("keys", "poll"), effects=(Gather((Say("Press a key."),)),))
        return Take("next", effects=(Say("Hello."),))

    def resume(self, context: Context, event: Event) -> Outcome:
        return Take("next")


TOYS: Mapping[str, Step] = {
    step.type: step for step in (Begin(), Note(), Listen(), Fetch(), Break(), Explode(), Stop(), Queue(), Speak())
}


def flow_of(steps: Mapping[str, tuple[Any, ...]], **keys: Any) -> Flow:
    """A flow out of rows (type, exits, config)."""
    placed = {
        name: PlacedStep(
            name,
            row[0],
            row[2] if len(row) > 2 else {},
            row[1] if len(row) > 1 else {},
            name=f"The {name}",
            format=2 if row[0] == "note" else 1,
        )
        for name, row in steps.items()
    }
    return Flow(name="toys", steps=placed, **keys)


def event_of(happened: Happening, minutes: float = 0, facts: Facts = IN_CHAT) -> Event:
    """An event some minutes after noon."""
    at = NOW + timedelta(minutes=minutes)
    return Event(happened, at=at, now=at, facts=facts, id="e")


def stored(run: Run) -> Run:
    """The run as the database gives it back."""
    return read(Run, write(run))


@dataclass
class Conversation:
    """Feeds happenings and prepared answers; every turn goes through JSON, is recorded and must replay identically."""

    flow: Flow
    facts: Facts = IN_CHAT
    limits: Limits = field(default_factory=Limits)
    answers: list[Answer] = field(default_factory=list)
    steps: Steps = field(default_factory=lambda: TOYS)
    flows: dict[str, Flow] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)  # of called flows, by name; else the answers tell them
    run: Run | None = None
    turns: list[Turn] = field(default_factory=list)
    minutes: float = 0

    def feed(self, happened: Happening, after_minutes: float = 1) -> Turn:
        """One turn to its end."""
        self.minutes += after_minutes
        event = read(Event, write(event_of(happened, self.minutes, self.facts)))
        flows = {"v1": self.flow, **self.flows}
        before = stored(self.run or begin("v1", self.flow, next(iter(self.flow.steps)), event, "7"))
        turn = advance(flows, before, event, self.limits, self.steps)
        given: list[Given] = []
        while turn.ask is not None:
            opened = turn.run.open_turn
            assert opened is not None
            given.append(Given(opened.n, self._answer(opened.request)))
            answered = replace(event, happened=Answered(opened.n, given[-1].answer))
            turn = advance(flows, stored(turn.run), answered, self.limits, self.steps)
        record = TurnRecord(tuple(flows), before, event, tuple(given), self.limits)
        assert write(replay(read(TurnRecord, write(record)), flows, self.steps)) == write(turn)
        assert write(read(Turn, write(turn))) == write(turn)
        self.run = turn.run
        self.turns.append(turn)
        return turn

    def _answer(self, request: Request) -> Answer:
        if isinstance(request, FlowVersion) and self.versions:
            return FlowVersionAnswer(self.versions.get(request.flow, ""), "There is no such flow.")
        return self.answers.pop(0)

    def error(self) -> str:
        """The kind of the run's last error."""
        assert self.run is not None
        return str(self.run.error.get("kind", ""))
