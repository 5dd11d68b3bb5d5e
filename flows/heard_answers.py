"""What a caller pressed or said, read as the kind of answer wanted: its form, its type, and what it must meet."""

import re
from collections.abc import Mapping
from typing import Any

from flows.answer_kinds import ANSWER_KINDS, NotAccepted, read_answer
from flows.context import Context
from flows.event import KeysPressed, MessageReceived
from flows.form import Schema, advanced, length, record, text, variants
from flows.patterns import matches_pattern
from flows.values import Value, ValueType, to_text

HEARD_TYPES: Mapping[str, ValueType] = {
    "digits": "text",
    "text": "text",
    "number": "number",
    "date": "date",
    "phone": "text",
}
_PATTERN = advanced(length(text("Pattern", "A regular expression that all the digits must fit."), maximum=500))
HEARD: Schema = variants(
    "Kind of answer",
    "What is wanted, and what it must be like.",
    "kind",
    {
        "digits": ("Digits", record({"pattern": _PATTERN})),
        **{kind: ANSWER_KINDS[kind] for kind in ("text", "number", "date", "phone")},
    },
)
_BETWEEN_DIGITS = re.compile(r"[\s.,;()/-]+")
_KEYED_DATE = re.compile(r"([0-9]{2})([0-9]{2})([0-9]{4})")


def as_written(answer: Mapping[str, Any], heard: KeysPressed) -> str:
    """What was pressed or said as somebody would have written it: the star is a number's point, 21112026 a date."""
    if not heard.digits:
        said = heard.speech.strip()
        return said if answer["kind"] == "text" else said.rstrip(".,!?")
    match answer["kind"]:
        case "number":
            return heard.digits.replace("*", ".")
        case "date" if parts := _KEYED_DATE.fullmatch(heard.digits):
            return "/".join(parts.groups())
        case _:
            return heard.digits


def read_heard(context: Context, answer: Mapping[str, Any], written: str, fewest: int, most: int) -> Value:
    """The value of an answer; telephone numbers are read by the step, which knows their plans. Bounds are of digits.

    Raises:
        NotAccepted: it is none.
        ExpressionError, TooLarge, PatternError, PatternTimeout: the author's bounds cannot be worked out.
    """
    if answer["kind"] != "digits":
        return read_answer(context, answer, MessageReceived(written))
    digits = _BETWEEN_DIGITS.sub("", written)
    if not (digits.isascii() and digits.replace("*", "").replace("#", "").isdigit()):
        raise NotAccepted("These are no digits.")
    if len(digits) < fewest or (most and len(digits) > most):
        wanted = f"{fewest} to {most}" if most else f"at least {fewest}"
        raise NotAccepted(f"There are {len(digits)} digits; {wanted} are wanted.")
    if answer.get("pattern") and not matches_pattern(digits, answer["pattern"], whole=True):
        raise NotAccepted("The digits do not fit the pattern.")
    return digits


def read_out(kind: str, value: Value) -> str:
    """A value as a voice should say it: digits one by one, so that nobody hears a million instead."""
    written = to_text(value)
    return " ".join(written.lstrip("+")) if kind in {"digits", "phone"} else written
