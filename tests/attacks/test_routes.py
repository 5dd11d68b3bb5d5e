"""Nothing but the open doors answers without a token: every route of the application is walked."""

import io
import re
from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from app.config import Settings
from app.web import create_app
from app.web.api import NOUNS
from app.web.policy import Policy, policy_of
from tests.app.seeded import Seeded, seeded

OPEN_DOORS = ("/", "/hooks", "/chat", "/updates", "/static", "/files", "/first", "/live", "/ready")
"""DESIGN §5."""
WAYS_IN = ("/sign-in", "/invitation", "/password")
"""For people: signing in, and the links of one use."""
HOSTED = ("/forms",)
"""For customers of the site whose forms these are."""


@pytest.fixture
def house(settings: Settings) -> Iterator[Seeded]:
    with seeded(settings) as found:
        yield found


@pytest.fixture
def client(house: Seeded) -> FlaskClient:
    return create_app(house.house).test_client(use_cookies=False)


def rules(client: FlaskClient) -> list[Rule]:
    return list(client.application.url_map.iter_rules())


def address(rule: Rule) -> str:
    """An address of the rule, with something in each place."""
    return re.sub(r"<(\w+)(\([^)]*\))?:\w+>", "1", re.sub(r"<\w+>", "x", rule.rule))


def methods(rule: Rule) -> list[str]:
    return sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})


def test_every_route_has_a_policy(client: FlaskClient) -> None:
    assert [rule.rule for rule in rules(client) if policy_of(rule.rule) is None] == []


def test_only_the_open_doors_of_the_design_are_open(client: FlaskClient) -> None:
    closed = (Policy.TOKEN, Policy.SESSION)
    opened = {rule.rule for rule in rules(client) if policy_of(rule.rule) not in closed}
    assert {rule for rule in opened if f"/{rule.split('/')[1]}" not in (*OPEN_DOORS, *WAYS_IN, *HOSTED)} == set()


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({}, "token_missing"),
        ({"Authorization": "Bearer"}, "token_missing"),
        ({"Authorization": "Basic cGI6eA=="}, "token_missing"),
        ({"Authorization": "Bearer pb_wrong"}, "token_refused"),
        ({"Authorization": "Bearer " + "é" * 5_000}, "token_refused"),
    ],
)
def test_no_closed_door_answers_without_a_valid_token(client: FlaskClient, header: dict[str, str], code: str) -> None:
    closed = [rule for rule in rules(client) if policy_of(rule.rule) is Policy.TOKEN]
    assert len(closed) > 30
    encoded = {name: value.encode("utf-8").decode("latin-1") for name, value in header.items()}
    for rule in closed:
        for method in methods(rule):
            answer = client.open(address(rule), method=method, headers=encoded, json={"name": "x"})
            assert (answer.status_code, answer.get_json()["code"]) == (401, code), (method, rule.rule)
            assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_revoked_token_opens_nothing(client: FlaskClient, house: Seeded) -> None:
    assert client.get("/api/v1/flows", headers=house.headers).status_code == 200
    assert client.delete("/api/v1/tokens/tests", headers=house.headers).status_code == 200
    answer = client.get("/api/v1/flows", headers=house.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (401, "token_refused")


def test_unknown_addresses_below_the_api_tell_nothing_without_a_token(client: FlaskClient, house: Seeded) -> None:
    assert client.get("/api/v1/nothing").status_code == 401
    assert client.get("/api/v1/nothing", headers=house.headers).status_code == 404
    assert client.get("/nothing").status_code == 404


def test_every_answer_is_protected(client: FlaskClient, house: Seeded) -> None:
    for rule in rules(client):
        if rule.rule == "/updates":  # a stream; without a ticket it is refused like the others
            continue
        for method in methods(rule):
            answer = client.open(address(rule), method=method, headers=house.headers)
            assert answer.status_code != 500, (method, rule.rule, answer.text)
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"] or answer.status_code == 404
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "Set-Cookie" not in answer.headers
            answer.close()


def test_every_door_of_the_api_refuses_what_it_does_not_know(client: FlaskClient, house: Seeded) -> None:
    for noun in NOUNS:
        for door in noun.doors:
            path = "/api/v1" + re.sub(r"<[^>]*>", "1", door.path)
            query = client.open(f"{path}?nonsense=1", method=door.method, headers=house.headers, json={"nonsense": 1})
            assert 400 <= query.status_code < 500, (door.method, door.path, query.text)
            assert query.get_json()["error"].endswith("."), query.text


OWNER = {"email": "Ada@Example.com", "name": "Ada Lovelace", "password": "correct horse battery"}


def test_the_first_link_makes_an_owner_once_and_opening_it_uses_nothing_up(client: FlaskClient, house: Seeded) -> None:
    path = "/first/" + house.lines[0].rpartition("/")[2]
    for _ in range(3):
        assert client.get(path).status_code == 200
    weak = client.post(path, data={**OWNER, "password": "short"})
    assert (weak.status_code, "at least 10 characters" in weak.text) == (422, True)
    made = client.post(path, data=OWNER)
    assert (made.status_code, made.headers["Location"]) == (303, "/")
    cookie = made.headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert client.get("/people", headers={"Cookie": cookie.partition(";")[0]}).status_code == 200
    assert house.rows("SELECT email, name, role FROM people") == [("ada@example.com", "Ada Lovelace", "owner")]
    for method in ("GET", "POST"):
        again = client.open(path, method=method, data=OWNER)
        assert again.status_code == 410
        assert "Set-Cookie" not in again.headers


def test_the_first_link_ends_after_a_day(client: FlaskClient, house: Seeded) -> None:
    path = "/first/" + house.lines[0].rpartition("/")[2]
    house.move_clock(24 * 3600 + 1)
    assert client.post(path, data=OWNER).status_code == 410
    assert house.rows("SELECT count(*) FROM people") == [(0,)]


def test_a_wrong_first_link_is_like_a_used_one(client: FlaskClient) -> None:
    assert client.post("/first/guess").status_code == 410


class Pieces(io.BytesIO):
    """A body whose length nobody knows; gunicorn hands it on like this."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.environment = {"wsgi.input": self, "wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}


@pytest.mark.parametrize(
    "path", ["/api/v1/flows", "/api/v1/files", "/chat/web-chat/messages", "/hooks/simulated/messages"]
)
def test_a_body_in_pieces_is_never_cut_off(client: FlaskClient, house: Seeded, path: str) -> None:
    large = Pieces(b'{"name": "New"}' + b" " * 1_000_000)
    answer = client.post(
        path, environ_overrides=large.environment, content_type="application/json", headers=house.headers
    )
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
    assert house.rows("SELECT count(*) FROM files") == [(0,)]


def test_a_body_in_pieces_is_taken_whole(client: FlaskClient, house: Seeded) -> None:
    small = Pieces(b'{"name": "New"}' + b" " * 900_000)
    answer = client.post(
        "/api/v1/flows", environ_overrides=small.environment, content_type="application/json", headers=house.headers
    )
    assert (answer.status_code, answer.get_json()["name"]) == (201, "New")


@pytest.mark.parametrize("path", ["//api/v1/flows", "/%61pi/v1/flows", "/api/v1/../v1/flows", "/chat/../api/v1/flows"])
def test_no_spelling_of_an_address_opens_a_closed_door(client: FlaskClient, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS", "TRACE"):
        answer = client.open(path, method=method)
        assert answer.status_code in {308, 401, 404, 405}, (method, answer.text)
        assert "VIP" not in answer.text


def test_a_large_body_is_refused_in_json(client: FlaskClient, house: Seeded) -> None:
    answer = client.post("/api/v1/flows", data=b"x" * 1_000_001, content_type="application/json", headers=house.headers)
    assert (answer.status_code, answer.get_json()["code"]) == (413, "too_large")
