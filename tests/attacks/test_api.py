"""Whatever is sent to a door of the API gets an answer of its own, never an unforeseen error."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote

import pytest

from app.accounts.people import Newcomer, add_person
from app.accounts.roles import Role
from app.accounts.sign_in_sessions import begin_session, csrf_of
from app.config import Settings
from app.web.api import NOUNS
from app.web.api.doors import MOST_BODY_BYTES, MOST_BYTES_KEY, RAW, Door
from tests.app.api_client import Api, api

DOORS = [door for noun in NOUNS for door in noun.doors]
EXISTING = {
    "flow": "VIP calls",
    "number": "1",
    "connection": "simulated",
    "queue": "gold",
    "calendar": "office",
    "constant": "customer_api",
    "credential": "crm",
    "token": "other",
    "reference": "PB-10001",
}
"""Something that is there, or the name of something new."""
STRANGE: list[Any] = [
    None, True, 0, -1, 1.5, 1e308, 10**30, -(10**400), "", " ", "x", "x" * 100_000, "\u0000", "\ud800", "\U0001f600",
    "\u202eقلب", "'; DROP TABLE flows; --", "{{ 1 }}", "../../etc", "1", [], [None], [[]], ["\ud800"], [{}] * 300, {},
    {"": ""}, {"a": {"b": [None]}}, {"\ud800": "\ud800"}, {"__proto__": 1, "id": 1, "name": None},
]  # fmt: skip
BODIES = [
    b"", b"null", b"5", b'"x"', b"[]", b"{}", b"{", b"\xff\xfe", b"\x00", b'{"a": NaN}', b'{"a": 1, "a": 2}',
    b'{"a": 1e999}', b'{"a": ' + b"9" * 5_000 + b"}", b"[" * 100_000, b'{"a":' * 50_000, b'{"document": "\\ud800"}',
    b"\xef\xbb\xbf{}", b'{"name": "x"} {}', b"name=x",
]  # fmt: skip
PATHS = [
    "1",
    "0",
    "-1",
    "%00",
    "%ED%A0%80",
    "x" * 3_000,
    "..",
    "%2e%2e%2f",
    "💥",
    "a b",
    "PB-1" + "0" * 30,
    "9" * 25,
    "%",
]
OPEN = {"monday": [{"from": "08:00", "to": "17:00"}]}
QUERIES = ["", "-1", "0", "99999999999999999999", "1.5", "x", "%00", "%ED%A0%80", "true", "x" * 3_000]


@pytest.fixture
def client(settings: Settings) -> Iterator[Api]:
    with api(settings) as client:
        visitor = client.client.post("/chat/web-chat/visits", json={}).get_json()["token"]
        said = {"key": str(uuid.uuid4()), "text": "hello"}
        answer = client.client.post(
            "/chat/web-chat/messages", json=said, headers={"Authorization": f"Bearer {visitor}"}
        )
        assert answer.get_json()["conversation"] == EXISTING["reference"]
        client.post("/calendars", 201, name=EXISTING["calendar"], title="Office", zone="UTC", weekly=OPEN)
        client.installation.headers = as_owner(client)
        yield client


def as_owner(client: Api) -> dict[str, str]:
    """The headers of an owner's browser: no token opens every door."""
    with client.installation.house.database.transaction() as session:
        owner = add_person(session, Newcomer("ada@example.com", "Ada", ""), "no password", Role.OWNER)
        secret = begin_session(session, owner)
    return {"Cookie": f"patchbay={secret}", "X-CSRF-Token": csrf_of(secret)}


def address(door: Door, **other: str) -> str:
    """The door's address, with something that is there in each place that no other value is given for."""
    given = {**EXISTING, **other}
    return re.sub(r"<(?:[^:>]*:)?(\w+)>", lambda place: given.get(place[1], "1"), door.path)


def answered(client: Api, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> int:
    """The status; a refusal has a sentence, a code and details."""
    headers = {**client.installation.headers, "Content-Type": kind}
    answer = client.client.open(f"/api/v1{path}", method=method, headers=headers, data=body)
    where = (method, path[:200], body[:200], answer.text[:300])
    assert answer.status_code < 500, where
    if answer.status_code >= 400:
        refused = answer.get_json()
        assert set(refused) == {"error", "code", "details"}, where
        assert refused["error"].rstrip()[-1] in ".…:”)", where
        assert re.fullmatch(r"[a-z0-9_]+", refused["code"]), where
    return answer.status_code


def usual(door: Door) -> dict[str, Any]:
    """A body that this door may well take, from its schema."""
    assert door.body is not None
    examples = {
        "kind": "twilio", "origins": ["https://crm.example.com"], "secret": {"token": "t"}, "connection": "simulated",
        "value": "+48221234567", "base": 1, "name": "made", "title": "Made", "text": "Hello", "revision": 1,
        "zone": "Europe/Warsaw", "weekly": OPEN, "to": "closed",
        "document": {"format": 1, "name": "Made", "languages": ["en"], "steps": {}},
    }  # fmt: skip
    return {name: examples.get(name, "x") for name in door.body["required"]}


def test_every_door_stands_every_body(client: Api) -> None:
    for door in DOORS:
        for body in BODIES:
            answered(client, door.method, address(door), body)
        for kind in ("", "text/plain", "application/json; charset=utf-16", "multipart/form-data", "\xff"):
            answered(client, door.method, address(door), b'{"name": "x"}', kind)
        if door.body is not None and door.body is not RAW:
            most = door.body.get(MOST_BYTES_KEY, MOST_BODY_BYTES)
            assert answered(client, door.method, address(door), b" " * (most + 1)) == 413


def test_every_field_stands_every_kind_of_value(client: Api) -> None:
    for door in DOORS:
        if door.body in (None, RAW):
            continue
        for name in door.body["properties"]:
            for value in STRANGE:
                answered(client, door.method, address(door), json.dumps({**usual(door), name: value}).encode())


def test_every_place_and_question_stands_every_text(client: Api) -> None:
    for door in DOORS:
        for place in re.findall(r"(\w+)>", door.path):
            for text in PATHS:
                answered(client, door.method, address(door, **{place: text}))
        for name in [*door.query["properties"], "unknown", "%ED%A0%80"]:
            for text in QUERIES:
                answered(client, door.method, f"{address(door)}?{name}={text}")


WHOLE = {"/step-kinds", "/channels", "/roles"}
"""Lists that grow only with what is installed."""
INSTANT = re.compile(r"\d{4}-\d\d-\d\dT")


def texts_in(data: Any) -> Iterator[str]:
    """Every text of an answer."""
    if isinstance(data, str):
        yield data
    elif isinstance(data, list | dict):
        for part in data.values() if isinstance(data, dict) else data:
            yield from texts_in(part)


def test_every_list_comes_in_pages_and_every_instant_in_utc(client: Api) -> None:
    lists = instants = 0
    for door in DOORS:
        if door.method != "GET":
            continue
        answer = client.client.get(f"/api/v1{address(door)}", headers=client.installation.headers)
        data = answer.get_json() if answer.mimetype == "application/json" else {}
        if "items" in data:
            lists += 1
            assert data.keys() == {"items", "next"}, door.address
            assert door.address in WHOLE or door.query["properties"]["limit"]["maximum"] == 200, door.address
        found = [text for text in texts_in(data) if INSTANT.match(text) and len(text) < 40]
        instants += len(found)
        assert [text for text in found if not text.endswith(("+00:00", "Z"))] == [], door.address
    assert (lists > 25, instants > 30) == (True, True)


def test_a_flow_is_found_by_its_name_and_by_its_number_whatever_it_is_called(client: Api) -> None:
    for name in ("a?b#c", "50%", "..", "a/b", "ünïcode 💥", "x" * 80):
        made = client.post("/flows", 201, name=name)
        assert client.get(f"/flows/{made['id']}")["name"] == name
        if name.strip("./") and "/" not in name:
            assert client.get(f"/flows/{quote(name, safe='')}")["id"] == made["id"]


NEW: list[tuple[str, dict[str, Any]]] = [
    ("/flows", {"name": "New"}),
    ("/imports", {"file": {"format": 1, "name": "Also new", "languages": ["en"], "steps": {}}}),
    ("/queues", {"name": "new", "title": "New"}),
    ("/calendars", {"name": "new", "title": "New", "zone": "UTC", "weekly": OPEN}),
    ("/connections", {"name": "new", "kind": "simulated"}),
    ("/numbers", {"name": "new", "connection": "simulated", "value": "+48221234567"}),
]


@pytest.mark.parametrize(("path", "body"), NEW, ids=[path for path, _ in NEW])
def test_what_many_make_at_once_is_made_once(client: Api, path: str, body: dict[str, Any]) -> None:
    statuses = at_once(client, [("POST", path, body)] * 8)
    assert set(statuses) <= {201, 409}
    made = statuses.count(201)
    assert made >= 1 if path == "/imports" else made == 1  # what is there already may be imported once more


def test_what_many_change_at_once_keeps_every_change(client: Api) -> None:
    client.post("/connections", 201, name="acme", kind="twilio")
    secrets = {"account_sid": "AC" + "0" * 32, "auth_token": "a"}
    for _ in range(10):
        parts = [("PATCH", "/connections/acme", {"secrets": {name: value}}) for name, value in secrets.items()]
        assert set(at_once(client, parts * 2)) == {200}
        assert client.get("/connections/acme")["secrets"] == dict.fromkeys(secrets, True)
        client.patch("/connections/acme", secrets=dict.fromkeys(secrets, ""))


def test_a_flow_that_many_publish_at_once_gets_a_version_from_each(client: Api) -> None:
    assert set(at_once(client, [("POST", "/flows/VIP calls/publish", {})] * 6)) == {201}
    numbers = [one["version"] for one in client.get("/flows/VIP calls/versions")["items"]]
    assert numbers == [7, 6, 5, 4, 3, 2, 1]
    assert client.get("/numbers/support-line")["flows"] == [{"flow": "VIP calls", "answers": "calls"}]


def at_once(client: Api, requests: list[tuple[str, str, dict[str, Any]]]) -> list[int]:
    """The statuses of requests that begin at the same moment."""
    ready = threading.Barrier(len(requests))

    def ask(request: tuple[str, str, dict[str, Any]]) -> int:
        method, path, body = request
        ready.wait()
        return answered(client, method, path, json.dumps(body).encode())

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(ask, requests))
