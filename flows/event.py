"""What may come in: the happenings a run can be told about, past tense, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from flows.ask import Answer
from flows.facts import Facts
from flows.values import Value


@dataclass(frozen=True)
class Attachment:
    """A file that came with a message, or goes with one; `url` is a public address, `file` a stored file: its id, or
    its hash where a flow names it."""

    media_type: str
    name: str = ""
    file: str = ""
    url: str = ""
    size_bytes: int = 0


@dataclass(frozen=True)
class MessageReceived:
    """The contact wrote; several messages joined by `joining_seconds` come as one, texts joined by line breaks."""

    text: str
    media: tuple[Attachment, ...] = ()
    choice: str = ""  # id of the button or list row that was pressed, when the channel tells it


@dataclass(frozen=True)
class CallStarted:
    """A call reached one of our numbers (a call's turn 0)."""

    call_id: str
    caller: str
    called: str


@dataclass(frozen=True)
class KeysPressed:
    """A gather ended; no digits and no speech means that the caller gave no input."""

    digits: str = ""
    speech: str = ""
    confidence: float = 0.0


@dataclass(frozen=True)
class CallPolled:
    """The carrier asks what to do next, without any input of the caller (after a pause or a played document)."""


@dataclass(frozen=True)
class DialEnded:
    """A forwarded leg ended, in the outcome words of the voice documents."""

    outcome: Literal["completed", "busy", "no-answer", "failed", "canceled"]
    sip_status: int = 0  # 0 = not told
    seconds: int = 0  # length of the bridge


@dataclass(frozen=True)
class Recorded:
    """A recording of this run ended; `effect` is its verb's key, `url` where the carrier keeps it, empty when the
    caller said nothing."""

    effect: str
    url: str = ""
    seconds: int = 0


@dataclass(frozen=True)
class RecordingStored:
    """A recording of this run is stored here; its attachment's `file` is the content's hash."""

    effect: str
    attachment: Attachment
    seconds: int = 0


@dataclass(frozen=True)
class RecordingLost:
    """A recording of this run could not be fetched from the carrier, and it will not be tried again."""

    effect: str
    message: str = ""


@dataclass(frozen=True)
class CallerHungUp:
    """The call is over, whoever ended it; voice steps fail with `call_ended` from here on."""

    seconds: int = 0


@dataclass(frozen=True)
class TimerFired:
    """The time limit of the present wait is over."""


@dataclass(frozen=True)
class MessageAccepted:
    """The provider took a message of this run; `effect` is the effect's key."""

    effect: str


@dataclass(frozen=True)
class MessageDelivered:
    """A message of this run reached the contact's device."""

    effect: str


@dataclass(frozen=True)
class MessageFailed:
    """A message of this run failed for good; `kind` is an error kind of send_message."""

    effect: str
    kind: str
    message: str = ""


@dataclass(frozen=True)
class QueueLeft:
    """The conversation left the queue this run put it into."""

    outcome: Literal["closed", "timed_out", "assigned", "callback_requested"]
    result: str = ""  # what the agent noted when closing


@dataclass(frozen=True)
class WebhookReceived:
    """Another system told by this connection what this run waits for; `data` is what its JSON holds."""

    key: str
    data: Value
    connection: str = ""


@dataclass(frozen=True)
class ApiCalled:
    """Another system starts a run of this flow (its id) for the contact, with an input."""

    flow: int
    input: Value


@dataclass(frozen=True)
class ScheduleDue:
    """A schedule of this flow (its id), placed there as `step`, starts a run for the contact; `due_at` is its time.

    quiet_hours: those, such as "21-8", in which nothing of this run is sent before the contact has said something.
    """

    flow: int
    step: str
    due_at: datetime
    quiet_hours: str = ""


@dataclass(frozen=True)
class Answered:
    """The host performed the n-th Ask of the open turn (0 is the first)."""

    n: int
    answer: Answer


@dataclass(frozen=True)
class FlowCalled:
    """Another flow runs this one; only simulated conversations begin so, to try a flow without those that run it.

    medium: where; empty is what its trigger says. latest_message: what the contact wrote last, empty for nothing.
    """

    inputs: Mapping[str, Value] = field(default_factory=dict)
    medium: Literal["", "call", "messages"] = ""
    latest_message: str = ""


@dataclass(frozen=True)
class FlowEnded:
    """A flow that a step called has ended; internal, never in the inbox: the interpreter resumes that step with it."""

    outcome: str
    outputs: Mapping[str, Value] = field(default_factory=dict)


Happening = (
    MessageReceived
    | CallStarted
    | KeysPressed
    | CallPolled
    | DialEnded
    | Recorded
    | RecordingStored
    | RecordingLost
    | CallerHungUp
    | TimerFired
    | MessageAccepted
    | MessageDelivered
    | MessageFailed
    | QueueLeft
    | WebhookReceived
    | ApiCalled
    | ScheduleDue
    | Answered
    | FlowCalled
    | FlowEnded
)


@dataclass(frozen=True)
class Event:
    """One happening with its instants and all that steps may read about the world around it.

    `at` orders events (the database's clock when they were stored); `now` is what steps, calendars and timers use.
    Both are aware UTC. `id` is the inbox row's id as text, empty in the player.
    """

    happened: Happening
    at: datetime
    now: datetime
    facts: Facts = field(default_factory=Facts)
    id: str = ""


def message_values(happened: MessageReceived, received_at: datetime) -> dict[str, Value]:
    """What expressions read as `message`."""
    media: list[Value] = [{"type": item.media_type, "name": item.name, "url": item.url} for item in happened.media]
    return {"text": happened.text, "media": media, "choice": happened.choice, "received_at": received_at}


def call_values(happened: CallStarted) -> dict[str, Value]:
    """What expressions read as `call`."""
    return {"from": happened.caller, "to": happened.called, "digits": "", "speech": "", "ended": False}
