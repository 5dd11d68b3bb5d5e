"""The page of the API lists what each screen does with its requests: each is a door, and no door is without its use."""

import re
from pathlib import Path
from typing import Any

from app.web.api import NOUNS
from app.web.api.doors import PREFIX
from app.web.api.openapi import document

PAGE = Path(__file__).resolve().parents[1] / "docs" / "api.md"
SCREENS = ("editor", "numbers", "runs", "errors", "settings", "people", "credentials", "audit", "desk")
REQUEST = re.compile(r"`((?:GET|POST|PUT|PATCH|DELETE) /[^`]*)`")


def section() -> str:
    """What the page says about screens."""
    text = PAGE.read_text(encoding="utf-8")
    return text[text.index("## What the screens do") : text.index("## All doors")]


def described() -> set[str]:
    """Every request of the OpenAPI document."""
    paths: dict[str, dict[str, Any]] = document(NOUNS)["paths"]
    return {
        f"{method.upper()} {path.removeprefix(PREFIX)}" for path, operations in paths.items() for method in operations
    }


def rows() -> list[list[str]]:
    """Screen, action and requests of each row."""
    lines = [line for line in section().splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:] if not line.startswith("|---")]


def test_every_screen_has_its_actions_and_every_action_its_requests() -> None:
    assert {row[0] for row in rows()} == set(SCREENS)
    assert [row for row in rows() if len(row) != 3 or not row[1] or not REQUEST.findall(row[2])] == []
    named = [(screen, action) for screen, action, _ in rows()]
    assert len(named) == len(set(named))


def test_the_requests_of_the_screens_are_those_of_the_description() -> None:
    told = set(REQUEST.findall(section()))
    assert sorted(told - described()) == []
    missing = sorted(described() - told)
    assert missing == [], f"Say on {PAGE.name} which screen asks {missing}, or that only programs do."
