"""The step `say`: speaks a text or plays a sound to a caller."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.ask import Answer, FileStateAnswer
from flows.context import Context
from flows.effect import Play, Say
from flows.form import address, advanced, filled, localised, record, text, whole
from flows.sounds import ask_sound, sound_of, sound_problems, stored_sounds
from flows.step import Config, Example, Group, Json, Medium, Outcome, Problem, Step, Take, fail
from flows.voice import VOICE_ERRORS, spoken
from flows.whole_address import NotWhole, whole_address

_GREETING, _POLISH = "5f" * 32, "6a" * 32


class SayStep(Step):
    """Speaks a text in the caller's language, or plays a sound: an uploaded one, or one from a web address. The call
    goes straight on to the next step; keys pressed meanwhile are not heard, so use a menu where the caller should
    choose."""

    type: ClassVar[str] = "say"
    title: ClassVar[str] = "Say or play"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "volume"
    media: ClassVar[frozenset[Medium]] = frozenset({"call"})
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "text": localised("Text", "What is spoken, per language; leave it out when a sound is played."),
            "sounds": stored_sounds(
                "Uploaded sound", "What is played instead of a text: one for all, or one per language."
            ),
            "audio": address("Sound", "The web address of an MP3 or WAV file to play instead of a text."),
            "voice": advanced(
                text("Voice", "The name of a voice of your provider; empty means its own choice.", default="")
            ),
            "repeat": advanced(whole("Times", "How often it is heard.", minimum=1, maximum=10, default=1)),
        },
        exactly_one_of=["text", "sounds", "audio"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        **VOICE_ERRORS,
        "tts_failed": "Nothing is left to speak once the text's values are filled in.",
        "audio_unreachable": "The sound's address is not a whole one beginning with http:// or https://, or the"
        " uploaded sound is not there any more, or is no MP3 or WAV file.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "Greet a caller by name",
            {"text": {"en": "Hello {{ contact.name }}."}},
            leaves_by="next",
            contact={"name": "Anna"},
            on_call=True,
            effects=[Say("Hello Anna.", language="en")],
        ),
        Example(
            "Play a jingle twice",
            {"audio": "https://example.com/jingle.mp3", "repeat": 2},
            leaves_by="next",
            on_call=True,
            effects=[Play("https://example.com/jingle.mp3", repeat=2)],
        ),
        Example(
            "Play an uploaded greeting in the caller's language",
            {"sounds": [{"file": _POLISH, "language": "pl"}, {"file": _GREETING}]},
            leaves_by="next",
            turns=[FileStateAnswer("7", "audio/mpeg", "greeting.mp3")],
            on_call=True,
            effects=[Play(file=_GREETING, file_id="7", name="greeting.mp3")],
        ),
        Example(
            "An uploaded sound that was deleted",
            {"sounds": [{"file": _GREETING}]},
            leaves_by="failure",
            turns=[FileStateAnswer()],
            on_call=True,
            error="audio_unreachable",
        ),
        Example(
            "A text that is nothing but an unknown name",
            {"text": {"en": "{{ contact.name }}"}},
            leaves_by="failure",
            on_call=True,
            error="tts_failed",
        ),
        Example(
            "An address without its beginning",
            {"audio": "jingle.mp3"},
            leaves_by="failure",
            on_call=True,
            error="audio_unreachable",
        ),
        Example("Nobody listens to a message", {"text": {"en": "Hello"}}, leaves_by="failure", error="call_ended"),
    )

    def summary(self, config: Config) -> str:
        """The words, or the sound's address."""
        sound = config.get("audio", "") or "an uploaded sound"
        words = next(iter(config.get("text", {}).values()), "") or f"Play {sound}"
        return words if config.get("repeat", 1) == 1 else f"{words} ({config['repeat']} times)"

    def problems(self, config: Config) -> Sequence[Problem]:
        """A sound whose fixed address cannot be fetched, and one that nobody would ever hear."""
        audio = config.get("audio", "https://")
        if audio.startswith(("http://", "https://", "{{")):
            return sound_problems(config, "sounds")
        return [
            Problem(
                "audio_unreachable",
                "audio",
                "The sound's address does not begin with http:// or https://.",
                "Write the whole address.",
            )
        ]

    def run(self, context: Context) -> Outcome:
        """Speak or play, and go on."""
        config = filled(self.schema, context.config)
        if "sounds" in config:
            return ask_sound(context, config["sounds"])
        if "audio" in config:
            try:
                sound = Play(whole_address(context, config["audio"]), repeat=config["repeat"])
            except NotWhole as problem:
                return fail("audio_unreachable", str(problem))
            return Take("next", effects=[sound])
        words = spoken(context, config["text"], voice=config["voice"], repeat=config["repeat"])
        if words is None:
            return fail("tts_failed", "Nothing is left to speak; give the text's values a default or add fixed words.")
        return Take("next", effects=[words])

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Play the uploaded sound."""
        config = filled(self.schema, context.config)
        sound = sound_of(context, answer, config["sounds"], config["repeat"])
        return sound if isinstance(sound, Take) else Take("next", effects=[sound])
