"""Documents of older formats come up one format at a time; nothing else about them changes."""

from collections.abc import Mapping
from typing import Any

import pytest

from flows.errors import DocumentError
from flows.upgrade import CURRENT_FORMAT, UPGRADES, upgrade

Document = Mapping[str, Any]


def _title_becomes_name(document: Document) -> Document:
    return {("name" if key == "title" else key): value for key, value in document.items()}


def _languages_appear(document: Document) -> Document:
    return {**document, "languages": ["en"]}


TABLE = {1: _title_becomes_name, 2: _languages_appear}


def test_an_old_document_goes_through_every_format_in_turn() -> None:
    old = {"format": 1, "title": "Calls"}
    assert upgrade(old, TABLE, 3) == {"format": 3, "name": "Calls", "languages": ["en"]}
    assert upgrade({"format": 2, "name": "Calls"}, TABLE, 3) == {"format": 3, "name": "Calls", "languages": ["en"]}
    assert old == {"format": 1, "title": "Calls"}


def test_a_document_of_the_current_format_is_left_alone() -> None:
    today = {"format": CURRENT_FORMAT, "name": "Calls"}
    assert upgrade(today) is today


def test_every_older_format_has_its_function() -> None:
    assert sorted(UPGRADES) == list(range(1, CURRENT_FORMAT))


@pytest.mark.parametrize(
    ("document", "code", "sentence"),
    [
        ({}, "missing_key", "missing"),
        ({"format": "1"}, "wrong_type", "whole number"),
        ({"format": True}, "wrong_type", "whole number"),
        ({"format": 0}, "unknown_format", "no format 0"),
        ({"format": -3}, "unknown_format", "no format -3"),
        ({"format": 4}, "unknown_format", "newer Patchbay"),
    ],
)
def test_a_format_nobody_knows_is_refused(document: Document, code: str, sentence: str) -> None:
    with pytest.raises(DocumentError, match=sentence) as caught:
        upgrade(document, TABLE, 3)
    assert (caught.value.path, caught.value.code) == ("format", code)
