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
class SendEmail:
    """Send an e-mail by the mail account of a credential, to addresses that need not be the contact's."""

    credential: str
    to: tuple[str, ...]
    subject: str
    text: str
    html: str = ""
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()
    media: tuple[Attachment, ...] = ()  # stored files
    with_link: bool = False  # the address of this run stands below the text
    to_team: bool = False  # to our own people, who cannot opt out of it


@dataclass(frozen=True)
class PostToTeam:
    """Post a text to the team's chat, by the incoming webhook of a credential."""

    credential: str
    text: str
    with_link: bool = False


@dataclass(frozen=True)
class CancelMessage:
    """Cancel a message, e-mail or post of this run that has not left yet; `effect` is its key."""

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
    """Write attributes of the contact (None removes one) and what else we know of them; what is None or empty stays.

    addresses: those they can be reached at from now on, by kind (phone, email). joins, leaves: names of segments.
    """

    attributes: Mapping[str, Value] = field(default_factory=dict)
    name: str | None = None
    language: str | None = None
    zone: str | None = None
    account_manager: str | None = None
    addresses: Mapping[str, str] = field(default_factory=dict)
    consent: Literal["", "given", "withdrawn"] = ""  # to messages that the contact did not ask for
    joins: tuple[str, ...] = ()
    leaves: tuple[str, ...] = ()


@dataclass(frozen=True)
class ExpectWebhook:
    """Let the run have the next webhook of a connection that carries this key, or one that came lately."""

    connection: str
    key: str


@dataclass(frozen=True)
class LabelConversation:
    """Say what the conversation is about and how it went; what is empty stays, tags are added."""

    category: str = ""
    tags: tuple[str, ...] = ()
    result: str = ""


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
    """Play a sound: from an absolute address, or a stored file as `FileState` told of it."""

    url: str = ""
    repeat: int = 1
    file: str = ""  # its sha256
    file_id: str = ""
    name: str = ""


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
class Record:
    """Record what the caller says and come back when it ends; `effect` is this effect's own key, by which everything
    that is told of the recording finds its way."""

    effect: str
    maximum_seconds: int = 120
    silence_seconds: int = 5  # of silence, after which it ends
    finish_key: str = "#"  # empty = none
    beep: bool = True


@dataclass(frozen=True)
class Phone:
    """A phone that rings: a number (E.164) or a SIP address."""

    number: str = ""
    sip: str = ""


@dataclass(frozen=True)
class Dial:
    """Forward the call to a number (E.164) or a SIP address and come back when the bridge ends."""

    number: str = ""
    sip: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # X-… headers of a SIP call
    caller_id: str = ""
    ring_seconds: int = 30
    limit_seconds: int = 14_400
    also: tuple[Phone, ...] = ()  # they ring at the same time; whoever answers first gets the call
    whisper: Say | None = None  # what whoever answers hears before the caller does


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


Verb = Say | Play | Gather | Record | Dial | Pause | Reject | HangUp
Effect = (
    SendMessage
    | SendEmail
    | PostToTeam
    | CancelMessage
    | EnterQueue
    | LeaveQueue
    | UpdateContact
    | ExpectWebhook
    | LabelConversation
    | LimitCall
    | Verb
)
VERBS = (Say, Play, Gather, Record, Dial, Pause, Reject, HangUp)
