"""Prints what commands say: names in files are strangers' words, and none of their escape sequences is obeyed."""

import re
from collections.abc import Iterable
from typing import Final

# Control characters but the line break, and those that turn the writing round: https://www.unicode.org/reports/tr9/
_HIDDEN: Final = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def say(lines: Iterable[str]) -> None:
    """Prints lines."""
    for line in lines:
        print(printable(line), flush=True)


def printable(text: str) -> str:
    """The text with a space for each character that a terminal would obey."""
    return _HIDDEN.sub(" ", text)
