"""What happens in a test, in words that a person can write and a simulator can save."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, get_args, get_type_hints

from flows import event as events
from flows.errors import DocumentError, FlowError
from flows.event import (
    ApiCalled,
    Attachment,
    CallerHungUp,
    CallStarted,
    DialEnded,
    Happening,
    KeysPressed,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    ScheduleDue,
    WebhookReceived,
)
from flows.player.answers import answer_of, read_answer
from flows.player.lines import recorded
from flows.player.moves import Move
from flows.player.simulation import Simulation
from flows.player.surroundings import NOTHING, TAKEN
from flows.testing.words import NAME, TEXT, TRUE, Json, Schema, the_word
from flows.values import from_plain
from flows.wire import from_data

Action = Callable[[Simulation], Iterator[Move]]
Data = Mapping[str, Any]

_UNITS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
TO_THE_LIMIT: Final = "to the time limit"
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


@dataclass(frozen=True)
class EventWord:
    """A word for something that happens: what it says, an example, and how what stands there is acted out."""

    says: str
    example: Json
    schema: Schema
    read: Callable[[Data], Action]
    more: Mapping[str, Schema] = field(default_factory=dict)


def read_event(data: Json, path: str = "event") -> Action:
    """What an event of a test does to a simulated conversation.

    Raises: DocumentError with the place and a sentence.
    """
    name, word = the_word(EVENT_WORDS, data, path, "An event")
    try:
        return word.read(data)
    except FlowError as problem:
        raise DocumentError(f"{path}.{name}", str(problem)) from None


def _happens(happened: Happening) -> Action:
    return lambda simulation: simulation.happen(happened)


def _message(data: Data) -> Action:
    media = tuple(Attachment(**item) for item in data.get("media", ()))
    written = MessageReceived(data["message"], media, data.get("choice", ""))

    def act(simulation: Simulation) -> Iterator[Move]:
        """Who writes the label of a button presses it, as in the chats that have buttons."""
        pressed = next(
            (
                choice
                for label, choice in simulation.state.choices.items()
                if not media and written.text.strip().casefold() in {label.casefold(), choice.casefold()}
            ),
            "",
        )
        return simulation.happen(replace(written, choice=written.choice or pressed))

    return act


def _passes(data: Data) -> Action:
    text = data["passes"]
    if text == TO_THE_LIMIT:
        return lambda simulation: simulation.pass_time(None)
    seconds = float(re.sub(r"[ smhd]", "", text)) * _UNITS[text[-1]]
    return lambda simulation: simulation.pass_time(seconds)


def _fate(data: Data) -> Action:
    """What becomes of the next message."""
    word: str = data["next_message"]
    fate = {"delivered": "", "accepted": TAKEN, "nothing": NOTHING}.get(word, word)

    def act(simulation: Simulation) -> Iterator[Move]:
        simulation.state = replace(simulation.state, fate=fate)
        return iter(())

    return act


def _answer(data: Data) -> Action:
    given = data["answer"]
    answer = read_answer(given) if isinstance(given, str) else answer_of(given)
    return lambda simulation: simulation.answer(answer)


def _webhook(data: Data) -> Action:
    """The key is that of the present wait; one that comes before it is for any."""
    told = from_plain(data["webhook"])

    def act(simulation: Simulation) -> Iterator[Move]:
        waiting = simulation.run.waiting if simulation.run else None
        key = waiting.keep.get("webhook", "") if waiting else ""
        return simulation.happen(WebhookReceived(str(key), told))

    return act


def _schedule(data: Data) -> Action:
    return lambda simulation: simulation.happen(ScheduleDue(0, data["schedule"], simulation.state.clock))


def _of_latest(made: Callable[[str], Happening]) -> Action:
    return lambda simulation: simulation.happen(made(simulation.state.sent))


EVENT_WORDS: Final[Mapping[str, EventWord]] = {
    "message": EventWord(
        "the contact writes; `choice` is the id of a button, `media` files with `media_type`, `name`, `url`",
        {"message": "Hello"},
        TEXT,
        _message,
        {"choice": NAME, "media": _MEDIA},
    ),
    "call": EventWord(
        "somebody calls from this number; empty: from the contact's",
        {"call": "+48600100200"},
        {"type": "string", "maxLength": 64},
        lambda data: _happens(CallStarted("test", data["call"], "")),
    ),
    "keys": EventWord(
        "the caller presses keys", {"keys": "12#"}, _KEYS, lambda data: _happens(KeysPressed(digits=data["keys"]))
    ),
    "speech": EventWord(
        "the caller says something",
        {"speech": "sales please"},
        TEXT,
        lambda data: _happens(KeysPressed(speech=data["speech"], confidence=1.0)),
    ),
    "no_input": EventWord(
        "the caller neither presses nor says anything", {"no_input": True}, TRUE, lambda _: _happens(KeysPressed())
    ),
    "records": EventWord(
        "the caller speaks so many seconds after the beep; 0 is nothing",
        {"records": 12},
        _WHOLE,
        lambda data: _happens(recorded(data["records"])),
    ),
    "hang_up": EventWord("the caller hangs up", {"hang_up": True}, TRUE, lambda _: _happens(CallerHungUp())),
    "dial": EventWord(
        "how a forwarded leg ends, with its `sip_status` and `seconds`",
        {"dial": "busy"},
        {"type": "string", "enum": list(_OUTCOMES)},
        lambda data: _happens(DialEnded(data["dial"], data.get("sip_status", 0), data.get("seconds", 0))),
        {"sip_status": _WHOLE, "seconds": _WHOLE},
    ),
    "passes": EventWord(
        f"time passes, so long or “{TO_THE_LIMIT}” of the present wait", {"passes": "10m"}, _DURATION, _passes
    ),
    "agent_takes": EventWord(
        "an agent takes the conversation", {"agent_takes": True}, TRUE, lambda _: _happens(QueueLeft("assigned"))
    ),
    "agent_closes": EventWord(
        "an agent closes the conversation, with this result (it may be empty)",
        {"agent_closes": "sold"},
        TEXT,
        lambda data: _happens(QueueLeft("closed", data["agent_closes"])),
    ),
    "next_message": EventWord(
        "what becomes of the flow's next message: `delivered` (as if nothing is said), `accepted` only, `nothing`, or "
        "the error kind with which it fails",
        {"next_message": "invalid_recipient"},
        NAME,
        _fate,
    ),
    "accepted": EventWord(
        "the provider takes the latest message", {"accepted": True}, TRUE, lambda _: _of_latest(MessageAccepted)
    ),
    "delivered": EventWord(
        "the latest message arrives", {"delivered": True}, TRUE, lambda _: _of_latest(MessageDelivered)
    ),
    "failed": EventWord(
        "the latest message fails with this error kind",
        {"failed": "provider_code"},
        NAME,
        lambda data: _of_latest(lambda effect: MessageFailed(effect, data["failed"], "The test says so.")),
    ),
    "answer": EventWord(
        "an address answers the step that asks now, or the one that asks next",
        {"answer": {"status": 200, "body": {"status": "gold"}}},
        {},
        _answer,
    ),
    "webhook": EventWord(
        "the webhook that the flow waits for arrives, with this content", {"webhook": {"paid": True}}, {}, _webhook
    ),
    "api_call": EventWord(
        "another system starts the flow, with this input",
        {"api_call": {"order": "A-17"}},
        {},
        lambda data: _happens(ApiCalled(0, from_plain(data["api_call"]))),
    ),
    "schedule": EventWord("the schedule of this step is due", {"schedule": "every_monday"}, NAME, _schedule),
    "happening": EventWord(
        "anything else that may happen, in the engine's own form",
        {"happening": {"kind": "queue_left", "outcome": "timed_out"}},
        {"type": "object"},
        lambda data: _happens(from_data(events.Happening, data["happening"])),
    ),
}
