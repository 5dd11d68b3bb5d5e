"""Data from outside held against an author's schema: what it says holds, and nothing in it takes for ever."""

import time
from typing import Any

import pytest

from flows.outside_data import data_faults

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


def test_five_thousand_items_that_must_differ_keep_nobody_waiting() -> None:
    began = time.thread_time()
    assert data_faults({"type": "array", "uniqueItems": True}, [{"a": at} for at in range(5_000)]) == []
    assert time.thread_time() - began < 2
