"""Data from outside held against an author's schema: what it says holds, and nothing in it takes for ever."""

import time
from typing import Any

import pytest

from flows.outside_data import data_faults, schema_fault

UNIQUE: list[tuple[Any, bool]] = [
    ([1, 1], False),
    ([1, 1.0], False),
    ([{"a": 1, "b": [2]}, {"b": [2], "a": 1}], False),
    ([1, True], True),
    ([float("inf"), 1], True),
    ([0, False, None, "", [], {}], True),
    ("aa", True),
]


@pytest.mark.parametrize(("data", "fits"), UNIQUE)
def test_items_that_must_differ_are_compared_as_json(data: Any, fits: bool) -> None:
    assert (data_faults({"uniqueItems": True}, data) == []) is fits


MULTIPLE: list[tuple[Any, Any, bool]] = [
    (0.01, 19.99, True),
    (0.01, 19.999, False),
    (5, 10**399, True),
    (0.5, 10**399, True),
    (0.3, 10**399, False),
    (1e-300, 1e300, True),
    (0.01, float("inf"), False),
    (2, 3.0, False),
    (2, True, True),
    (2, "3", True),
]


@pytest.mark.parametrize(("of", "data", "fits"), MULTIPLE)
def test_a_multiple_is_one_as_it_is_written_however_large(of: Any, data: Any, fits: bool) -> None:
    assert (data_faults({"multipleOf": of}, data) == []) is fits


REFUSED = [
    ("$ref", "write out what it stands for"),
    ("$schema", "leave it out, the schema is read as draft 2020-12"),
    ("patternProperties", "name each property under “properties”"),
    ("unevaluatedProperties", "name all properties in one place, beside “additionalProperties”"),
    ("unevaluatedItems", "describe the items with “items”"),
]


@pytest.mark.parametrize(("word", "instead"), REFUSED)
def test_words_that_fetch_go_round_or_take_for_ever_are_refused_with_what_to_write_instead(
    word: str, instead: str
) -> None:
    assert schema_fault({"anyOf": [{word: False}]}) == f"“{word}” cannot be used here: {instead}."


def test_five_thousand_items_that_must_differ_keep_nobody_waiting() -> None:
    began = time.thread_time()
    assert data_faults({"type": "array", "uniqueItems": True}, [{"a": at} for at in range(5_000)]) == []
    assert time.thread_time() - began < 2
