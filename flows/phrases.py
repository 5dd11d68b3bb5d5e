"""Keyword matching: whether a text holds a phrase, and which row of a routing table its phrases choose.

Texts and phrases are compared word by word (`words`): capitals, white space, quotes and punctuation do not count, and
marks (ą, ł) only on wish. All phrases of a table are looked for at once (Aho-Corasick), so ten thousand cost as one.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import ahocorasick

from flows.errors import FlowError
from flows.patterns import PatternError, PatternTimeout, check_pattern, find_pattern, matches_pattern
from flows.words import Line, View, line_of, prepare_language, short_language, words_of

__all__ = [
    "Mode",
    "PatternError",
    "PatternTimeout",
    "Phrase",
    "PhraseError",
    "PhraseHit",
    "PhraseMatch",
    "PhraseRow",
    "PhraseTable",
    "contains_phrase",
    "matches_pattern",
    "prepare_language",
]

Mode = Literal["phrase", "word", "prefix", "inflected", "pattern"]

# Longer than this is a text, and would match nobody's message.
MAXIMUM_PHRASE = 200
# Each costs up to its own time limit on every message; phrases cost nothing.
MAXIMUM_PATTERNS = 50
# All patterns of a table together, so that a message never waits longer.
_PATTERNS_SECONDS = 0.5
_KEPT_PHRASES = 4_096

_Part = tuple[int, int]  # a phrase's number, and which of its parts


class PhraseError(FlowError):
    """A phrase that can match nothing, or a table that cannot be used."""


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words to look for.

    mode: phrase (these words side by side), word (each of them somewhere), prefix (side by side, the last may go on),
    inflected (side by side, in any form), pattern (a regular expression). language: whose base forms count; empty
    means the text's.
    """

    text: str
    mode: Mode = "phrase"
    fold_diacritics: bool = True
    language: str = ""


@dataclass(frozen=True, slots=True)
class PhraseRow:
    """A row of a routing table: it matches when one of any_of, each of all_of and none of none_of is in the text."""

    id: str
    any_of: tuple[Phrase, ...] = ()
    all_of: tuple[Phrase, ...] = ()
    none_of: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True)
class PhraseHit:
    """A phrase and where the text holds it (from, to); for one in pieces where the first is, and for a pattern where
    in the composed text (NFC)."""

    phrase: Phrase
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class PhraseMatch:
    """A row that matches, and the phrases that hit."""

    row: str
    hits: tuple[PhraseHit, ...]


class PhraseTable:
    """Rows in order, the first that matches wins; built once, asked for every message."""

    def __init__(self, rows: Sequence[PhraseRow]) -> None:
        self._rows = rows
        self._phrases: list[Phrase] = []
        self._members = [self._numbered(row) for row in rows]
        self._row_of = {number: at for at, groups in enumerate(self._members) for group in groups for number in group}
        self._parts = [_parts(phrase) for phrase in self._phrases]
        self._patterns = [number for number, phrase in enumerate(self._phrases) if phrase.mode == "pattern"]
        self._without_wish = [at for at, row in enumerate(rows) if row.none_of and not (row.any_of or row.all_of)]
        self._as_they_stand = self._automata("")
        self._by_language: dict[str, Mapping[View, ahocorasick.Automaton]] = {}

    @classmethod
    def compile(cls, rows: Sequence[PhraseRow], *, languages: Sequence[str] = ()) -> "PhraseTable":
        """The table; the dictionaries of the languages are read now where a phrase needs them.

        Raises:
            PhraseError: a phrase has no letters or is too long, a row has none, an id stands twice, or there are too
                many patterns.
            PatternError: a pattern is refused.
        """
        if len({row.id for row in rows}) < len(rows):
            raise PhraseError("Two rows of the table have the same id.")
        for row in rows:
            if not (row.any_of or row.all_of or row.none_of):
                raise PhraseError(f"The row {row.id} has no phrase, so it would never match.")
        phrases = [phrase for row in rows for phrase in (*row.any_of, *row.all_of, *row.none_of)]
        for phrase in phrases:
            _check(phrase)
        if sum(phrase.mode == "pattern" for phrase in phrases) > MAXIMUM_PATTERNS:
            raise PhraseError(f"A table has at most {MAXIMUM_PATTERNS} regular expressions; use phrases.")
        table = cls(rows)
        for language in languages:
            table._inflected(short_language(language))
        return table

    def match(self, text: str, language: str = "en") -> PhraseMatch | None:
        """The first row that matches, or None.

        Raises:
            PatternTimeout: a pattern took too long on this text.
        """
        return next(self._matching(text, language), None)

    def matches(self, text: str, language: str = "en") -> tuple[PhraseMatch, ...]:
        """Every row that matches, in order. Raises as match."""
        return tuple(self._matching(text, language))

    def _matching(self, text: str, language: str) -> Iterator[PhraseMatch]:
        hits = self._hits(text, short_language(language))
        for at in sorted({*self._without_wish, *(self._row_of[number] for number in hits)}):
            any_of, all_of, none_of = self._members[at]
            wanted = (not any_of or any(number in hits for number in any_of)) and all(n in hits for n in all_of)
            if wanted and not any(number in hits for number in none_of):
                found = tuple(hits[number] for number in (*any_of, *all_of) if number in hits)
                yield PhraseMatch(self._rows[at].id, found)

    def _hits(self, text: str, language: str) -> dict[int, PhraseHit]:
        words, spans = words_of(text)
        found: dict[int, dict[int, tuple[int, int]]] = defaultdict(dict)
        for view, automaton in (*self._as_they_stand.items(), *self._inflected(language).items()):
            line = line_of(words, view) if words else Line("", ())
            for last, (length, parts) in automaton.iter(line.text):
                first_word, last_word = line.words_at(last - length + 1, last)
                for number, part in parts:
                    found[number].setdefault(part, (spans[first_word][0], spans[last_word][1]))
        hits = {
            number: PhraseHit(self._phrases[number], *min(pieces.values()))
            for number, pieces in found.items()
            if len(pieces) == len(self._parts[number])
        }
        limit = _PATTERNS_SECONDS / max(len(self._patterns), 10)
        for number in self._patterns:
            span = find_pattern(text, self._phrases[number].text, timeout_seconds=limit)
            if span:
                hits[number] = PhraseHit(self._phrases[number], *span)
        return hits

    def _numbered(self, row: PhraseRow) -> tuple[range, range, range]:
        starts = [len(self._phrases)]
        for group in (row.any_of, row.all_of, row.none_of):
            self._phrases.extend(group)
            starts.append(len(self._phrases))
        return range(starts[0], starts[1]), range(starts[1], starts[2]), range(starts[2], starts[3])

    def _inflected(self, language: str) -> Mapping[View, ahocorasick.Automaton]:
        """The automata of base forms for a text's language; made when first met, as dictionaries are large."""
        if language not in self._by_language:
            self._by_language[language] = self._automata(language)
        return self._by_language[language]

    def _automata(self, language: str) -> Mapping[View, ahocorasick.Automaton]:
        """One automaton per view: of all phrases as they stand, or of the inflected ones for a text's language."""
        needles: dict[View, dict[str, list[_Part]]] = defaultdict(lambda: defaultdict(list))
        for number, phrase in enumerate(self._phrases):
            if language and phrase.mode != "inflected":
                continue
            view = View(phrase.fold_diacritics, short_language(phrase.language) or language if language else "")
            for part, words in enumerate(self._parts[number]):
                line = line_of(words, view).text
                needles[view][line[:-1] if phrase.mode == "prefix" else line].append((number, part))
        return {view: _automaton(keys) for view, keys in needles.items()}


def contains_phrase(
    text: str, phrase: str, mode: Mode = "phrase", language: str = "en", *, fold_diacritics: bool = True
) -> bool:
    """Whether the text holds the phrase; a phrase without letters is in no text.

    Raises:
        PatternError, PatternTimeout: in mode pattern.
    """
    table = _single(phrase, mode, fold_diacritics)
    return table is not None and table.match(text, language) is not None


@lru_cache(maxsize=_KEPT_PHRASES)
def _single(phrase: str, mode: Mode, fold_diacritics: bool) -> PhraseTable | None:
    if mode != "pattern" and not words_of(phrase)[0]:
        return None
    return PhraseTable((PhraseRow("phrase", any_of=(Phrase(phrase, mode, fold_diacritics),)),))


def _parts(phrase: Phrase) -> list[list[str]]:
    """The runs of words that must all be in the text."""
    if phrase.mode == "pattern":
        return []
    words = words_of(phrase.text)[0]
    return [[word] for word in dict.fromkeys(words)] if phrase.mode == "word" else [words]


def _automaton(keys: Mapping[str, Sequence[_Part]]) -> ahocorasick.Automaton:
    automaton = ahocorasick.Automaton()
    for key, parts in keys.items():
        automaton.add_word(key, (len(key), parts))
    automaton.make_automaton()
    return automaton


def _check(phrase: Phrase) -> None:
    if phrase.mode == "pattern":
        check_pattern(phrase.text)
        return
    if len(phrase.text) > MAXIMUM_PHRASE:
        raise PhraseError(f"A phrase has at most {MAXIMUM_PHRASE} characters, not {len(phrase.text)}.")
    if not words_of(phrase.text)[0]:
        raise PhraseError(f"The phrase “{phrase.text}” has no letters or digits, so it would never match.")
