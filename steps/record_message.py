"""The step `record_message`: records what a caller says and keeps it as a file."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import ClassVar

from flows.context import Context
from flows.dialling import bridge_seconds
from flows.effect import Record, SendEmail
from flows.event import (
    Attachment,
    CallerHungUp,
    CallPolled,
    Event,
    Recorded,
    RecordingLost,
    RecordingStored,
    TimerFired,
)
from flows.expression import ExpressionError
from flows.form import choice, filled, named, record, seconds, template, variable, yes_no
from flows.letters import recipients, recipients_field
from flows.silence import in_silence
from flows.step import Config, Example, Exit, Group, Json, Medium, Outcome, Step, Take, Wait, fail
from flows.values import TooLarge, Value, ValueType, in_one_line
from flows.voice import LOST_CALL_SECONDS, VOICE_ERRORS

LONGEST_SECONDS = 900  # 14 MiB as a WAV file of a telephone's quality, and a stored file has 16
STORING_SECONDS = 30  # a caller who is still on the line is not kept waiting longer
STORING_LATER_SECONDS = 900  # nobody waits any more, and the carrier may need a moment
TELLING_SECONDS = 120  # after a caller hung up, for the carrier to tell of the recording
_NOTIFY = record(
    {
        "credential": named("credential", "Mail account", "The credential of the mail account that sends it."),
        "to": recipients_field("To", "Who gets the recording by e-mail.", minimum=1),
        "subject": template("Subject", "The e-mail's subject.", default="A recording, {{ conversation.reference }}"),
        "text": template("Text", "What the e-mail says.", default="A caller has left the attached message."),
    },
    required=["credential", "to"],
    title="Notify",
    help_text="Sends the recording to people by e-mail; a further step is not needed for that.",
)
_LATER = ("stored", "lost", "hang_up")
_FILE = Attachment("audio/wav", "recording.wav", file="5f" * 32, size_bytes=96_044)
_KEPT: dict[str, Value] = {
    "type": "audio/wav",
    "name": "recording.wav",
    "file": "5f" * 32,
    "size_bytes": Decimal(96_044),
    "seconds": Decimal(6),
}
_MINE = "example/0/0"


class RecordMessageStep(Step):
    """Records what the caller says, until a silence, a key, the longest time or the end of the call. The recording is
    kept as a file, which a later step can attach to an e-mail; a caller who hangs up keeps what was recorded."""

    type: ClassVar[str] = "record_message"
    title: ClassVar[str] = "Record a message"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "microphone"
    media: ClassVar[frozenset[Medium]] = frozenset({"call"})
    waits: ClassVar[bool] = True
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "variable": variable("Variable", "The name under which later steps find the recording."),
            "beep": yes_no("Beep", "Whether a tone tells the caller to begin.", default=True),
            "maximum_seconds": seconds(
                "Longest", "The recording ends after this time.", minimum=2, maximum=LONGEST_SECONDS, default=120
            ),
            "silence_seconds": seconds(
                "Silence that ends it", "A pause of this length ends the recording.", minimum=1, maximum=60, default=5
            ),
            "minimum_seconds": seconds(
                "Shortest", "A shorter recording leaves by “too short”.", minimum=0, maximum=60, default=1
            ),
            "finish_key": choice(
                "Finish key", "The key that ends the recording.", {"#": "#", "*": "*", "none": "None"}, default="#"
            ),
            "notify": _NOTIFY,
        },
    )
    errors: ClassVar[Mapping[str, str]] = {
        **VOICE_ERRORS,
        "invalid_recipient": "The recording is kept, but an address that it was to be sent to is no e-mail address.",
        "storage_failed": "The recording was made, but it could not be fetched from the carrier and kept in time.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "The caller leaves a message",
            {"variable": "voicemail", "maximum_seconds": 60},
            "recorded",
            turns=[Recorded(_MINE, "https://api.example.com/RE1", 6), RecordingStored(_MINE, _FILE)],
            on_call=True,
            sets={"voicemail": _KEPT},
        ),
        Example(
            "A caller who hangs up keeps what was recorded",
            {"variable": "voicemail"},
            "recorded",
            turns=[CallerHungUp(), Recorded(_MINE, "https://api.example.com/RE1", 6), RecordingStored(_MINE, _FILE)],
            on_call=True,
            sets={"voicemail": _KEPT},
        ),
        Example("Nothing was said", {}, "too_short", turns=[Recorded(_MINE)], on_call=True),
        Example(
            "The carrier cannot give it",
            {},
            "failure",
            turns=[
                Recorded(_MINE, "https://api.example.com/RE1", 6),
                RecordingLost(_MINE, "The provider answered with status 404."),
            ],
            on_call=True,
            error="storage_failed",
        ),
        Example("Nobody speaks in a chat", {}, "failure", error="call_ended"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """Something was recorded, or next to nothing."""
        return (Exit("recorded"), Exit("too_short", "too short"))

    def summary(self, config: Config) -> str:
        """How long, and where it goes."""
        longest = f"At most {config.get('maximum_seconds', 120):g} s"
        return f"{longest} → {config['variable']}" if config.get("variable") else longest

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The recording."""
        return [(config["variable"], "object", ["recorded"])] if config.get("variable") else ()

    def effective_limit(self, config: Config) -> float | None:
        """The longest recording, and what a lost call may take at most; then the time to keep it."""
        return float(filled(self.schema, config)["maximum_seconds"]) + LOST_CALL_SECONDS + STORING_LATER_SECONDS

    def run(self, context: Context) -> Outcome:
        """Begin to record."""
        config, mine = filled(self.schema, context.config), context.effect_key()
        verb = Record(
            mine,
            maximum_seconds=max(2, min(round(config["maximum_seconds"]), bridge_seconds(context))),
            silence_seconds=round(config["silence_seconds"]),
            finish_key="" if config["finish_key"] == "none" else config["finish_key"],
            beep=config["beep"],
        )
        until = context.now + timedelta(seconds=verb.maximum_seconds + LOST_CALL_SECONDS)
        return Wait(("recorded", *_LATER), until=until, keep={"effect": mine}, effects=[verb])

    def resume(self, context: Context, event: Event) -> Outcome:
        """Wait until the recording is kept, whether the caller does or not."""
        happened, kept = event.happened, context.kept
        match happened:
            case Recorded():
                if self._is_too_short(context, happened):
                    return Take("too_short", why={"seconds": happened.seconds})
                return self._store(context, {**kept, "seconds": happened.seconds})
            case RecordingStored():
                return self._recorded(context, happened)
            case RecordingLost():
                return fail("storage_failed", happened.message or "The recording is lost.", why=dict(kept))
            case CallerHungUp() if "seconds" not in kept:
                gone = {**kept, "gone": True}
                return Wait(("recorded", *_LATER), until=context.now + timedelta(seconds=TELLING_SECONDS), keep=gone)
            case CallerHungUp():
                return self._store(context, {**kept, "gone": True})
            case CallPolled() if "until" in kept:
                return self._wait(context, kept)
            case TimerFired() if "seconds" in kept:
                late = "The recording could not be kept in time; it is still tried."
                return fail("storage_failed", late, retryable=True, why=dict(kept))
            case _:
                return Take("too_short", why={"lost": "The carrier told of no recording."})

    def _is_too_short(self, context: Context, happened: Recorded) -> bool:
        least = filled(self.schema, context.config)["minimum_seconds"]
        return not happened.url or happened.seconds < least

    def _store(self, context: Context, keep: Mapping[str, Json]) -> Wait:
        patience = STORING_LATER_SECONDS if "gone" in keep else STORING_SECONDS
        until = context.now + timedelta(seconds=patience)
        return self._wait(context, {**keep, "until": until.isoformat()})

    def _wait(self, context: Context, keep: Mapping[str, Json]) -> Wait:
        """Until it is kept; a caller on the line hears nothing meanwhile."""
        until, why = datetime.fromisoformat(keep["until"]), {"seconds": keep["seconds"]}
        wait = Wait(_LATER, until=until, keep=keep, why=why)
        return wait if "gone" in keep else in_silence(context, wait)

    def _recorded(self, context: Context, stored: RecordingStored) -> Outcome:
        length = context.kept.get("seconds", stored.seconds)
        if length < filled(self.schema, context.config)["minimum_seconds"]:
            return Take("too_short", why={"seconds": length})
        file = stored.attachment
        recording: dict[str, Value] = {
            "type": file.media_type,
            "name": file.name,
            "file": file.file,
            "size_bytes": Decimal(file.size_bytes),
            "seconds": Decimal(length),
        }
        name = context.config.get("variable")
        sets = {name: recording} if name else {}
        notice = self._notice(context, file)
        if isinstance(notice, Take):
            return replace(notice, sets=sets)  # it is kept all the same
        return Take("recorded", sets=sets, effects=notice, why={"seconds": length, "file": file.file})

    def _notice(self, context: Context, file: Attachment) -> Sequence[SendEmail] | Take:
        """The e-mail to people, on which nothing waits; or why it cannot be written."""
        config = filled(self.schema, context.config).get("notify")
        if not config:
            return ()
        try:
            to = recipients(context, config["to"])
            subject = " ".join(in_one_line(context.text(config["subject"])).split())
            words = context.text(config["text"])
        except (ExpressionError, TooLarge) as problem:  # raised further it would take the recording with it
            return fail("too_large" if isinstance(problem, TooLarge) else "expression_error", str(problem))
        if isinstance(to, Take):
            return to
        return [SendEmail(config["credential"], to, subject, words, media=(file,), with_link=True, to_team=True)]
