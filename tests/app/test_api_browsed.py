"""What docs/api.md says each screen calls is in the API's own description, which people browse on a page."""

import html
import re
from collections.abc import Iterator
from pathlib import Path

from app.config import Settings
from app.web.api import NOUNS
from app.web.api.doors import PREFIX
from app.web.api.openapi import document
from tests.app.people_house import people_house

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


def test_the_api_is_browsed_on_a_page_and_what_a_person_may_read_opens_there(sqlite_url: str, redis_url: str) -> None:
    settings = Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})
    with people_house(settings) as house:
        browser = house.signed_in("eve", "agent")
        page = html.unescape(browser.get("/api").text.replace("<wbr>", ""))
        doors = [door for noun in NOUNS for door in noun.doors]
        missing = [door.address for door in doors if f"{door.method} {door.address}</code>" not in page]
        assert missing == []
        opened = {path: browser.get(path).status_code for path in re.findall(r'<a href="([^"]+)"><code>', page)}
        assert {"/api/v1/conversations", "/api/v1/openapi.json"} <= opened.keys()
        assert "/api/v1/audit" not in opened, "an agent may not read it"
        assert set(opened.values()) == {200}
