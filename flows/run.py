"""A run: where one conversation stands in one version, as plain data that goes to and from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from flows.ask import Answer, Request
from flows.effect import Effect
from flows.event import Event
from flows.trace import Entry
from flows.values import Value


@dataclass(frozen=True)
class LoopState:
    """A loop under way: its placed step, and what that keeps for the next round."""

    step: str
    keep: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Frame:
    """One flow on the run's stack: its version's id, the placed step it stands on, and the loops under way, the
    outermost first.

    variables, recovering: put aside here while a flow that this one called is on top; else they are the run's.
    """

    version: str
    step: str
    loops: tuple[LoopState, ...] = ()
    variables: Mapping[str, Value] = field(default_factory=dict)
    recovering: bool = False


@dataclass(frozen=True)
class Waiting:
    """What the run waits for. `turn` is the turn that began it: a timer stamped otherwise is not ours any more."""

    accepts: tuple[str, ...]
    turn: int
    until: datetime | None = None
    limit_seconds: float | None = None
    send_seconds: float | None = None
    joining_seconds: float = 0
    keep: Mapping[str, Any] = field(default_factory=dict)
    leaves_by_message: bool = False  # a message the wait does not accept takes the step's wired exit `message`


@dataclass(frozen=True)
class OpenTurn:
    """A turn stopped at an Ask: the event it walks, what it has done so far, and what the host must answer next."""

    request: Request
    n: int
    event: Event
    keep: Mapping[str, Any] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()
    trace: tuple[Entry, ...] = ()
    answered_bytes: int = 0  # what the answers before this Ask have brought


@dataclass(frozen=True)
class Run:
    """The whole state of a run between two turns.

    id: the starting event's id, as text. turn: the number of the turn that is next or open (the first is 0).
    visits: steps visited in all; visits_since_wait: since the run last waited. path: the ids visited since, bounded.
    outcome: how it ended: the `end` step's label, or completed, failed, caller_hung_up, interrupted, opted_out,
    taken_over.
    """

    id: str
    stack: tuple[Frame, ...]
    started_at: datetime
    status: Literal["active", "waiting", "ended"] = "active"
    turn: int = 0
    variables: Mapping[str, Value] = field(default_factory=dict)
    message: Mapping[str, Value] = field(default_factory=dict)
    call: Mapping[str, Value] = field(default_factory=dict)
    error: Mapping[str, Value] = field(default_factory=dict)
    waiting: Waiting | None = None
    visits: int = 0
    visits_since_wait: int = 0
    path: tuple[str, ...] = ()
    recovering: bool = False  # on_failure was entered since the last wait: a further failure goes to the default
    call_ended: bool = False
    leaving: bool = False  # the caller has left, and a step holds the end of the call back
    quiet_hours: str = ""  # of a run that a schedule began, such as "21-8": see flows.event.ScheduleDue
    in_queue: bool = False  # people have the conversation on this run's behalf
    outcome: str = ""
    outputs: Mapping[str, Value] = field(default_factory=dict)
    open_turn: OpenTurn | None = None

    @property
    def unasked_hours(self) -> str:
        """Its quiet hours while nobody has asked for what it says: until the contact has said something in it."""
        return "" if self.message else self.quiet_hours


@dataclass(frozen=True)
class Turn:
    """What one event did: the run after it, the effects in order, the trace, and the Ask that stopped it if any."""

    run: Run
    effects: tuple[Effect, ...]
    trace: tuple[Entry, ...]
    ask: Request | None = None


@dataclass(frozen=True)
class Given:
    """One answer of a recorded turn."""

    n: int
    answer: Answer
