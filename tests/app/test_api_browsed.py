"""The page of the API: every door with what it takes and answers, and what a person may read opens there."""

import html
import re

from app.config import Settings
from app.web.api import NOUNS
from tests.app.people_house import people_house


def test_the_api_is_browsed_on_a_page_and_what_a_person_may_read_opens_there(sqlite_url: str, redis_url: str) -> None:
    settings = Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})
    with people_house(settings) as house:
        browser = house.signed_in("eve", "agent")
        page = html.unescape(browser.get("/api").text.replace("<wbr>", ""))
        doors = [door for noun in NOUNS for door in noun.doors]
        assert "<code>members</code>" in page, "what a door answers is told"
        missing = [door.address for door in doors if f"{door.method} {door.address}</code>" not in page]
        assert missing == []
        opened = {path: browser.get(path).status_code for path in re.findall(r'<a href="([^"]+)"><code>', page)}
        assert {"/api/v1/conversations", "/api/v1/openapi.json"} <= opened.keys()
        assert "/api/v1/audit" not in opened, "an agent may not read it"
        assert set(opened.values()) == {200}
