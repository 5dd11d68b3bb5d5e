"""What lets somebody in: a password, a cookie, a link, a token. Each was used, and stands in no table and no log."""

import logging
import re

import pytest
from sqlalchemy import inspect, text
from structlog.testing import capture_logs

from app.config import Settings
from app.scrubbing import Scrubber
from tests.app.people_house import PASSWORD, PeopleHouse, link_in, people_house

NEW_PASSWORD = "another-canary-7f3a9c"
HOOK_SECRET = "hook-canary-7f3a9c"


def _tables(house: PeopleHouse) -> dict[str, str]:
    with house.installation.house.database.reading() as session:
        found = {}
        for table in inspect(session.get_bind()).get_table_names():
            rows = session.execute(text(f'SELECT * FROM "{table}"')).all()  # noqa: S608 - names of our own tables
            found[table] = "\n".join(_words(value) for row in rows for value in row)
    return found


def _words(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


def test_what_lets_somebody_in_is_found_nowhere(
    sqlite_url: str, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})
    with people_house(settings) as house, capture_logs() as lines:
        owner = house.signed_in("ada")
        invitation = link_in(owner.post("/people/invitations", email="jan@example.com", role="agent"))
        jan = house.browser()
        assert jan.client.post(invitation, data={"name": "Jan", "password": PASSWORD}).status_code == 303
        link = link_in(owner.post(f"/people/{house.person_number('jan')}/password-link"))
        assert jan.client.post(link, data={"password": NEW_PASSWORD}).status_code == 303
        token = re.search(r"pb_[\w-]{43}", owner.post("/tokens", name="canary", scope="read_settings").text)
        cookies = [browser.client.get_cookie("patchbay") for browser in (owner, jan)]
        assert token is not None
        assert all(cookies)
        csrf = {"X-CSRF-Token": owner.client.get("/api/v1/me").get_json()["csrf"]}
        wanted = {"name": "pay", "kind": "webhook", "settings": {"key": "id"}, "secrets": {"secret": HOOK_SECRET}}
        assert owner.client.post("/api/v1/connections", json=wanted, headers=csrf).status_code == 201
        refused = owner.client.post("/hooks/pay/events", json={"id": 1}, headers={"X-Signature": "0" * 64})
        shown = owner.client.get("/api/v1/connections", headers={"Authorization": f"Bearer {token[0]}"})
        secrets = [PASSWORD, NEW_PASSWORD, HOOK_SECRET, token[0], *(one.value for one in cookies if one is not None)]
        secrets += [path.rpartition("/")[2] for path in (invitation, link)]
        places = {**_tables(house), "the log": f"{lines}\n{caplog.text}", "refused": refused.text, "list": shown.text}
    assert (refused.status_code, shown.status_code, len(lines) > 10) == (403, 200, True)
    hide = Scrubber(secrets).scrub
    assert [place for place, words in places.items() if hide(words) != words] == []
    assert hide(f"/invitation/{secrets[-2]}") == "/invitation/•••", "it would not be found anywhere"
