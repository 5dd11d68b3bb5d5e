"""How steps ask a caller: the prompt, spoken or an uploaded sound, what is said before a repeat, and how often."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal

from flows.ask import Answer
from flows.context import Context
from flows.effect import Gather, Play, Say
from flows.event import Event, KeysPressed, TimerFired
from flows.sounds import ask_sound, sound_of
from flows.step import Ask, Config, Json, Take, Wait, fail
from flows.voice import ASR_ERRORS, LOST_CALL_SECONDS, spoken

Reason = Literal["no_input", "invalid", "unsure"]


@dataclass(frozen=True)
class Prompt:
    """What the caller hears, the first time or again."""

    attempt: int
    verbs: tuple[Say | Play, ...]


def ask(context: Context, config: Config, attempt: int = 1, after: str = "") -> Prompt | Ask:
    """The prompt, or the Ask for the one that was uploaded; `after`: the field of what is said before it."""
    if "prompt_sounds" in config:
        return ask_sound(context, config["prompt_sounds"], keep={"attempt": attempt, "after": after})
    return _prompt(context, config, attempt, after, spoken(context, config["prompt"], voice=config["voice"]))


def sound_came(context: Context, config: Config, answer: Answer) -> Prompt | Take:
    """The prompt that was uploaded, or the failure of one that cannot be played."""
    sound = sound_of(context, answer, config["prompt_sounds"])
    return sound if isinstance(sound, Take) else _prompt(context, config, **context.kept, prompt=sound)


def ask_again(context: Context, config: Config, reason: Reason, why: Mapping[str, Json]) -> Prompt | Ask | Take:
    """The prompt once more; after the last attempt the way out of whoever gave no answer that could be taken."""
    attempt: int = context.kept["attempt"]
    if attempt < config["attempts"]:
        return ask(context, config, attempt + 1, "no_input_text" if reason == "no_input" else "invalid_text")
    if reason == "unsure":
        return fail("asr_failed", ASR_ERRORS["asr_failed"], why=why)
    return Take(reason, why=why)


def heard_in(event: Event) -> KeysPressed | Take:
    """What the caller pressed or said; the way out of a call that was lost."""
    if isinstance(event.happened, TimerFired):
        return Take("no_input", why={"lost": "The carrier did not come back."})
    return event.happened if isinstance(event.happened, KeysPressed) else KeysPressed()


def is_silent(heard: KeysPressed) -> bool:
    """Whether the caller neither pressed nor said anything."""
    return not heard.digits and not heard.speech.strip()


def wait_for(context: Context, config: Config, gather: Gather, keep: Mapping[str, Any]) -> Wait:
    """The wait for keys or words."""
    until = context.now + timedelta(seconds=longest_seconds(config))
    return Wait(("keys",), until=until, keep=keep, effects=[gather], why={"attempt": keep["attempt"]})


def longest_seconds(config: Config) -> float:
    """The time to answer, and what a lost call may take at most."""
    return float(config["timeout_seconds"]) + LOST_CALL_SECONDS


def _prompt(context: Context, config: Config, attempt: int, after: str, prompt: Say | Play | None) -> Prompt:
    before = spoken(context, config.get(after, {}), voice=config["voice"])
    return Prompt(attempt, tuple(words for words in (before, prompt) if words is not None))
