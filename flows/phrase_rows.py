"""Rows of phrases as an author writes them, and the table they make; for steps that route by words."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from flows.conditions import CONDITION
from flows.form import Schema, advanced, choice, exit_id, length, record, rows, text, unique, yes_no
from flows.phrases import MAXIMUM_PHRASE, PatternError, Phrase, PhraseError, PhraseRow, PhraseTable
from flows.step import Problem

_MODES = {
    "phrase": "These words side by side",
    "word": "Each of these words somewhere",
    "prefix": "Words that begin so",
    "inflected": "These words in any form",
    "pattern": "A regular expression",
}
_GROUPS = {"any": "any_of", "all": "all_of", "none": "none_of"}


def _phrases(title: str, help_text: str) -> Schema:
    one = length(text("Words", "Such as nie działa.", pattern=r"\S", says="a word or more"), maximum=MAXIMUM_PHRASE)
    return unique(rows(title, help_text, one, maximum=500))


ROW: Schema = record(
    {
        "id": exit_id("Name of the exit", "The exit this row takes, such as support."),
        "title": text("Title", "What the canvas shows; empty shows the name.", default=""),
        "any": _phrases("Any of", "One of these must be in the text."),
        "all": advanced(_phrases("All of", "Each of these must be in the text.")),
        "none": advanced(_phrases("None of", "None of these may be in the text.")),
        "mode": choice("Words match", "How the words are looked for.", _MODES, default="phrase"),
        "ignores_marks": advanced(
            yes_no("Ignores marks", "Whether dziala is found as działa; й always stays й.", default=True)
        ),
        "language": advanced(text("Language", "Of “these words in any form”; empty means the contact's.", default="")),
        "conditions": advanced(
            rows(
                "Only when", "What must be so besides, such as a channel, a language or an hour.", CONDITION, maximum=20
            )
        ),
    },
    required=["id"],
)


def table_of(config_rows: Sequence[Mapping[str, Any]]) -> PhraseTable:
    """The table of a config's rows, built once as long as the config is in memory.

    Raises: PhraseError, PatternError as `PhraseTable.compile`.
    """
    return _compiled(_Rows(config_rows))


def row_problems(config_rows: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    """Rows that are one exit, rows without phrases, and phrases and regular expressions that are none."""
    taken = {"otherwise", "failure"}
    for index, row in enumerate(config_rows):
        if row["id"] in taken:
            sentence = f"The exit {row['id']} exists already."
            yield Problem("exit_twice", f"rows.{index}.id", sentence, "Choose another name.")
            continue
        taken.add(row["id"])
        try:
            PhraseTable.compile([_row(row)])
        except PatternError as problem:
            yield Problem("bad_pattern", f"rows.{index}", str(problem), "Correct it.")
        except PhraseError as problem:
            yield Problem("bad_phrase", f"rows.{index}", str(problem), "Correct or remove it.")


class _Rows:
    """Rows that are equal only to themselves: comparing thousands of phrases would cost more than looking for them."""

    __slots__ = ("rows",)

    def __init__(self, config_rows: Sequence[Mapping[str, Any]]) -> None:
        self.rows = config_rows

    def __hash__(self) -> int:
        return len(self.rows)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Rows) and other.rows is self.rows


@lru_cache(maxsize=64)
def _compiled(key: _Rows) -> PhraseTable:
    return PhraseTable.compile([_row(row) for row in key.rows])


def _row(row: Mapping[str, Any]) -> PhraseRow:
    mode, folds, language = row.get("mode", "phrase"), row.get("ignores_marks", True), row.get("language", "")
    groups = {
        group: tuple(Phrase(phrase, mode, folds, language) for phrase in row.get(key, ()))
        for key, group in _GROUPS.items()
    }
    return PhraseRow(row["id"], **groups)
