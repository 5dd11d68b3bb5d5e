"""What docs/api.md says each screen calls is in the API's own description."""

import re
from collections.abc import Iterator
from pathlib import Path

from app.web.api import NOUNS
from app.web.api.doors import PREFIX
from app.web.api.openapi import document

PAGE = Path(__file__).resolve().parents[2] / "docs" / "api.md"
SCREENS = ("editor", "numbers", "runs", "errors", "settings", "people", "credentials", "audit")


def actions() -> Iterator[tuple[str, str, list[str]]]:
    """screen, action and requests of every row of the page's table."""
    text = PAGE.read_text(encoding="utf-8").partition("## What the screens do")[2].partition("\n## ")[0]
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and len(cells) == 3 and not cells[0].startswith(("screen", "-")):
            yield cells[0], cells[1], re.findall(r"`([A-Z]+ /[^`]*)`", cells[2])


def test_every_action_of_a_screen_has_its_requests_and_every_request_is_there() -> None:
    described = {
        f"{method.upper()} {path.removeprefix(PREFIX)}"
        for path, methods in document(NOUNS)["paths"].items()
        for method in methods
    }
    rows = list(actions())
    assert set(SCREENS) <= {screen for screen, _, _ in rows}
    assert [action for _, action, requests in rows if not requests] == []
    assert {request for _, _, requests in rows for request in requests} - described == set()
