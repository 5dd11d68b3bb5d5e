"""An installation under bad input: web, a worker's runner, and one server that plays Twilio and a misbehaving API."""

import json
import secrets
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl

from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from werkzeug.test import TestResponse

from app import publishing
from app.config import Settings
from app.consistency import breaches
from app.db import now
from app.directory import seal_secrets
from app.models import Connection, Number
from app.web import create_app
from flows import document
from tests.app.processes import Process, until
from tests.app.raw_server import RawServer, Talk, serving
from tests.app.seeded import Seeded, seeded
from tests.attacks.bad_input_flows import GREETING, loyalty

PUBLIC = "https://patchbay.example"
SECRET, ACCOUNT = "the twilio auth token", "AC1"
OURS = "+15005550100"
ANNA, BOB = "+48500100200", "+48500100300"
GOLD = b'{"status": "gold"}'
_LONGEST_SHOWN = 60


@dataclass
class Site:
    """The installation. `api` answers the flow's question, `files` are Twilio's media by their address's last part."""

    seeded: Seeded
    web: FlaskClient
    process: Process
    outside: RawServer
    api: Callable[[Talk], None] = lambda talk: talk.answer(GOLD)
    files: dict[str, Callable[[Talk], None]] = field(default_factory=dict)

    # what comes in

    def post(self, path: str, form: Mapping[str, str], *, secret: str = SECRET, connection: str = "twilio") -> str:
        """A webhook signed by Twilio's own SDK; what its sender gets."""
        url = f"{PUBLIC}/hooks/{connection}/{path}"
        signature = RequestValidator(secret).compute_signature(url, dict(form))
        return self.raw(path, form, {"X-Twilio-Signature": signature}, connection)

    def raw(self, path: str, body: object, headers: Mapping[str, str], connection: str = "twilio", **more: Any) -> str:
        """Anything at a webhook's address; what its sender gets."""
        address = f"/hooks/{connection}/{path}"
        got = told(self.web.post(address, base_url=PUBLIC, data=body, headers=dict(headers), **more))
        self.process.runner.wake()  # as Redis does
        return got

    def message(self, text: str = "hello", sid: str = "", secret: str = SECRET, **fields: str) -> str:
        """Anna writes; what Twilio gets."""
        form = {"MessageSid": sid or f"SM{uuid.uuid4().hex}", "From": ANNA, "To": OURS, "Body": text, "NumMedia": "0"}
        return self.post("messages", form | fields, secret=secret)

    def chat_file(self, content: bytes) -> str:
        """A visitor of the chat page sends a file; what the page gets."""
        token = self.web.post("/chat/web-chat/visits", json={}).get_json()["token"]
        headers = {"Authorization": f"Bearer {token}"}
        return told(self.web.post("/chat/web-chat/files", data=content, headers=headers))

    def save(self, *changes: tuple[str, str]) -> list[str]:
        """People save the draft at the same moment, each with one step's text changed; what they get."""
        draft = self.web.get("/api/v1/flows/Loyalty", headers=dict(self.seeded.headers)).get_json()

        def one(step: str, words: str) -> str:
            changed = json.loads(json.dumps(draft["document"]))
            changed["steps"][step]["config"]["text"] = {"en": words}
            body = {"document": changed, "base": draft["revision"]}
            answer = self.web.put("/api/v1/flows/Loyalty", json=body, headers=dict(self.seeded.headers))
            shows = {"base", "theirs", "yours", "fields"} <= set(answer.get_json().get("details", ()))
            return told(answer) + (", both shown" if shows else "")

        return at_once([lambda change=change: one(*change) for change in changes])  # type: ignore[misc]  # mypy cannot infer a lambda with a default

    # what became of it

    def said(self, phone: str = ANNA) -> list[str]:
        """What was said to and by a contact, in order; ours begins with `>`, and long texts are shortened."""
        rows = self.seeded.rows(
            "SELECT m.direction, m.text, m.media FROM messages m JOIN conversations c ON c.id = m.conversation_id"
            " JOIN addresses a ON a.id = c.address_id WHERE a.value = :phone AND m.rank NOT IN (1, 2) ORDER BY m.id",
            phone=phone,
        )
        return [("> " if way == "out" else "") + shown(text) + attached(json.loads(media)) for way, text, media in rows]

    def states(self) -> list[str]:
        """How far our messages to Anna have come."""
        words = {4: "sent", 5: "failed", 6: "delivered", 7: "read"}
        rows = self.seeded.rows("SELECT rank FROM messages WHERE direction = 'out' ORDER BY id")
        return [words.get(rank, "on its way") for (rank,) in rows]

    def events(self) -> list[str]:
        """The kinds of everything that happened."""
        return [kind for (kind,) in self.seeded.rows("SELECT kind FROM inbound_events ORDER BY id")]

    def draft(self) -> list[str]:
        """The draft's texts after all, and how many revisions of it are kept."""
        draft = self.web.get("/api/v1/flows/Loyalty", headers=dict(self.seeded.headers)).get_json()
        texts = [
            step["config"]["text"]["en"] for step in draft["document"]["steps"].values() if "text" in step["config"]
        ]
        kept = self.seeded.rows(
            "SELECT count(*) FROM revisions r JOIN flows f ON f.id = r.flow_id WHERE f.name = 'Loyalty'"
        )
        return [*texts, f"{kept[0][0]} revisions"]

    def works(self) -> None:
        """Somebody else is answered by the same worker, as if nothing had been."""
        self.api = lambda talk: talk.answer(GOLD)
        assert self.message("is anybody there?", From=BOB) == "200"
        until(lambda: self.said(BOB) == ["is anybody there?", "> You are gold."], f"Bob is answered ({self.said(BOB)})")
        assert self.process.alive

    # outside

    def answer(self, talk: Talk) -> None:
        """What Twilio or the API answers."""
        if talk.path.startswith("/customers"):
            self.api(talk)
        elif "/Media/" in talk.path:
            self.files[talk.path.rpartition("/")[2]](talk)
        elif "/Messages" not in talk.path:
            talk.answer(b"{}", "404 Not Found")  # the settings of Twilio's number are of no interest here
        else:
            made = {"sid": f"SM{secrets.token_hex(16)}", "to": dict(parse_qsl(talk.body.decode()))["To"]}
            talk.answer(json.dumps(made).encode(), "201 Created", content_type="application/json")


def told(answer: TestResponse) -> str:
    """What a sender gets, in short: the status, and the code of a refusal, whose sentence must be one."""
    if answer.status_code < 400:
        return str(answer.status_code)
    refusal = answer.get_json()
    assert set(refusal) == {"error", "code", "details"}
    assert len(refusal["error"].split()) > 5
    assert refusal["error"].endswith(".")
    return f"{answer.status_code} {refusal['code']}"


def shown(text: str) -> str:
    """A text, or how long it is."""
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:5]}… {len(text)} characters"


def attached(media: Sequence[Mapping[str, Any]]) -> str:
    """What came with a message."""
    kinds = [f"{item['name'] or item['media_type']}{' kept' if item.get('file') else ''}" for item in media]
    return "".join(f" [{kind}]" for kind in kinds)


def at_once(actions: Sequence[Callable[[], str]]) -> list[str]:
    """What each of them got, all at the same moment."""
    together, got = threading.Barrier(len(actions)), list[str]()

    def act(action: Callable[[], str]) -> None:
        together.wait()
        got.append(action())

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(got)


@contextmanager
def bad_input_site(settings: Settings) -> Iterator[Site]:
    """The installation, in order at its end whatever was done to it."""
    sites: list[Site] = []

    def answer(talk: Talk) -> None:
        sites[0].answer(talk)

    with serving(answer) as outside:
        private = frozenset({("127.0.0.1", outside.port), ("localhost", outside.port)})
        made = replace(settings, allowed_private_hosts=private, public_url=PUBLIC)
        with seeded(made) as house:
            furnish(house, outside.origin)
            sites.append(Site(house, create_app(house.house).test_client(), Process(house.house), outside))
            sites[0].process.start()  # it may ask Twilio at once
            try:
                yield sites[0]
            finally:
                sites[0].process.stop()
            with house.house.database.reading() as session:
                assert [str(breach) for breach in breaches(session)] == []


def furnish(house: Seeded, outside: str) -> None:
    """Twilio's connection and number, and the two flows that answer it."""
    with house.house.database.transaction() as session:
        at = now(session)
        connection = Connection(name="twilio", kind="twilio", settings=json.dumps({"api_base": outside}), created_at=at)
        connection.sealed = seal_secrets("twilio", {"auth_token": SECRET, "account_sid": ACCOUNT}, house.house.key)
        session.add(connection)
        session.flush()
        session.add(Number(name="hotline", connection_id=connection.id, value=OURS, answers_calls=True, created_at=at))
        session.flush()
        for drawn in (loyalty(outside), GREETING):
            draft = publishing.create(session, document.from_data(drawn), "tests")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, house.house, row, draft.revision, publishing.Order("tests", ""))
