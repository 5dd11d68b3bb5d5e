"""The words of the pages: every key has some, numbers take the right form, and time is told as people tell it."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from app.accounts.roles import SCOPES, Role
from app.web import words as module
from app.web.screens.frame import NAVIGATION
from app.web.words import FOLDER, Words, languages, words

TEMPLATES = FOLDER.parent / "templates"
PRESENT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)


def test_every_key_of_a_template_has_words() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.glob("*.html"))
    keys = set(re.findall(r"""say\(["']([a-z_.]+)["'][,)]""", text))
    assert len(keys) > 60
    assert sorted(keys - set(words("en").texts)) == []


def test_every_role_scope_and_place_has_words() -> None:
    wanted = [f"role.{role}" for role in Role] + [f"role.{role}.help" for role in Role]
    wanted += [f"scope.{scope}" for scope in SCOPES]
    wanted += [key for place in NAVIGATION for key in (f"nav.{place.key}", f"start.{place.key}.text")]
    wanted += [f"{kind}.{part}" for kind in ("first", "invitation", "password") for part in ("title", "text", "do")]
    assert [key for key in wanted if key not in words("en").texts] == []


def test_every_language_says_no_more_than_english_and_has_its_plurals() -> None:
    for language in languages():
        assert set(words(language).texts) == set(words("en").texts)
        assert language in module._PLURALS


COUNTS = [
    ("en", {1: "one", 0: "other", 2: "other", 21: "other"}),
    ("pl", {1: "one", 2: "few", 5: "many", 12: "many", 21: "many", 22: "few", 112: "many"}),
    ("ru", {1: "one", 2: "few", 5: "many", 11: "many", 21: "one", 22: "few", 111: "many"}),
]


@pytest.mark.parametrize(("language", "forms"), COUNTS)
def test_a_number_takes_the_form_of_its_language(language: str, forms: dict[int, str]) -> None:
    say = Words(language, {"it": {"one": "one", "few": "few", "many": "many", "other": "other"}})
    assert {count: say("it", n=count) for count in forms} == forms


AGES = [
    (timedelta(seconds=-5), "just now"),
    (timedelta(seconds=59), "just now"),
    (timedelta(seconds=60), "1 min ago"),
    (timedelta(minutes=59), "59 min ago"),
    (timedelta(hours=3), "3 h ago"),
    (timedelta(days=1), "1 day ago"),
    (timedelta(days=30), "30 days ago"),
    (timedelta(days=31), "2026-10-22"),
]


@pytest.mark.parametrize(("age", "told"), AGES)
def test_how_long_ago_something_was(age: timedelta, told: str) -> None:
    assert words("en").ago(PRESENT - age, PRESENT) == told


def test_values_are_never_read_as_places_for_others() -> None:
    assert words("en")("start.title", name="{n} {0}") == "Hello, {n} {0}"
