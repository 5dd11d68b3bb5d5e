"""Authors' regular expressions: matched within a time limit, refused when they would grow too large."""

import random
import time

import pytest

from flows.patterns import PatternError, PatternTimeout, check_pattern, find_pattern, matches_pattern

MATCHES = [
    # pattern, text, fits somewhere, fits somewhere exactly, fits the whole
    (r"\d{3}", "ab 123", True, True, False),
    (r"^[a-z]+$", "  ABC ", True, False, True),
    (r"łódź", "ŁÓDŹ", True, False, True),
    (r"STRASSE", "straße", True, False, True),
    (r"caf\u00e9", "cafe\u0301", True, True, True),
    (r"a|ab", "ab", True, True, True),
    (r"(?i)x", "X", True, True, True),
    (r"(?:\+48)?[ -]?(\d{3}[ -]?){3}", "+48 600-100-200", True, True, True),
    (r"(?P<x>a)(?P=x)\1", "aaa", True, True, True),
    (r"[]a]+[^]]", "]ab", True, True, True),
    (r"\{\(\[", "{([", True, True, True),
    (r"\p{Lu}\p{Ll}+", "Łódź", True, True, True),
    (r"(?<=a)b(?!c)", "ab", True, True, False),
    ("", "anything", True, True, False),
]


@pytest.mark.parametrize(("pattern", "text", "somewhere", "exactly", "whole"), MATCHES)
def test_a_pattern_fits(pattern: str, text: str, somewhere: bool, exactly: bool, whole: bool) -> None:
    assert matches_pattern(text, pattern) is somewhere
    assert matches_pattern(text, pattern, exact=True) is exactly
    assert matches_pattern(text, pattern, whole=True) is whole


def test_the_place_is_counted_in_the_composed_text() -> None:
    assert find_pattern("  ab 12", r"\d+") == (5, 7)
    assert find_pattern("  ab 12", r"^\s*ab", exact=True) == (0, 4)
    assert find_pattern("ab", r"\d") is None


REFUSED = [
    "(",
    ")",
    "a)",
    "[a",
    "\\",
    "*a",
    "a**",
    "(?P<1>a)",
    r"\p{NoSuchThing}",
    r"(a)\2",
    "a{5",
    "a{99999999999}",
    "(a{1000}){1000}",
    "((((a{1000}){1000}){1000}){1000}){1000}b",
    "a{100000000}",
    "(?:" * 40 + "a" + "){1,9}" * 40,
    "(?:" * 40 + "a" + "){1,}" * 40,
    "(?:" * 40 + "a" + ")+" * 40,
    "(" * 51 + ")" * 51,
    "(" * 400,
    "(?R)",
    "(?1)",
    "(?&x)",
    "(?P>x)",
    "(?(1)a|b)",
    "(?#a comment)",
    "(?x) a",
    "(?V1)[[a-z]--[aeiou]]",
    "(?e)(?:abc)",
    "(?:abc){e<=2}",
    "(?:abc){e}",
    r"\L<names>",
    "a" * 1_001,
]


@pytest.mark.parametrize("pattern", REFUSED, ids=lambda pattern: pattern[:30])
def test_a_pattern_that_is_none_or_grows_too_large_is_refused_in_a_sentence(pattern: str) -> None:
    with pytest.raises(PatternError, match=r".+[.{]$"):
        check_pattern(pattern)
    with pytest.raises(PatternError):
        matches_pattern("a", pattern)


SLOW = [
    (r"(a|a)*$", "a" * 20_000 + "b"),
    (r"(\w+\s?)*$", "aaa " * 5_000 + "!"),
    (r"(?>a+)+b", "a" * 20_000),
    (r"(.*a){12}b", "a" * 20_000),
]


@pytest.mark.parametrize(("pattern", "text"), SLOW)
def test_a_pattern_that_takes_too_long_is_stopped(pattern: str, text: str) -> None:
    started = time.monotonic()
    with pytest.raises(PatternTimeout, match=r"took longer than 50 ms; .+\.$"):
        matches_pattern(text, pattern)
    assert time.monotonic() - started < 5


def test_random_patterns_are_matched_refused_or_stopped() -> None:
    source = random.Random(3)
    atoms = ["a", "b", ".", r"\d", "[a-c]", "(?=a)", "(?<=b)", r"\b", "^", "$", r"\1", "", "(?i)", r"\p{L}", "é", r"\X"]
    repetitions = ["*", "+", "?", "{2}", "{3,}", "{,4}", "{300}", "{0,999999999}", "*?", "++", "{2}+"]
    opening = ["(", "(?:", "(?>", "(?|", "(?P<x>", "(?=", "(?<=", "(?!", "(?-i:"]

    def grown(depth: int) -> str:
        if depth <= 0:
            return source.choice(atoms)
        kind = source.randrange(5)
        if kind <= 1:
            return source.choice(opening) + grown(depth - 1) + ")" + source.choice([*repetitions, "", "", "", ""])
        if kind == 2:
            return grown(depth - 1) + source.choice(["", "|"]) + grown(depth - 1)
        return source.choice(atoms) + source.choice(repetitions) + grown(depth - 1)

    outcomes = {"answered": 0, "refused": 0, "stopped": 0}
    for _ in range(1_500):
        pattern, slowest = grown(source.randrange(1, 8))[:900], 0.0
        started = time.thread_time()
        try:
            matches_pattern(source.choice(["ab" * 50 + "c", "a" * 40 + "b", "", "słowo " * 30]), pattern)
            outcomes["answered"] += 1
        except PatternError:
            outcomes["refused"] += 1
        except PatternTimeout:
            outcomes["stopped"] += 1
        slowest = max(slowest, time.thread_time() - started)
        assert slowest < 0.5, pattern
    assert outcomes["answered"] > 500
    assert outcomes["refused"] > 200
