"""The step `wait_for_reply`: waits for the contact's next message without asking anything."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar

from flows.context import Context
from flows.event import Attachment, Event, MessageReceived, TimerFired
from flows.form import advanced, choice, filled, record, rows, seconds, unique, variable
from flows.step import Config, Example, Exit, Group, Json, Medium, Outcome, Step, Take, Wait
from flows.values import ValueType

_KINDS = {
    "text": "Texts",
    "button": "Pressed buttons",
    "image": "Pictures",
    "audio": "Sounds",
    "video": "Videos",
    "document": "Other files",
}
_PHOTO = MessageReceived("", media=(Attachment("image/jpeg", "meter.jpg", "1"),))
_ONLY_PHOTOS: Mapping[str, Json] = {"accepts": ["image"]}


class WaitForReplyStep(Step):
    """Waits until the contact writes, and goes on at “reply”; what they wrote is read as message. You may accept only
    some kinds of message, such as pictures; others are passed over."""

    type: ClassVar[str] = "wait_for_reply"
    title: ClassVar[str] = "Wait for a reply"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "message-2-pause"
    media: ClassVar[frozenset[Medium]] = frozenset({"messages"})
    waits: ClassVar[bool] = True
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "accepts": unique(
                rows("Accepts", "Which messages count; empty means all.", choice("Kind", "One kind.", _KINDS))
            ),
            "variable": variable("Variable", "Where the text of the reply is kept; it can also be read as message."),
            "time_limit_seconds": seconds(
                "Time to reply",
                "How long the contact has, counted from the moment our last message was sent.",
                minimum=10,
                maximum=2_592_000,
                default=86_400,
            ),
            "joining_seconds": advanced(
                seconds(
                    "Wait for more",
                    "People write in several short messages: those that come within this time are read as one.",
                    minimum=0,
                    maximum=60,
                    default=0,
                )
            ),
        }
    )
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "A reply",
            {"variable": "said"},
            leaves_by="reply",
            turns=[MessageReceived("Yes, please")],
            sets={"said": "Yes, please"},
        ),
        Example(
            "A picture, after a text that does not count",
            _ONLY_PHOTOS,
            leaves_by="reply",
            turns=[MessageReceived("One moment"), _PHOTO],
        ),
        Example("Still waiting", _ONLY_PHOTOS, leaves_by=None, turns=[MessageReceived("One moment")]),
        Example("No reply", {}, leaves_by="timed_out", turns=[TimerFired()]),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """The reply, and its absence."""
        return (Exit("reply"), Exit("timed_out", "timed out"))

    def summary(self, config: Config) -> str:
        """What is waited for, and where it goes."""
        kinds = ", ".join(_KINDS[kind].lower() for kind in config.get("accepts", ()) if kind in _KINDS)
        return f"{kinds or 'Any message'}{' → ' + config['variable'] if config.get('variable') else ''}"

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The reply's text."""
        return [(config["variable"], "text", ("reply",))] if config.get("variable") else []

    def effective_limit(self, config: Config) -> float | None:
        """The time to reply."""
        return float(filled(self.schema, config)["time_limit_seconds"])

    def run(self, context: Context) -> Outcome:
        """Wait."""
        config = filled(self.schema, context.config)
        return Wait(
            ("message",),
            limit_seconds=config["time_limit_seconds"],
            joining_seconds=config["joining_seconds"],
            keep={"began": context.now.isoformat()},
        )

    def resume(self, context: Context, event: Event) -> Outcome:
        """Take the reply, pass a message over that does not count, or give up."""
        config, happened = filled(self.schema, context.config), event.happened
        if not isinstance(happened, MessageReceived):
            return Take("timed_out")
        kinds, wanted = _kinds(happened), config.get("accepts") or list(_KINDS)
        if kinds & set(wanted):
            sets = {config["variable"]: happened.text} if config.get("variable") else {}
            return Take("reply", sets=sets, why={"kinds": sorted(kinds)})
        # A message that does not count gives the contact no more time.
        limit, began = config["time_limit_seconds"], datetime.fromisoformat(context.kept["began"])
        left = max(0.0, limit - (context.now - began).total_seconds())
        # One that came after the limit: our last message left later than this wait began, such as in the morning, and
        # so did the limit. One that came before, and waited for others to be joined with it, begins nothing anew.
        if (event.at - began).total_seconds() >= limit:
            left, began = limit, context.now
        return Wait(
            ("message",),
            limit_seconds=left,
            joining_seconds=config["joining_seconds"],
            keep={"began": began.isoformat()},
            why={"passed_over": sorted(kinds)},
        )


def _kinds(message: MessageReceived) -> set[str]:
    """What a message is; one with a picture and words is both."""
    found = {"text"} if message.text.strip() or not (message.media or message.choice) else set()
    found |= {"button"} if message.choice else set()
    for item in message.media:
        family = item.media_type.partition("/")[0]
        found.add(family if family in {"image", "audio", "video"} else "document")
    return found
