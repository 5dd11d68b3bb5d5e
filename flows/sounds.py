"""Stored sounds that callers hear: the field in which an author names them, and how a step makes one ready to play."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from flows.ask import Answer, FileState, FileStateAnswer
from flows.context import Context
from flows.effect import Play
from flows.form import LANGUAGE_PATTERN, Schema, named, record, rows, text
from flows.step import Ask, Config, Json, Problem, Take, fail

# What every carrier plays, of the kinds that are recognised: https://www.twilio.com/docs/voice/twiml/play
PLAYABLE: Final = ("audio/mpeg", "audio/wav")

STORED_SOUND_ERRORS: Final[Mapping[str, str]] = {
    "audio_unreachable": "A stored sound is not there any more, or is no MP3 or WAV file.",
}

_SOUND = record(
    {
        "file": named("file", "File", "An MP3 or WAV file that was uploaded, by its sha256.", media_types=PLAYABLE),
        "language": text(
            "Language",
            "Those who hear it, such as “pl”; leave it out for all who have no sound of their own.",
            pattern=LANGUAGE_PATTERN,
        ),
    },
    required=["file"],
)


def stored_sounds(title: str, help_text: str) -> Schema:
    """The field: one sound for all, or one per language."""
    return rows(title, help_text, _SOUND, minimum=1, maximum=50)


def sound_problems(config: Config, field: str) -> Sequence[Problem]:
    """Two sounds of which nobody would ever hear the second."""
    languages = [row.get("language", "") for row in config.get(field, ())]
    return [
        Problem(
            "sound_twice",
            f"{field}.{index}",
            f"There is another sound {f'for “{language}”' if language else 'without a language'}.",
            "Give this one another language, or remove it.",
        )
        for index, language in enumerate(languages)
        if language in languages[:index]
    ]


def ask_sound(context: Context, sounds: Sequence[Mapping[str, Any]], keep: Mapping[str, Json] = {}) -> Ask:
    """Asks for the one that is going to be heard."""
    return Ask(FileState(_chosen(context, sounds)), keep=keep)


def sound_of(context: Context, answer: Answer, sounds: Sequence[Mapping[str, Any]], repeat: int = 1) -> Play | Take:
    """The one that was asked for, ready to be played; the failure of one that cannot be."""
    if not isinstance(answer, FileStateAnswer):
        raise TypeError(f"A stored sound was asked for, and {type(answer).__name__} came.")
    file = _chosen(context, sounds)
    if not answer.id:
        sentence = f"The sound {file[:12]}… is not stored here any more: upload it again, or choose another one."
        return fail("audio_unreachable", sentence)
    if answer.media_type not in PLAYABLE:
        sentence = f"The file “{answer.name or file[:12]}” is {answer.media_type}; callers hear MP3 and WAV files."
        return fail("audio_unreachable", sentence)
    return Play(repeat=repeat, file=file, file_id=answer.id, name=answer.name)


def _chosen(context: Context, sounds: Sequence[Mapping[str, Any]]) -> str:
    """That of the language texts are chosen in, else the one for all, else the flow's first language's, else any."""
    by_language = {row.get("language", ""): str(row["file"]) for row in reversed(sounds)}
    wanted = (context.language, "", context.flow.languages[0], *reversed(by_language))
    return next(by_language[language] for language in wanted if language in by_language)
