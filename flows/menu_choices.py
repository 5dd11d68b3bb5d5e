"""The choices of a menu: the field in which an author lists them, the exit of each, and which one a caller means."""

from collections.abc import Mapping
from typing import Any

from flows.event import KeysPressed
from flows.form import Schema, choice, exit_id, record, rows, text, unique
from flows.phrases import contains_phrase

KEYS: Mapping[str, str] = {"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "6": "6", "7": "7", "8": "8", "9": "9"} | {
    "0": "0",
    "*": "star",
    "#": "hash",
}

CHOICE: Schema = record(
    {
        "key": choice(
            "Key", "The key that chooses this; leave it out where only speech does.", {key: key for key in KEYS}
        ),
        "id": exit_id("Name of the exit", "The exit of a choice without a key, such as sales."),
        "label": text("Label", "What this choice is, for the people who read the flow.", default=""),
        "phrases": unique(
            rows(
                "Spoken phrases",
                "Words that choose this when the caller says them, such as “sales”.",
                text("Phrase", "What the caller says.", pattern=r"\S", says="a word or more"),
                maximum=50,
            )
        ),
    },
)


def exit_of(row: Mapping[str, Any]) -> str:
    """The exit of a choice: its key's, else its own name."""
    return f"key_{KEYS[row['key']]}" if row.get("key") in KEYS else str(row.get("id", ""))


def chosen(config: Mapping[str, Any], happened: KeysPressed, language: str) -> Mapping[str, Any] | None:
    """The choice that a key or the caller's words mean; None when they mean none."""
    rows, mode = config["choices"], config["mode"]
    if happened.digits:
        return next((row for row in rows if row.get("key") == happened.digits), None)
    said = happened.speech
    return next(
        (row for row in rows for phrase in row.get("phrases", ()) if contains_phrase(said, phrase, mode, language)),
        None,
    )
