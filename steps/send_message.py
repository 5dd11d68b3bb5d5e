"""The step `send_message`: writes to the contact, and can wait for what becomes of the message."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import ClassVar

from flows.ask import Answer, Way, WaysToContactAnswer
from flows.composing import MEDIA, PROVIDER_TEMPLATE, SEND_ERRORS, SEND_TIMEOUT, compose, refused
from flows.context import Context
from flows.effect import CancelMessage, Choice, Effect, SendMessage
from flows.event import CallPolled, Event, MessageAccepted, MessageDelivered, MessageFailed, TimerFired
from flows.form import ID_PATTERN, advanced, choice, filled, localised, record, rows, seconds, text
from flows.silence import in_silence
from flows.step import Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, Wait, fail
from flows.ways import FIRST_TRY, SAME, WAY_FIELDS, ask_ways, given_up, most_ways, open_ways, way_problems

_BUTTON = record(
    {
        "id": text("Id", "What comes back as message.choice when it is pressed.", pattern=ID_PATTERN),
        "label": localised("Label", "What stands on the button."),
    },
    required=["id", "label"],
)
_WAIT_FOR = {
    "nothing": "Go on at once",
    "accepted": "Until the provider has taken it",
    "delivered": "Until it has reached the contact's device",
}
_HELLO: Mapping[str, Json] = {"text": {"en": "Hello"}}
# In examples a run's first effect has this key (see `Context.effect_key`).
_FIRST = "example/0/0"


@dataclass(frozen=True)
class _Sent:
    """The message that is waited for: its effect's key, until when, whether the provider has it; and further ways."""

    effect: str
    until: datetime
    taken: bool = False
    further: tuple[str, ...] = ()


class SendMessageStep(Step):
    """Writes to the contact where they wrote from; to a caller it sends a text message, also after the call. Other
    numbers of ours may be listed: where one does not reach the contact, the next is tried. The flow goes on when the
    provider has taken the message, and fails with the provider's reason when it has not; choose “go on at once” where
    both lead to the same place."""

    type: ClassVar[str] = "send_message"
    title: ClassVar[str] = "Send a message"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "send"
    waits: ClassVar[bool] = True
    # It waits for its own message, not for anybody: a circle of such steps would send as fast as the provider takes.
    at_once: ClassVar[frozenset[str]] = frozenset({"success", "not_delivered"})
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "text": localised("Text", "What is written, per language."),
            "buttons": rows(
                "Buttons", "Answers to press; channels without buttons show them as a list.", _BUTTON, maximum=10
            ),
            "media": MEDIA,
            **WAY_FIELDS,
            "template": PROVIDER_TEMPLATE,
            "wait_for": choice("Wait", "When the flow goes on.", _WAIT_FOR, default="accepted"),
            "send_timeout_seconds": SEND_TIMEOUT,
            "delivery_timeout_seconds": advanced(
                seconds(
                    "Time to be delivered",
                    "When waiting for delivery: after this time the flow goes on at “not delivered”.",
                    minimum=10,
                    maximum=604_800,
                    default=3_600,
                )
            ),
        },
    )
    errors: ClassVar[Mapping[str, str]] = SEND_ERRORS
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "The provider takes it",
            {"text": {"en": "Hello {{ contact.name }}", "pl": "Cześć {{ contact.name }}"}},
            leaves_by="success",
            turns=[MessageAccepted(_FIRST)],
            contact={"name": "Anna"},
            effects=[SendMessage("Hello Anna", language="en")],
        ),
        Example(
            "Go on at once",
            {**_HELLO, "wait_for": "nothing"},
            leaves_by="success",
            effects=[SendMessage("Hello", language="en")],
        ),
        Example(
            "Wait for delivery",
            {**_HELLO, "wait_for": "delivered"},
            leaves_by="success",
            turns=[MessageAccepted(_FIRST), MessageDelivered(_FIRST)],
        ),
        Example(
            "Taken, but it never arrives",
            {**_HELLO, "wait_for": "delivered"},
            leaves_by="not_delivered",
            turns=[MessageAccepted(_FIRST), TimerFired()],
        ),
        Example(
            "The contact has opted out",
            _HELLO,
            leaves_by="failure",
            turns=[MessageFailed(_FIRST, "opted_out")],
            error="opted_out",
        ),
        Example(
            "The provider is away",
            _HELLO,
            leaves_by="failure",
            turns=[TimerFired()],
            error="send_timeout",
            effects=[SendMessage("Hello", language="en"), CancelMessage(_FIRST)],
        ),
        Example(
            "With buttons",
            {**_HELLO, "buttons": [{"id": "yes", "label": {"en": "Yes"}}], "wait_for": "nothing"},
            leaves_by="success",
            effects=[SendMessage("Hello", choices=(Choice("yes", "Yes"),), language="en")],
        ),
        Example(
            "By text where the first number cannot reach them",
            {**_HELLO, "channel": "listed", "numbers": ["web-chat", "sms-line"]},
            leaves_by="success",
            turns=[
                WaysToContactAnswer((Way("web-chat", "invalid_recipient", "They never were here."), Way("sms-line"))),
                MessageAccepted(_FIRST),
            ],
            effects=[SendMessage("Hello", number="sms-line", language="en")],
        ),
        Example("Nothing to say", {"text": {"en": "{{ contact.nickname }}"}}, leaves_by="failure", error="empty_text"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """`not_delivered` only where delivery is waited for."""
        waits_for_delivery = config.get("wait_for") == "delivered"
        return (Exit("success", "sent"), *([Exit("not_delivered", "not delivered")] if waits_for_delivery else []))

    def summary(self, config: Config) -> str:
        """The words, or what goes out instead of words."""
        words: str = next(iter(config.get("text", {}).values()), "")
        return words or config.get("template", {}).get("name") or f"{len(config.get('media', ()))} files"

    def problems(self, config: Config) -> Sequence[Problem]:
        """A list of numbers that cannot work."""
        return way_problems(config)

    def effective_limit(self, config: Config) -> float | None:
        """None where nothing is waited for."""
        full = filled(self.schema, config)
        if full["wait_for"] == "nothing":
            return None
        delivery = full["delivery_timeout_seconds"] if full["wait_for"] == "delivered" else 0
        return float(full["send_timeout_seconds"] + delivery) * most_ways(full)

    def run(self, context: Context) -> Outcome:
        """Send, or look first by which numbers the contact can be reached."""
        return ask_ways(context, filled(self.schema, context.config)) or self._send(context, [SAME])

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Send by the first of the numbers."""
        ways = open_ways(filled(self.schema, context.config), answer)
        return ways if isinstance(ways, Take) else self._send(context, ways)

    def _send(self, context: Context, ways: Sequence[str], before: Take = FIRST_TRY) -> Outcome:
        """By the first of these numbers, and wait where the author wants to; `before`: how the one before it failed."""
        config = filled(self.schema, context.config)
        buttons = [Choice(row["id"], context.localised(row["label"])) for row in config.get("buttons", ())]
        message = compose(context, config, config.get("text", {}), buttons, ways[0])
        if isinstance(message, Take):
            return replace(message, effects=before.effects)
        if config["wait_for"] == "nothing":
            return Take("success", effects=[message])
        until = context.now + timedelta(seconds=config["send_timeout_seconds"])
        sent = _Sent(context.effect_key(), until, further=tuple(ways[1:]))
        return _wait(context, sent, [message, *before.effects], before.why)

    def resume(self, context: Context, event: Event) -> Outcome:
        """Leave when the message's fate is known."""
        config, sent, happened = filled(self.schema, context.config), _sent(context.kept), event.happened
        if isinstance(happened, TimerFired):
            return self._elsewhere(context, sent, _too_late(sent))
        if isinstance(happened, CallPolled) or getattr(happened, "effect", None) != sent.effect:
            return _wait(context, sent)
        if isinstance(happened, MessageFailed):
            told = {"kind": happened.kind, "message": happened.message}
            lost = Take("not_delivered", why=told) if sent.taken else refused(happened)
            return self._elsewhere(context, sent, lost)
        if isinstance(happened, MessageAccepted) and config["wait_for"] == "delivered":
            until = context.now + timedelta(seconds=config["delivery_timeout_seconds"])
            return _wait(context, replace(sent, taken=True, until=until))
        return Take("success")

    def _elsewhere(self, context: Context, sent: _Sent, lost: Take) -> Outcome:
        """By the next number, where there is one; else leave as this one failed."""
        return self._send(context, sent.further, given_up(lost)) if sent.further else lost


def _sent(kept: Mapping[str, Json]) -> _Sent:
    return _Sent(kept["effect"], datetime.fromisoformat(kept["until"]), kept["taken"], tuple(kept["further"]))


def _too_late(sent: _Sent) -> Take:
    if sent.taken:
        return Take("not_delivered", why={"message": "It was not delivered in time."})
    late = fail("send_timeout", SEND_ERRORS["send_timeout"], retryable=True)
    return replace(late, effects=[CancelMessage(sent.effect)])


def _wait(context: Context, sent: _Sent, effects: Sequence[Effect] = (), why: Mapping[str, Json] = {}) -> Wait:
    words = ("delivered", "failed") if sent.taken else ("accepted", "delivered", "failed")
    keep = {**vars(sent), "until": sent.until.isoformat(), "further": list(sent.further)}
    return in_silence(context, Wait(words, until=sent.until, keep=keep, effects=effects, why=why))
