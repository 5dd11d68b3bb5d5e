"""Public holidays by country and subdivision, from the package `holidays` (https://github.com/vacanza/holidays)."""

from collections.abc import Mapping
from datetime import date
from functools import cache, lru_cache
from typing import Final

import holidays

# Else the package asks the machine's language for the names, and two machines would tell two names.
_LANGUAGE: Final = "en_US"


@cache
def subdivisions() -> Mapping[str, tuple[str, ...]]:
    """The countries whose holidays are known, each with the codes of its subdivisions."""
    return {code: tuple(inner) for code, inner in holidays.list_supported_countries(include_aliases=False).items()}


def holiday_name(country: str, subdivision: str, day: date) -> str:
    """The holiday a date is there, empty for a working day."""
    return _of_year(country, subdivision, day.year).get(day, "")


@lru_cache(maxsize=512)
def _of_year(country: str, subdivision: str, year: int) -> Mapping[date, str]:
    found = holidays.country_holidays(country, subdiv=subdivision or None, years=year, language=_LANGUAGE)
    return {day: name for day, name in found.items() if day.year == year}
