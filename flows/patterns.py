"""Authors' regular expressions: checked before they are compiled, and matched within a time limit.

A pattern can harm twice. While it is compiled, nested repetitions are written out (`((a{1000}){1000}){1000}` eats all
memory: tried); so what a pattern would grow to is worked out first, and what cannot be foreseen is refused. While it
is matched, it may try for ever; so the engine (`regex`) gets a time limit.
"""

import re
import unicodedata
from functools import lru_cache

import regex

from flows.errors import FlowError

# A pattern longer than this is a program, and nobody can check it.
MAXIMUM_PATTERN = 1_000
TIME_LIMIT_SECONDS = 0.05
# Compiled, 20,000 parts are some 6 MB and 6 ms.
_MOST_PARTS = 20_000
_DEEPEST_GROUPS = 50

_ESCAPE = re.compile(r"\\(?:[pPNgxuU](?:\{[^}]*\}|<[^>]*>)|.)", re.DOTALL)
_CLASS = re.compile(r"\[\^?\]?(?:\\.|[^\]\\])*\]", re.DOTALL)
_REPETITION = re.compile(r"(?:\*|\?|\+|\{(?P<least>\d{0,9})(?:,\d{0,9})?\})[?+]?")
_GROUP = re.compile(r"\((?:\?(?:[:=!>|]|<[=!]|P?<[^\W\d]\w*>|(?=P=\w+\))|-?[ims]+(?:-[ims]+)?[:)]))?")
_REFUSED_ESCAPES = frozenset("L")


class PatternError(FlowError):
    """A regular expression is not written as one, or is not allowed."""


class PatternTimeout(FlowError):
    """A regular expression took longer than its time limit on this text."""


def matches_pattern(
    text: str, pattern: str, *, exact: bool = False, whole: bool = False, timeout_seconds: float = TIME_LIMIT_SECONDS
) -> bool:
    """Whether the pattern fits somewhere in the text, or the whole text; capitals count only if exact.

    The text is composed (NFC) and, unless exact, trimmed.

    Raises:
        PatternError: the pattern is refused.
        PatternTimeout: it took longer than the limit.
    """
    return find_pattern(text, pattern, exact=exact, whole=whole, timeout_seconds=timeout_seconds) is not None


def find_pattern(
    text: str, pattern: str, *, exact: bool = False, whole: bool = False, timeout_seconds: float = TIME_LIMIT_SECONDS
) -> tuple[int, int] | None:
    """As matches_pattern: where in the composed text the pattern first fits (from, to), or None."""
    compiled = _compiled(pattern, exact)
    composed = unicodedata.normalize("NFC", text)
    inside = composed if exact else composed.strip()
    shift = 0 if exact else len(composed) - len(composed.lstrip())
    try:
        found = (compiled.fullmatch if whole else compiled.search)(inside, timeout=timeout_seconds)
    except TimeoutError as error:
        raise PatternTimeout(
            f"The regular expression “{_short(pattern)}” took longer than {timeout_seconds * 1_000:.0f} ms; "
            "repetitions inside repetitions are the usual reason."
        ) from error
    return (found.start() + shift, found.end() + shift) if found else None


def check_pattern(pattern: str) -> None:
    """Raises PatternError when the pattern would be refused."""
    _compiled(pattern, exact=False)


def fault_of(pattern: str) -> str:
    """Why the pattern would be refused, as a sentence; empty when it would not."""
    try:
        check_pattern(pattern)
    except PatternError as fault:
        return str(fault)
    return ""


@lru_cache(maxsize=1_024)
def _compiled(pattern: str, exact: bool) -> "regex.Pattern[str]":
    composed = unicodedata.normalize("NFC", pattern)
    _check_growth(composed)
    flags = regex.VERSION0 if exact else regex.VERSION0 | regex.IGNORECASE | regex.FULLCASE
    try:
        return regex.compile(composed, flags)
    except (regex.error, ValueError, OverflowError, RecursionError) as error:
        raise PatternError(f"“{_short(pattern)}” is not a regular expression: {error}.") from error


def _check_growth(pattern: str) -> None:
    """Adds up what the pattern's parts grow to when repetitions are written out."""
    if len(pattern) > MAXIMUM_PATTERN:
        raise PatternError(f"A regular expression has at most {MAXIMUM_PATTERN:,} characters.")
    sizes = [0]  # of the open groups, the innermost last
    at = last = 0  # last: the size of what a repetition would repeat
    while at < len(pattern):
        letter = pattern[at]
        if letter in "*?+{":
            at, copies = _repetition(pattern, at)
            sizes[-1] += last * copies
            last += last * copies
        elif letter == "(":
            at, opens = _group(pattern, at)
            sizes.extend([1] if opens else [])
            last = 0
        elif letter == ")":
            if len(sizes) == 1:
                raise PatternError(f"“{_short(pattern)}” has a closing bracket without an opening one.")
            last = sizes.pop()
            sizes[-1] += last
            at += 1
        else:
            at, last = _single(pattern, at), 1
            sizes[-1] += 1
        if sizes[-1] > _MOST_PARTS or len(sizes) > _DEEPEST_GROUPS:
            raise PatternError(f"“{_short(pattern)}” grows too large: it repeats repetitions, or nests too deep.")


def _repetition(pattern: str, at: int) -> tuple[int, int]:
    """Where the repetition ends, and how many further copies of its part it needs at least."""
    found = _REPETITION.match(pattern, at)
    if not found:
        raise PatternError("A brace stands for itself only with a backslash before it: \\{.")
    least = found["least"]
    return found.end(), int(least or 0) if found[0][0] == "{" else int(found[0][0] == "+")


def _group(pattern: str, at: int) -> tuple[int, bool]:
    """Where the group's inside begins, and whether it is a group at all (flags alone are none)."""
    found = _GROUP.match(pattern, at)
    if not found or (found[0] == "(" and pattern.startswith("(?", at)):
        raise PatternError(f"Groups that begin with “{pattern[at : at + 3]}” are not allowed in a regular expression.")
    return found.end(), not found[0].endswith(")")


def _single(pattern: str, at: int) -> int:
    """Where the letter, escape or class ends."""
    if pattern[at] == "[":
        found = _CLASS.match(pattern, at)
        if not found:
            raise PatternError(f"“{_short(pattern)}” has a [ without its ].")
        return found.end()
    if pattern[at] == "\\":
        found = _ESCAPE.match(pattern, at)
        if not found or found[0][1] in _REFUSED_ESCAPES:
            raise PatternError(f"“{_short(pattern)}” has a backslash that stands for nothing.")
        return found.end()
    return at + 1


def _short(pattern: str) -> str:
    return pattern if len(pattern) <= 60 else pattern[:60] + "…"
