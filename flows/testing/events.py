"""What happens in a test, in words that a person can write and a simulator can save."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, get_args, get_type_hints

from flows import event as events
from flows.called import misfits
from flows.document import Flow
from flows.errors import DocumentError, FlowError
from flows.event import (
    ApiCalled,
    CallerHungUp,
    CallStarted,
    DialEnded,
    KeysPressed,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    QueueLeft,
)
from flows.player.lines import recorded
from flows.testing import acting
from flows.testing.acting import TO_THE_LIMIT, Action, Data, happens
from flows.testing.words import NAME, TEXT, TRUE, Json, Schema, the_word
from flows.values import from_plain
from flows.walk import Steps
from flows.wire import from_data

_DURATION: Schema = {
    "type": "string",
    "pattern": f"^([0-9]{{1,7}}([.][0-9]+)? ?[smhd]|{TO_THE_LIMIT})$",
    "x-says": f"a time with s, m, h or d, such as “10m”, or “{TO_THE_LIMIT}”",
}
_KEYS: Schema = {"type": "string", "pattern": "^[0-9*#]{1,64}$", "x-says": "digits, * and #"}
_OUTCOMES: tuple[str, ...] = get_args(get_type_hints(DialEnded)["outcome"])
_MEDIA: Schema = {
    "type": "array",
    "maxItems": 20,
    "items": {
        "type": "object",
        "required": ["media_type"],
        "additionalProperties": False,
        "properties": {"media_type": NAME, "name": TEXT, "url": TEXT},
    },
}
_WHOLE: Schema = {"type": "integer", "minimum": 0, "maximum": 999_999}


def _fits_any_flow(_data: Data, _flow: Flow, _steps: Steps) -> Iterator[tuple[str, str]]:
    return iter(())


@dataclass(frozen=True)
class EventWord:
    """A word for something that happens: what it says, an example, and how what stands there is acted out.

    misfits: why a flow cannot be told so: where in the event, and a sentence.
    """

    says: str
    example: Json
    schema: Schema
    read: Callable[[Data], Action]
    more: Mapping[str, Schema] = field(default_factory=dict)
    misfits: Callable[[Data, Flow, Steps], Iterator[tuple[str, str]]] = _fits_any_flow


def read_event(data: Json, flow: Flow, steps: Steps, path: str = "event") -> Action:
    """What an event of a test does to a simulated conversation with a flow.

    Raises: DocumentError with the place and a sentence.
    """
    name, word = the_word(EVENT_WORDS, data, path, "An event")
    try:
        act = word.read(data)
    except FlowError as problem:
        raise DocumentError(f"{path}.{name}", str(problem)) from None
    for place, sentence in word.misfits(data, flow, steps):
        raise DocumentError(f"{path}.{place}", sentence)
    return act


def _called_amiss(data: Data, flow: Flow, steps: Steps) -> Iterator[tuple[str, str]]:
    """The inputs stand at the word itself."""
    return ((place.replace("inputs", "called", 1), why) for place, why in misfits(flow, steps, acting.called(data)))


EVENT_WORDS: Final[Mapping[str, EventWord]] = {
    "message": EventWord(
        "the contact writes; `choice` is the id of a button, `media` files with `media_type`, `name`, `url`",
        {"message": "Hello"},
        TEXT,
        acting.message,
        {"choice": NAME, "media": _MEDIA},
    ),
    "call": EventWord(
        "somebody calls from this number; empty: from the contact's",
        {"call": "+48600100200"},
        {"type": "string", "maxLength": 64},
        lambda data: happens(CallStarted("test", data["call"], "")),
    ),
    "keys": EventWord(
        "the caller presses keys", {"keys": "12#"}, _KEYS, lambda data: happens(KeysPressed(digits=data["keys"]))
    ),
    "speech": EventWord(
        "the caller says something",
        {"speech": "sales please"},
        TEXT,
        lambda data: happens(KeysPressed(speech=data["speech"], confidence=1.0)),
    ),
    "no_input": EventWord(
        "the caller neither presses nor says anything", {"no_input": True}, TRUE, lambda _: happens(KeysPressed())
    ),
    "records": EventWord(
        "the caller speaks so many seconds after the beep; 0 is nothing",
        {"records": 12},
        _WHOLE,
        lambda data: happens(recorded(data["records"])),
    ),
    "hang_up": EventWord("the caller hangs up", {"hang_up": True}, TRUE, lambda _: happens(CallerHungUp())),
    "dial": EventWord(
        "how a forwarded leg ends, with its `sip_status` and `seconds`",
        {"dial": "busy"},
        {"type": "string", "enum": list(_OUTCOMES)},
        lambda data: happens(DialEnded(data["dial"], data.get("sip_status", 0), data.get("seconds", 0))),
        {"sip_status": _WHOLE, "seconds": _WHOLE},
    ),
    "passes": EventWord(
        f"time passes, so long or “{TO_THE_LIMIT}” of the present wait", {"passes": "10m"}, _DURATION, acting.passes
    ),
    "agent_takes": EventWord(
        "an agent takes the conversation", {"agent_takes": True}, TRUE, lambda _: happens(QueueLeft("assigned"))
    ),
    "agent_closes": EventWord(
        "an agent closes the conversation, with this result (it may be empty)",
        {"agent_closes": "sold"},
        TEXT,
        lambda data: happens(QueueLeft("closed", data["agent_closes"])),
    ),
    "next_message": EventWord(
        "what becomes of the flow's next message: `delivered` (as if nothing is said), `accepted` only, `nothing`, or "
        "the error kind with which it fails",
        {"next_message": "invalid_recipient"},
        NAME,
        acting.fate,
    ),
    "accepted": EventWord(
        "the provider takes the latest message", {"accepted": True}, TRUE, lambda _: acting.of_latest(MessageAccepted)
    ),
    "delivered": EventWord(
        "the latest message arrives", {"delivered": True}, TRUE, lambda _: acting.of_latest(MessageDelivered)
    ),
    "failed": EventWord(
        "the latest message fails with this error kind",
        {"failed": "provider_code"},
        NAME,
        lambda data: acting.of_latest(lambda effect: MessageFailed(effect, data["failed"], "The test says so.")),
    ),
    "answer": EventWord(
        "an address answers the step that asks now, or the one that asks next",
        {"answer": {"status": 200, "body": {"status": "gold"}}},
        {},
        acting.answer,
    ),
    "webhook": EventWord(
        "the webhook that the flow waits for arrives, with this content",
        {"webhook": {"paid": True}},
        {},
        acting.webhook,
    ),
    "api_call": EventWord(
        "another system starts the flow, with this input",
        {"api_call": {"order": "A-17"}},
        {},
        lambda data: happens(ApiCalled(0, from_plain(data["api_call"]))),
    ),
    "called": EventWord(
        "another flow runs this one, with these inputs; `medium` is `call` or `messages` where the trigger leaves that "
        "open, `latest_message` what the contact wrote last",
        {"called": {"order": "A-17"}},
        {"type": "object"},
        lambda data: happens(acting.called(data)),
        {"medium": {"type": "string", "enum": ["call", "messages"]}, "latest_message": TEXT},
        _called_amiss,
    ),
    "schedule": EventWord("the schedule of this step is due", {"schedule": "every_monday"}, NAME, acting.schedule),
    "happening": EventWord(
        "anything else that may happen, in the engine's own form",
        {"happening": {"kind": "queue_left", "outcome": "timed_out"}},
        {"type": "object"},
        lambda data: happens(from_data(events.Happening, data["happening"])),
    ),
}
