"""The pages for people: whatever stands in an address or a form, somebody gets a page, and never a broken one."""

import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from app.config import Settings
from app.web.screens import BLUEPRINTS, SCREENS
from tests.app.people_house import PeopleHouse, link_in, people_house

OPEN = {blueprint.name for blueprint in BLUEPRINTS}
PAGES = OPEN | {screens.blueprint.name for screens in SCREENS}
FORM = "application/x-www-form-urlencoded"
PLACES = ["1", "0", "9" * 16, "9" * 25, "%00", "%ED%A0%80", "%F0%9F%98%80", "x" * 3_000]
QUESTIONS = ["after", "who", "done", "next", "%ED%A0%80"]
TEXTS = [
    "", "-1", "9" * 16, "9" * 25, "9" * 5_000, "%C2%B2", "%00", "a%0D%0ASet-Cookie:%20b=c", "%ED%A0%80", "%E2%80%AEx",
]  # fmt: skip
"""As addresses and forms hold them."""
FIELDS = ("email", "name", "password", "present", "role", "scope", "next")
USUAL = {"email": "eva@example.com", "role": "agent", "scope": "read_flows"}


@pytest.fixture
def house(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[PeopleHouse]:
    """Where looking at a password takes no time."""
    for module in ("sign_in", "account"):
        monkeypatch.setattr(f"app.web.screens.{module}.is_right", lambda stored, _: stored is not None)
    for module in ("joining", "account"):
        monkeypatch.setattr(f"app.web.screens.{module}.hashed", lambda _: "a hash")
    monkeypatch.setattr("app.web.screens.sign_in.is_outdated", lambda _: False)
    with people_house(settings) as found:
        yield found


def doors(client: FlaskClient, method: str) -> list[Rule]:
    """The rules of all pages that take this method."""
    rules = [rule for rule in client.application.url_map.iter_rules() if method in (rule.methods or ())]
    return [rule for rule in rules if rule.endpoint.partition(".")[0] in PAGES]


def at(rule: Rule, place: str) -> str:
    """An address of the rule with this in its place."""
    return re.sub(r"<[^>]*>", lambda _: place, rule.rule)


def is_well(answer: TestResponse, where: object) -> None:
    """Whoever sent it gets a page, or is led to one."""
    assert answer.status_code in {200, 303, 401, 403, 404, 409, 410, 413, 422, 429}, (where, answer.text)
    assert "b=c" not in str(answer.headers.getlist("Set-Cookie")), where
    assert answer.headers.get("Location", "/").startswith("/"), where


def test_every_page_stands_every_place_and_question(house: PeopleHouse) -> None:
    ada = house.signed_in("ada").client
    found = doors(ada, "GET")
    assert len(found) > 8
    for rule in found:
        for place in PLACES if rule.arguments else []:
            is_well(ada.get(at(rule, place)), (rule.rule, place[:20]))
        for text in TEXTS:
            asked = "&".join(f"{name}={text}" for name in QUESTIONS)
            is_well(ada.get(f"{at(rule, '1')}?{asked}"), (rule.rule, text[:20]))


def test_every_form_stands_every_text(house: PeopleHouse) -> None:
    path = link_in(house.signed_in("ada").post("/people/invitations", email="jan@example.com", role="agent"))
    first = "/first/" + house.installation.lines[0].rpartition("/")[2]
    links = {"/invitation/<secret>": path, "/first/<secret>": first}
    for text in TEXTS:
        ada, stranger = house.signed_in("ada").client, house.browser().client
        csrf = ada.get("/api/v1/me").get_json()["csrf"]
        for rule in doors(ada, "POST"):
            client = stranger if rule.endpoint.partition(".")[0] in OPEN else ada
            for usual in ({}, USUAL):
                fields = {"csrf": csrf, **dict.fromkeys(FIELDS, text), **usual}
                body = "&".join(f"{name}={value}" for name, value in fields.items())
                for place in PLACES[1:] if rule.arguments and rule.rule not in links and not text else ["999"]:
                    if rule.rule != "/sign-out":
                        address = links.get(rule.rule) or at(rule, place)
                        is_well(client.post(address, data=body, content_type=FORM), (address[:40], text[:20]))
        assert ada.get("/account").status_code == 200
