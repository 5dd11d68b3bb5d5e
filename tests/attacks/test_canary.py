"""Secrets at work: used by a flow, echoed by the other side in every way, and afterwards found nowhere."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import inspect, text
from structlog.testing import capture_logs

from app.config import Settings
from app.scrubbing import Scrubber
from tests.app.processes import until
from tests.app.raw_server import Talk
from tests.attacks.bad_input_site import ACCOUNT, SECRET, Site, bad_input_site

CANARY = "canary/7f3a9c+ü-secret"
KINDS: list[tuple[str, dict[str, str]]] = [
    ("bearer", {"token": "canary-7f3a9c-secret"}),
    ("basic", {"user": "patchbay", "password": CANARY}),
    ("header", {"name": "X-Api-Key", "value": "canary-7f3a9c-secret"}),
]
READABLE = [
    "/flows/Secretive",
    "/flows/Secretive/export",
    "/flows/Secretive/export?version=1",
    "/runs",
    "/runs/1",
    "/runs/1/trace",
    "/conversations",
    "/conversations/PB-10001/messages",
    "/credentials",
    "/connections",
    "/problems",
    "/dead-letters",
]


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    with bad_input_site(settings) as made:
        yield made


def echo(talk: Talk) -> None:
    """Gives back all that was sent, as a header, as JSON and as words of an error."""
    sent = talk.headers.get("authorization", "") + talk.headers.get("x-api-key", "")
    body = {"status": "gold", "you_sent": sent, "headers": talk.headers}
    talk.answer(json.dumps(body).encode(), content_type="application/json", x_echo=sent)


def secretive(site: Site) -> dict[str, Any]:
    """A flow that asks with the credential, keeps all it is answered, and tells it to the contact."""
    fetch = {
        "url": f"{site.outside.origin}/customers/1",
        "credential": "crm",
        "mapping": [{"path": "you_sent", "variable": "sent"}, {"path": "headers", "variable": "all"}],
    }
    tell = {"text": {"en": "They had {{ sent }}."}, "wait_for": "nothing"}
    trigger = {"numbers": ["hotline"], "match": "keywords", "keywords": ["secret"]}
    return {
        "format": 1,
        "name": "Secretive",
        "languages": ["en"],
        "steps": {
            "in": {"type": "incoming_message", "config": trigger, "exits": {"next": "ask"}},
            "ask": {"type": "fetch_variable", "config": fetch, "exits": {"success": "tell", "not_found": "end"}},
            "tell": {"type": "send_message", "config": tell, "exits": {"success": "end"}},
        },
    }


def found(site: Site, secrets: list[str], logs: str) -> list[str]:
    """Where any spelling of a secret stands: a table, the log, or an answer of the API."""
    scrubber = Scrubber(secrets)
    places = {"the log": logs}
    with site.seeded.house.database.reading() as session:
        for table in inspect(session.get_bind()).get_table_names():
            rows = session.execute(text(f'SELECT * FROM "{table}"')).all()  # noqa: S608 - names of our own tables
            places[f"the table {table}"] = "\n".join(_words(value) for row in rows for value in row)
    for path in READABLE:
        answer = site.web.get(f"/api/v1{path}", headers=dict(site.seeded.headers))
        assert answer.status_code == 200, f"{path}: {answer.text}"
        places[path] = answer.text + str(answer.headers)
    places |= {f"the address {n}": talk.path for n, talk in enumerate(site.outside.talks)}
    return [place for place, words in places.items() if scrubber.scrub(words) != words]


def _words(value: object) -> str:
    return bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)


@pytest.mark.parametrize(("kind", "secret"), KINDS)
def test_a_secret_that_was_used_and_echoed_is_found_nowhere(
    site: Site, caplog: pytest.LogCaptureFixture, kind: str, secret: dict[str, str]
) -> None:
    caplog.set_level(logging.DEBUG)
    site.api = echo
    headers = dict(site.seeded.headers)
    with capture_logs() as lines:
        made = site.web.put(
            "/api/v1/credentials/crm",
            json={"kind": kind, "origins": [site.outside.origin], "secret": secret},
            headers=headers,
        )
        assert made.status_code == 200
        flow = {"document": secretive(site)}
        assert site.web.post("/api/v1/flows", json=flow, headers=headers).status_code == 201
        assert (
            site.web.post("/api/v1/flows/Secretive/publish", json={"revision": 1}, headers=headers).status_code == 201
        )
        assert site.message("the secret", NumMedia="1", MediaUrl0=media(site), MediaContentType0="image/png") == "200"
        until(lambda: any("They had" in said for said in site.said()), f"the answer ({site.said()})")
        until(lambda: any("/Media/" in talk.path for talk in site.outside.talks), "the file is asked for")
    asked = [talk.head for talk in site.outside.talks if talk.path.startswith("/customers")]
    assert asked, "the secret was not even used"
    assert "authorization: " in asked[0].lower() or "x-api-key: " in asked[0].lower()
    hidden = [value for name, value in secret.items() if name not in ("user", "name")]
    assert found(site, [*hidden, SECRET], f"{lines}\n{caplog.text}") == []
    assert found(site, hidden, f"a line with {hidden[0]}") == ["the log"], "it would not be found anywhere"


def media(site: Site) -> str:
    site.files["ME1"] = lambda talk: talk.answer(talk.head.encode(), "500 Internal Server Error")
    return f"{site.outside.origin}/2010-04-01/Accounts/{ACCOUNT}/Messages/MM1/Media/ME1"
