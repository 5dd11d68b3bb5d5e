"""A text as words that can be compared: composed, without capitals, without marks on wish, or as base forms."""

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

import regex
import simplemma

# A word is letters, digits and their marks; every other visible sign (😀, €, +) is a word of its own, and so is each
# letter of a writing without spaces, where a phrase is a run of letters. Punctuation and white space only divide. Signs
# that nobody sees (soft hyphen, joiners) belong to the word they stand in, but U+200B divides.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = regex.compile(
    rf"[{_UNSPACED}]\p{{M}}*"
    rf"|[[\p{{L}}\p{{N}}]--[{_UNSPACED}]][[\p{{L}}\p{{N}}\p{{M}}\p{{Cf}}]--[{_UNSPACED}\u200b]]*"
    r"|[\p{So}\p{Sm}\p{Sc}]",
    regex.VERSION1,
)
_UNSEEN = regex.compile(r"[\p{Cf}\ufe00-\ufe0f]")
# Marks that people leave out: on Latin and Greek letters, the stress on Cyrillic vowels, the vowel points of Hebrew and
# Arabic. Elsewhere (Hindi) marks are letters, and й is not и.
_MARKS = regex.compile(
    r"(?<=[\p{Latin}\p{Greek}]\p{M}*)\p{M}"
    r"|(?<=[аеиоуыэюя])[\u0300\u0301]"
    r"|[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u0652\u0670]"
)
# Letters whose stroke is no mark that Unicode could take off; and ё, which most people write as е.
_UNMARKED = str.maketrans({"ł": "l", "đ": "d", "ø": "o", "ħ": "h", "ŧ": "t", "ı": "i", "æ": "ae", "œ": "oe", "ё": "е"})
_KEPT_WORDS = 65_536


@dataclass(frozen=True, slots=True)
class View:
    """How words are looked at: with or without marks, and as they stand or as a language's base forms."""

    folded: bool = True
    language: str = ""  # empty: as they stand


@dataclass(frozen=True, slots=True)
class Line:
    """Words in one line with a space around each, ` nie działa `, so that a search for words is one for letters."""

    text: str
    spaces: Sequence[int]  # per word: the place of the space before it

    def words_at(self, first: int, last: int) -> tuple[int, int]:
        """The first and the last word between two places of the line."""
        return bisect_right(self.spaces, first) - 1, bisect_left(self.spaces, last) - 1


def words_of(text: str) -> tuple[list[str], list[tuple[int, int]]]:
    """The words of a text as they stand, and where (from, to)."""
    found = list(_WORD.finditer(text))
    return [word[0] for word in found], [word.span() for word in found]


def line_of(words: Sequence[str], view: View) -> Line:
    """The words in one line, as the view shows them."""
    shown = [_shown(word, view) for word in words]
    return Line(f" {' '.join(shown)} ", list(accumulate((len(word) + 1 for word in shown[:-1]), initial=0)))


def short_language(language: str) -> str:
    """The language without its region: pl for pl-PL."""
    return language.replace("_", "-").partition("-")[0].lower()


def prepare_language(language: str) -> None:
    """Reads the dictionary of a language, which takes a second or two, before a message has to wait for it."""
    _base("prepare", short_language(language))


def _shown(word: str, view: View) -> str:
    shown = _base(_plain(word), view.language) if view.language else _plain(word)
    return _without_marks(shown) if view.folded and not shown.isascii() else shown


@lru_cache(maxsize=_KEPT_WORDS)
def _plain(word: str) -> str:
    if word.isascii():
        return word.lower()
    seen = _UNSEEN.sub("", unicodedata.normalize("NFC", word))
    return unicodedata.normalize("NFC", seen.casefold())


@lru_cache(maxsize=_KEPT_WORDS)
def _without_marks(word: str) -> str:
    bare = _MARKS.sub("", unicodedata.normalize("NFD", word))
    return unicodedata.normalize("NFC", bare).translate(_UNMARKED)


@lru_cache(maxsize=_KEPT_WORDS)
def _base(word: str, language: str) -> str:
    try:
        # The dictionary as a stream: 50 MB and 4 µs a word for Polish, where the other form takes 400 MB.
        lemma = simplemma.lemmatize(word, lang=language, low_memory=True)
    except ValueError:  # a language it does not know: the word stands for itself
        return word
    return "".join(_plain(lemma).split()) or word
