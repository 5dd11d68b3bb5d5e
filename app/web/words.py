"""The words of our own pages, from one catalogue per language: another language is another file, and no code."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from flask import Request

FOLDER: Final = Path(__file__).resolve().parent / "catalogues"
_FALLBACK: Final = "en"


def _of_english(count: int) -> str:
    return "one" if count == 1 else "other"


def _of_polish(count: int) -> str:
    if count == 1:
        return "one"
    return "few" if count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14} else "many"


def _of_russian(count: int) -> str:
    if count % 10 == 1 and count % 100 != 11:
        return "one"
    return "few" if count % 10 in {2, 3, 4} and count % 100 not in {12, 13, 14} else "many"


# https://www.unicode.org/cldr/charts/latest/supplemental/language_plural_rules.html, whole numbers
_PLURALS: Final[Mapping[str, Callable[[int], str]]] = {"en": _of_english, "pl": _of_polish, "ru": _of_russian}
_UNITS: Final = ((60, "minutes"), (3600, "hours"), (86_400, "days"))
_EXACT: Final = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True)
class Words:
    """One language. In templates it is `say`: `say("people.title")`, `say("people.count", n=3)`."""

    language: str
    texts: Mapping[str, str | Mapping[str, str]]

    def __call__(self, key: str, **values: Any) -> str:
        """The words of a key with the values in their places; `n` chooses among the forms of a number."""
        found = self.texts[key]
        if not isinstance(found, str):
            found = found[_PLURALS[self.language](int(values["n"]))]
        return found.format_map(values)

    def ago(self, at: datetime, present: datetime) -> str:
        """How long ago it was, such as “2 min ago”; a day after a month."""
        seconds = max(0, int((present - at).total_seconds()))
        if seconds < 60:
            return self("ago.now")
        if present - at > timedelta(days=30):
            return at.strftime("%Y-%m-%d")
        size, unit = next((size, unit) for size, unit in reversed(_UNITS) if seconds >= size)
        return self(f"ago.{unit}", n=seconds // size)

    def exact(self, at: datetime) -> str:
        """The instant itself."""
        return at.strftime(_EXACT)


def words_for(request: Request) -> Words:
    """The words in the language that the browser likes best among ours."""
    return words(request.accept_languages.best_match(languages()) or _FALLBACK)


@lru_cache(maxsize=1)
def languages() -> tuple[str, ...]:
    """Every language that has a catalogue."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.json")))


@lru_cache(maxsize=8)
def words(language: str) -> Words:
    """The catalogue of a language; what it lacks is said in English."""
    texts = json.loads((FOLDER / f"{_FALLBACK}.json").read_bytes())
    if language != _FALLBACK:
        texts |= json.loads((FOLDER / f"{language}.json").read_bytes())
    return Words(language, texts)
