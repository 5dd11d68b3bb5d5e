"""What may go out: effects are imperatives, and the engine only names them; the host performs them after the commit."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from flows.event import Attachment
from flows.values import Value


@dataclass(frozen=True)
class Choice:
    """A button or list row offered with a message; `id` comes back as the message's choice."""

    id: str
    label: str


@dataclass(frozen=True)
class SendMessage:
    """Send a message to the contact, by the number of ours they wrote to or called, or by another one's name."""

    text: str
    media: tuple[Attachment, ...] = ()
    choices: tuple[Choice, ...] = ()
    number: str = ""
    template: str = ""  # the provider's template name, where one is needed
    template_variables: Mapping[str, str] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True)
class CancelMessage:
    """Cancel a message of this run that has not left yet; `effect` is its key."""

    effect: str


@dataclass(frozen=True)
class EnterQueue:
    """Put the conversation into a queue of ours and hand it to people; `run_waits` is False when the run has ended."""

    queue: str
    priority: int = 0  # smaller is earlier
    maximum_wait_seconds: int = 0  # 0 = the queue's own
    run_waits: bool = True
    reason: str = ""  # why people get it, shown at the desk


@dataclass(frozen=True)
class LeaveQueue:
    """Take the conversation out of the queue this run put it into."""

    outcome: Literal["timed_out", "cancelled", "abandoned"]


@dataclass(frozen=True)
class UpdateContact:
    """Write attributes of the contact; None removes one."""

    attributes: Mapping[str, Value]


@dataclass(frozen=True)
class LimitCall:
    """End the call after so many seconds, as if the caller had hung up. The engine keeps the time itself, hangs up at
    the carrier's first request after it, and never hands this effect out."""

    seconds: float


# Verbs of a voice document, in the order in which the caller meets them.
@dataclass(frozen=True)
class Say:
    """Speak a text; `language` is a language code such as "pl", `voice` a provider's voice or empty."""

    text: str
    language: str = ""
    voice: str = ""
    repeat: int = 1


@dataclass(frozen=True)
class Play:
    """Play a sound from an absolute address."""

    url: str
    repeat: int = 1


@dataclass(frozen=True)
class Gather:
    """Collect keys or speech while the prompts are heard; a key interrupts them (barge-in)."""

    prompts: tuple[Say | Play, ...]
    keys: bool = True
    speech: bool = False
    maximum_digits: int = 0  # 0 = until the finish key or the pause
    finish_key: str = "#"  # empty = none
    timeout_seconds: int = 5
    hints: tuple[str, ...] = ()
    language: str = ""


@dataclass(frozen=True)
class Dial:
    """Forward the call to a number (E.164) or a SIP address and come back when the bridge ends."""

    number: str = ""
    sip: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # X-… headers of a SIP call
    caller_id: str = ""
    ring_seconds: int = 30
    limit_seconds: int = 14_400


@dataclass(frozen=True)
class Pause:
    """Wait silently."""

    seconds: int = 1


@dataclass(frozen=True)
class Reject:
    """Refuse the call before it is answered."""

    reason: Literal["rejected", "busy"] = "rejected"


@dataclass(frozen=True)
class HangUp:
    """End the call."""


Verb = Say | Play | Gather | Dial | Pause | Reject | HangUp
Effect = SendMessage | CancelMessage | EnterQueue | LeaveQueue | UpdateContact | LimitCall | Verb
VERBS = (Say, Play, Gather, Dial, Pause, Reject, HangUp)
