"""What a person types: plain lines are messages (on a call: keys or speech), the rest begins with a slash."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import get_args, get_type_hints

from flows.errors import FlowError
from flows.event import (
    CallerHungUp,
    CallStarted,
    DialEnded,
    FlowCalled,
    Happening,
    KeysPressed,
    MessageReceived,
    QueueLeft,
    Recorded,
)
from flows.values import Value, from_plain

CALLER = "+48600100200"  # who calls where nobody else is named
HELP = (
    "Type a message. On a call type keys such as 1 or 12#, or what you say.",
    "/call [FROM]      call the flow            /hangup         hang up",
    '/run [INPUTS]     run it as another flow does, with inputs such as {"order": "A-17"}',
    "/nothing          give no input            /dial OUTCOME   how a forward ends: completed, busy, no-answer …",
    "/record [12s]     say so much after the beep, or nothing",
    "/wait [10m]       let time pass, or wait until the next time limit",
    "/close [RESULT]   people close it          /assign         an agent takes it",
    "/answer ANSWER    prepare the next answer of an address: 200 {…}, 404, timeout",
    "/fail [KIND]      let the next message fail",
    "/trace            show or hide what each step did             /quit",
)
_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_KEYS = re.compile(r"[0-9*#]+")
_DURATION = re.compile(r"([0-9]{1,6}(?:\.[0-9]+)?)([smhd]?)")


@dataclass(frozen=True)
class Typed:
    """A line understood: something that happened, or a word to the player itself with its text or seconds."""

    word: str = ""
    text: str = ""
    seconds: float | None = None
    happening: Happening | None = None


def read_line(line: str, on_call: bool, choices: Mapping[str, str]) -> Typed:
    """What a line means; `choices` are the labels on offer and their ids.

    Raises: FlowError, a sentence with what can be typed instead.
    """
    line = line.rstrip("\r\n")
    if not line.startswith("/"):
        return Typed(happening=_spoken(line) if on_call else _written(line, choices), text=line)
    word, _, text = line[1:].partition(" ")
    text = text.strip()
    if word in {"help", "quit", "trace", "answer", "fail"}:
        return Typed(word, text)
    if word == "wait":
        return Typed(word, text, seconds=_seconds(text))
    if word == "run":
        return Typed(happening=FlowCalled(_inputs(text)))
    happening = _happening(word, text)
    if happening is None:
        raise FlowError(f"There is no /{word}; type /help for what there is.")
    return Typed(happening=happening)


def recorded(seconds: int) -> Recorded:
    """What the carrier tells of a caller who spoke so long after the beep, to whichever step records."""
    return Recorded("", url="simulated:recording" if seconds else "", seconds=seconds)


def _happening(word: str, text: str) -> Happening | None:
    if word == "key":
        return KeysPressed(digits=_keys(text))
    if word == "dial":
        return _dialled(text)
    if word == "record":
        return recorded(round(_seconds(text) or 0))
    simple: dict[str, Happening] = {
        "call": CallStarted("player", text, ""),
        "hangup": CallerHungUp(),
        "nothing": KeysPressed(),
        "say": KeysPressed(speech=text, confidence=1.0),
        "close": QueueLeft("closed", text),
        "assign": QueueLeft("assigned"),
    }
    return simple.get(word)


def _spoken(line: str) -> KeysPressed:
    if not line.strip():
        return KeysPressed()
    return KeysPressed(digits=line) if _KEYS.fullmatch(line) else KeysPressed(speech=line, confidence=1.0)


def _written(line: str, choices: Mapping[str, str]) -> MessageReceived:
    for label, choice in choices.items():
        if line.strip().casefold() in {label.casefold(), choice.casefold()}:
            return MessageReceived(label, choice=choice)
    return MessageReceived(line)


def _keys(text: str) -> str:
    if not _KEYS.fullmatch(text):
        raise FlowError("Keys are digits, * and #, such as /key 12#.")
    return text


def _dialled(text: str) -> DialEnded:
    outcomes: tuple[str, ...] = get_args(get_type_hints(DialEnded)["outcome"])
    outcome = next((one for one in outcomes if one == (text or "completed").replace("_", "-")), None)
    if outcome is None:
        raise FlowError(f"A forward ends {', '.join(outcomes)}; type one of them after /dial.")
    return DialEnded(outcome)  # type: ignore[arg-type]  # it is one of the Literal's own words


def _inputs(text: str) -> dict[str, Value]:
    try:
        data = json.loads(text or "{}")
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise FlowError('Inputs are an object, such as /run {"order": "A-17"}.')
    return {name: from_plain(value) for name, value in data.items()}


def _seconds(text: str) -> float | None:
    if not text:
        return None
    match = _DURATION.fullmatch(text.replace(" ", ""))
    if match is None:
        raise FlowError("A time is a number with s, m, h or d, such as /wait 10m.")
    return float(match[1]) * _UNITS[match[2] or "s"]
