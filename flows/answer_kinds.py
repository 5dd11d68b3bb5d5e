"""The kinds of answer a question can want: the form of each, its variable's type, and what an answer must meet."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from flows.answers import read_date, read_email, read_number, read_place
from flows.context import Context
from flows.event import MessageReceived
from flows.form import (
    Schema,
    advanced,
    choice,
    exit_id,
    length,
    localised,
    number,
    record,
    rows,
    text,
    unique,
    value,
    variants,
    whole,
    yes_no,
)
from flows.patterns import matches_pattern
from flows.phrase_mode import PHRASE_MODE
from flows.phrases import contains_phrase
from flows.values import TypeMismatch, Value, ValueType, convert, same_text

ANSWER_TYPES: Mapping[str, ValueType] = {
    "text": "text",
    "number": "number",
    "date": "date",
    "email": "text",
    "phone": "text",
    "choice": "text",
    "location": "object",
    "media": "list",
}
_LONGEST_TEXT = 20_000

_CHOICE = record(
    {
        "id": exit_id("Name of the exit", "The exit this choice takes, such as sales; the variable gets it too."),
        "label": localised("Label", "What the contact reads on the button or in the list."),
        "phrases": unique(
            rows(
                "Other words",
                "Words in an answer that choose this too, such as “invoice”.",
                text("Words", "A word or phrase.", pattern=r"\S", says="a word or more"),
                maximum=50,
            )
        ),
    },
    required=["id", "label"],
)
_DATES = {"day": "21/11/2026", "month": "11/21/2026"}
_FILES = {"any": "Any file", "image": "A picture", "audio": "A sound", "video": "A video", "application": "A document"}

ANSWER_KINDS: Mapping[str, tuple[str, Schema]] = {
    "text": (
        "Text",
        record(
            {
                "shortest": whole("Shortest", "Fewer characters are not accepted.", 1, _LONGEST_TEXT, default=1),
                "longest": whole(
                    "Longest", "More characters are not accepted.", 1, _LONGEST_TEXT, default=_LONGEST_TEXT
                ),
                "pattern": advanced(
                    length(text("Pattern", "A regular expression that the whole answer must fit."), maximum=500)
                ),
            }
        ),
    ),
    "number": (
        "Number",
        record(
            {
                "minimum": number("Smallest", "Smaller numbers are not accepted."),
                "maximum": number("Largest", "Larger numbers are not accepted."),
                "whole": yes_no("Whole numbers only", "Whether 2.5 is refused.", default=False),
            }
        ),
    ),
    "date": (
        "Date",
        record(
            {
                "earliest": value("Earliest", "The first day accepted, such as 2026-01-31 or {{ now }}."),
                "latest": value("Latest", "The last day accepted."),
                "order": choice("Order", "How a date with slashes is read.", _DATES, default="day"),
            }
        ),
    ),
    "email": ("E-mail address", record({})),
    "phone": (
        "Telephone number",
        record(
            {
                "country": text(
                    "Country",
                    "Reads numbers without +; two letters such as PL. Empty means the contact's own country.",
                    default="",
                    pattern="^([A-Z]{2})?$",
                    says="two capital letters such as PL",
                )
            }
        ),
    ),
    "choice": (
        "One of several",
        record(
            {
                "choices": rows("Choices", "Each choice is an exit.", _CHOICE, minimum=1, maximum=40),
                "mode": PHRASE_MODE,
            },
            required=["choices"],
        ),
    ),
    "location": ("Place", record({})),
    "media": (
        "File",
        record({"files": choice("Files", "What kind of file is accepted.", _FILES, default="any")}),
    ),
}
ANSWER: Schema = variants("Answer", "What kind of answer is wanted, and what it must be like.", "kind", ANSWER_KINDS)


class NotAccepted(Exception):
    """An answer that does not fit; the text is a sentence for the trace."""


def read_answer(context: Context, answer: Mapping[str, Any], message: MessageReceived) -> Value:
    """What a message says, as the answer wanted; telephone numbers are read by the step, which knows their plans.

    Raises:
        NotAccepted: it says something else.
        ExpressionError, TooLarge, PatternTimeout: the author's bounds cannot be worked out.
    """
    match answer["kind"]:
        case "text":
            return _text(answer, message.text.strip())
        case "number":
            return _number(answer, message.text, context.language)
        case "date":
            return _date(context, answer, message.text)
        case "choice":
            return _choice(context, answer, message)
        case "media":
            return _media(answer, message)
        case "email":
            return _found(read_email(message.text), "e-mail address")
        case _:
            return _found(read_place(message.text), "place")


def _found(value: Value, wanted: str) -> Value:
    if value is None:
        raise NotAccepted(f"This is no {wanted}.")
    return value


def _text(answer: Mapping[str, Any], words: str) -> Value:
    if not answer["shortest"] <= len(words) <= answer["longest"]:
        raise NotAccepted(
            f"The text has {len(words)} characters; {answer['shortest']} to {answer['longest']} are wanted."
        )
    if answer.get("pattern") and not matches_pattern(words, answer["pattern"], whole=True):
        raise NotAccepted("The text does not fit the pattern.")
    return words


def _number(answer: Mapping[str, Any], written: str, language: str) -> Value:
    found = read_number(written, language)
    if found is None:
        raise NotAccepted("This is no number.")
    if answer["whole"] and found != found.to_integral_value():
        raise NotAccepted("This is no whole number.")
    least, most = answer.get("minimum"), answer.get("maximum")
    if (least is not None and found < Decimal(str(least))) or (most is not None and found > Decimal(str(most))):
        raise NotAccepted("The number is out of its bounds.")
    return found


def _date(context: Context, answer: Mapping[str, Any], written: str) -> Value:
    found = read_date(written, month_first=answer["order"] == "month")
    if found is None:
        raise NotAccepted("This is no date.")
    first, last = (_bound(context, answer.get(name)) for name in ("earliest", "latest"))
    if (first and found < first) or (last and found > last):
        raise NotAccepted("The date is out of its bounds.")
    return found


def _bound(context: Context, source: str | None) -> date | None:
    try:
        bound = convert(context.value(source), "date") if source else None
    except TypeMismatch:
        return None
    return bound if isinstance(bound, date) else None


def _media(answer: Mapping[str, Any], message: MessageReceived) -> Value:
    wanted = answer["files"]
    fitting = [file for file in message.media if wanted == "any" or file.media_type.startswith(wanted + "/")]
    if not fitting:
        raise NotAccepted("No such file came with the message.")
    return [{"type": file.media_type, "name": file.name, "url": file.url} for file in fitting]


def _choice(context: Context, answer: Mapping[str, Any], message: MessageReceived) -> Value:
    """A pressed button, else the label, the position in the list, or a phrase; the earlier choice wins."""
    choices: Sequence[Mapping[str, Any]] = answer["choices"]
    words = message.text.strip()
    for row in choices:
        if message.choice == row["id"]:
            return str(row["id"])
    for position, row in enumerate(choices, 1):
        labels = [context.localised({context.language: label}) for label in row["label"].values()]
        if words == str(position) or any(same_text(words, label) for label in labels):
            return str(row["id"])
    for row in choices:
        if any(contains_phrase(words, phrase, answer["mode"], context.language) for phrase in row.get("phrases", ())):
            return str(row["id"])
    raise NotAccepted("This is none of the choices.")
