"""The contract of a step: what one file in `steps/`, or a plugin, must say and do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from flows.ask import Answer, FlowVersion, Request
from flows.effect import Effect
from flows.event import Event
from flows.values import Value, ValueType

if TYPE_CHECKING:
    from flows.context import Context

Json = Any  # a parsed JSON value of a step's config; the step's own schema says which
Config = Mapping[str, Json]
Group = Literal["trigger", "talk", "data", "decide", "people"]
Medium = Literal["call", "messages"]


@dataclass(frozen=True)
class Exit:
    """A named way out of a placed step; `title` is what the canvas shows."""

    id: str
    title: str = ""


FAILURE = Exit("failure", "failure")


@dataclass(frozen=True)
class Failure:
    """Why a step failed: `kind` is one of the step's error kinds, `message` a sentence for the author."""

    kind: str
    message: str
    retryable: bool = False


@dataclass(frozen=True)
class Take:
    """Leave the step by an exit, setting variables and asking for effects. `why` goes into the trace.

    keep: of a step that leads rounds: plain JSON data that `run` finds in `context.kept` when the run comes to it again
    in the same stay in its flow; None ends the rounds, and so does the next round of a loop around this one.
    """

    exit: str
    sets: Mapping[str, Value] = field(default_factory=dict)
    effects: Sequence[Effect] = ()
    why: Mapping[str, Json] = field(default_factory=dict)
    failure: Failure | None = None
    keep: Mapping[str, Json] | None = None


@dataclass(frozen=True)
class Wait:
    """Stop until something the step accepts happens, or the limit is over (then `resume` gets TimerFired).

    accepts: words of `flows.awaited.ACCEPTABLE`.
    until: an instant; or, for a question, `limit_seconds`, counted from the moment its last message was settled.
    send_seconds: how long that may take; then `resume` gets MessageFailed with `send_timeout`.
    keep: plain JSON data that `resume` finds in `context.kept`.
    """

    accepts: tuple[str, ...]
    until: datetime | None = None
    limit_seconds: float | None = None
    send_seconds: float | None = None
    joining_seconds: float = 0
    keep: Mapping[str, Json] = field(default_factory=dict)
    effects: Sequence[Effect] = ()
    why: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Ask:
    """Stop until the host has answered a request; `answered` finds `keep` in `context.kept`."""

    request: Request
    keep: Mapping[str, Json] = field(default_factory=dict)
    why: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Finish:
    """End the flow here: `outcome` is the run's label (or a sub-flow's, which the step that called it then sees)."""

    outcome: str = "completed"
    outputs: Mapping[str, Value] = field(default_factory=dict)
    effects: Sequence[Effect] = ()
    why: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True)
class Enter:
    """Go on in another flow, of the version that the host named on this step's Ask for a `FlowVersion`.

    It begins with `inputs` as its variables. When it ends, `resume` gets FlowEnded; when it fails and no step of its
    own takes that, this step fails as it did.
    """

    version: str
    inputs: Mapping[str, Value] = field(default_factory=dict)
    why: Mapping[str, Json] = field(default_factory=dict)


Outcome = Take | Wait | Ask | Finish | Enter


def fail(kind: str, message: str, *, retryable: bool = False, why: Mapping[str, Json] | None = None) -> Take:
    """The failure exit with its error."""
    return Take("failure", why=why or {}, failure=Failure(kind, message, retryable))


@dataclass(frozen=True)
class Claim:
    """What a trigger wants to answer. No keywords means any message; "api" and "schedule" begin runs from our side, and
    any number of flows may do so on one number."""

    kind: Literal["calls", "messages", "api", "schedule"]
    numbers: tuple[str, ...]
    keywords: tuple[str, ...] = ()
    priority: int = 0  # among keyword triggers, the higher first
    interrupts: bool = False


@dataclass(frozen=True)
class Problem:
    """A step's own finding about its config, beyond what its schema says."""

    code: str
    field: str
    sentence: str
    mend: str = ""
    severity: Literal["blocking", "warning", "hint"] = "blocking"


@dataclass(frozen=True)
class Example:
    """A configured step, what happens to it, and what it does: help text and test in one.

    `turns` are fed in order: an Event's happening, or the Answer to an Ask. `leaves_by` is the exit taken in the end
    (None: still waiting). `sets` and `effects` are compared when given. The run's id is `example`, so the first effect
    of its first turn has the key example/0/0.
    """

    title: str
    config: Config
    leaves_by: str | None
    turns: Sequence[Any] = ()
    variables: Mapping[str, Value] = field(default_factory=dict)
    contact: Mapping[str, Value] = field(default_factory=dict)
    on_call: bool = False
    sets: Mapping[str, Value] | None = None
    effects: Sequence[Effect] | None = None
    error: str | None = None  # the expected error kind
    kept: Mapping[str, Json] = field(default_factory=dict)  # what the step kept in the round before, if it leads rounds


class Step:
    """One kind of step. The class docstring is its help; its instances carry no state.

    A plugin subclasses this, names its `type` like its file, and is found by the registry.
    """

    type: ClassVar[str]
    title: ClassVar[str]
    group: ClassVar[Group]
    icon: ClassVar[str]  # a Tabler icon's name
    format: ClassVar[int] = 1
    schema: ClassVar[Mapping[str, Json]]
    media: ClassVar[frozenset[Medium]] = frozenset({"call", "messages"})
    waits: ClassVar[bool] = False  # whether a run may stop here, which makes a cycle through it harmless
    at_once: ClassVar[frozenset[str]] = frozenset()  # exits besides `failure` it takes without waiting for anybody
    talks: ClassVar[bool] = False  # whether it sends to or hears the contact
    errors: ClassVar[Mapping[str, str]] = {}  # error kinds and what each means
    examples: ClassVar[Sequence[Example]] = ()

    def exits(self, config: Config) -> Sequence[Exit]:
        """The exits of a placed step in the order of the canvas, without `failure`."""
        return (Exit("next"),)

    def fails(self) -> bool:
        """Whether the step also has the exit `failure` (all but triggers and `end`)."""
        return self.group != "trigger" and self.type != "end"

    def media_of(self, config: Config) -> frozenset[Medium]:
        """Where a placed step works, when its config decides between those of its class."""
        return self.media

    def summary(self, config: Config) -> str:
        """One line that says what this placed step does."""
        return self.title

    def upgrade(self, config: Config, format: int) -> Config:
        """The config of an older format of this class, in today's format."""
        return config

    def problems(self, config: Config) -> Iterable[Problem]:
        """Findings of its own about a config that satisfies the schema."""
        return ()

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The variables a placed step sets: name, type when known, and the exits on which it is surely set."""
        return ()

    def calls(self, config: Config) -> Sequence[FlowVersion]:
        """The flows a placed step may enter, as far as its config tells."""
        return ()

    def effective_limit(self, config: Config) -> float | None:
        """Seconds after which a wait of this placed step ends by itself; None for a step that never waits.

        A waiting step whose config leaves the wait without limit returns `float("inf")`.
        """
        return None

    def run(self, context: "Context") -> Outcome:
        """Enter the step."""
        raise NotImplementedError(self.type)

    def answered(self, context: "Context", answer: Answer) -> Outcome:
        """Go on with the answer to this step's Ask."""
        raise NotImplementedError(self.type)

    def resume(self, context: "Context", event: Event) -> Outcome:
        """Go on with an event that this step's Wait accepts, or with TimerFired."""
        raise NotImplementedError(self.type)


class Trigger(Step):
    """A step a run begins at; `run` is called with the event that started it.

    called: flows that other flows run begin at such a trigger; its config may have `inputs` and `outputs`, rows of
    `flows.called`, and when it fails the step that called the flow fails.
    """

    group: ClassVar[Group] = "trigger"
    called: ClassVar[bool] = False

    def claims(self, config: Config) -> Sequence[Claim]:
        """What this placed trigger answers."""
        raise NotImplementedError(self.type)

    def matches(self, config: Config, context: "Context") -> int | None:
        """How well an event fits: None = not at all; the highest number wins. Pure."""
        raise NotImplementedError(self.type)
