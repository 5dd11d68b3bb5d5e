"""The main job: web chat, a signed Twilio message and a signed Twilio call, answered by the published VIP flows."""

import json
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from twilio.request_validator import RequestValidator

from app import publishing
from app.config import Settings
from app.consistency import breaches
from app.db import now
from app.directory import seal_secrets
from app.house import House
from app.models import Connection, Number
from app.seeding import EXAMPLES
from app.web import create_app
from examples import customer_api
from flows import document
from tests.app.processes import Process, until
from tests.app.seeded import Seeded, seeded

PUBLIC = "https://patchbay.example"
SECRET = "the twilio auth token"
PLATINUM, GOLD, UNKNOWN, DOWN, SLOW = (
    "+48500100100",
    "+48500100200",
    "+48600999888",
    "+48500100901",
    "+48500100900",
)
QUEUES = [(PLATINUM, "platinum"), (GOLD, "gold"), (UNKNOWN, "standard"), (DOWN, "standard")]


@dataclass
class Site:
    """A seeded installation with a Twilio connection, a worker's runner and web, and what Twilio was asked to send."""

    seeded: Seeded
    web: FlaskClient
    sent: list[dict[str, str]] = field(default_factory=list)
    calls: int = 0

    def post(self, path: str, **form: str) -> Any:
        """A webhook, signed by Twilio's own SDK."""
        url = f"{PUBLIC}/hooks/twilio/{path}"
        signature = RequestValidator(SECRET).compute_signature(url, form)
        return self.web.post(
            f"/hooks/twilio/{path}", base_url=PUBLIC, data=form, headers={"X-Twilio-Signature": signature}
        )

    def call(self, caller: str) -> ET.Element:
        """The document of a new call."""
        self.calls += 1
        answer = self.post("calls", CallSid=f"CA{self.calls}", From=caller, To="+15005550100", CallStatus="ringing")
        assert answer.status_code == 200
        return ET.fromstring(answer.text)  # noqa: S314 - our own document

    def queue_of(self, phone: str) -> list[str]:
        """The queues in which a contact waits."""
        rows = self.seeded.rows(
            "SELECT q.name FROM queue_entries e JOIN queues q ON q.id = e.queue_id JOIN conversations c"
            " ON c.id = e.conversation_id JOIN addresses a ON a.contact_id = c.contact_id"
            " WHERE e.state = 'waiting' AND a.value = :phone",
            phone=phone,
        )
        return [name for (name,) in rows]


@contextmanager
def twilio(sent: list[dict[str, str]]) -> Iterator[int]:
    """Twilio's REST door on a port of ours: it takes every message."""

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            sent.append({name: values[0] for name, values in form.items()})
            answer = json.dumps({"sid": f"SM{len(sent)}", "status": "queued"}).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

    with running(ThreadingHTTPServer(("127.0.0.1", 0), Door)) as port:
        yield port


@contextmanager
def running(server: ThreadingHTTPServer) -> Iterator[int]:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(settings: Settings) -> Iterator[Site]:
    sent: list[dict[str, str]] = []
    with twilio(sent) as provider, running(customer_api.serve(0)) as api:
        private = frozenset({("127.0.0.1", provider), ("127.0.0.1", api)})
        made = replace(settings, customer_api_port=api, allowed_private_hosts=private, public_url=PUBLIC)
        with seeded(made) as house:
            connect_twilio(house.house, f"http://127.0.0.1:{provider}")
            process = Process(house.house).start()
            try:
                yield Site(house, create_app(house.house).test_client(), sent)
            finally:
                process.stop()
            with house.house.database.reading() as session:
                assert [str(breach) for breach in breaches(session)] == []


def connect_twilio(house: House, api_base: str) -> None:
    """A connection with one number, and the two example flows on it."""
    with house.database.transaction() as session:
        sealed = seal_secrets("twilio", {"auth_token": SECRET, "account_sid": "AC1"}, house.key)
        options = json.dumps({"api_base": api_base})
        at = now(session)
        session.add(Connection(name="twilio", kind="twilio", settings=options, sealed=sealed, created_at=at))
        session.flush()
        (connection_id,) = session.execute(text("SELECT id FROM connections WHERE name = 'twilio'")).one()
        session.add(
            Number(
                name="hotline",
                connection_id=connection_id,
                value="+15005550100",
                answers_calls=True,
                created_at=at,
            )
        )
        session.flush()
        for name, trigger in (("vip_calls", "call"), ("vip_messages", "message")):
            drawn = json.loads((EXAMPLES / f"{name}.json").read_text())
            drawn["name"] += " by Twilio"
            drawn["steps"][trigger]["config"]["numbers"] = ["hotline"]
            draft = publishing.create(session, document.from_data(drawn), "tests")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, house, row, draft.revision, publishing.Order("tests", ""))


@pytest.mark.parametrize(("caller", "queue"), [*QUEUES, (SLOW, "standard")])
def test_a_signed_call_reaches_the_right_queue(site: Site, caller: str, queue: str) -> None:
    said = site.call(caller)
    if queue == "standard":  # ours: the caller waits in it and the carrier comes back
        assert [verb.tag for verb in said] == ["Pause", "Redirect"]
        until(lambda: site.queue_of(caller) == ["standard"], "the caller waits")
    else:  # somebody else's, by SIP
        assert said.findtext("Dial/Sip") == f"sip:{queue}@queues.example.com;transport=tcp"


@pytest.mark.parametrize(("sender", "queue"), QUEUES)
def test_a_signed_message_reaches_the_right_queue(site: Site, sender: str, queue: str) -> None:
    assert site.post("messages", MessageSid="SM-in", From=sender, To="+15005550100", Body="hello").status_code == 200
    until(lambda: site.queue_of(sender) == [queue], "the contact waits")
    until(lambda: len(site.sent) == 1, "Twilio is asked to send")
    assert (site.sent[0]["To"], site.sent[0]["From"]) == (sender, "+15005550100")


@pytest.mark.parametrize(("phone", "queue"), QUEUES)
def test_a_chat_visitor_who_gives_a_number_reaches_the_right_queue(site: Site, phone: str, queue: str) -> None:
    token = site.web.post("/chat/web-chat/visits", json={}).get_json()["token"]

    def write(key: str, words: str) -> list[str]:
        said = {"key": key, "text": words}
        answer = site.web.post("/chat/web-chat/messages", json=said, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        return [row[0] for row in site.seeded.rows("SELECT text FROM messages WHERE direction = 'out' ORDER BY id")]

    write("8b0a5b1e-0000-4000-8000-000000000001", "hello")
    until(lambda: len(site.seeded.rows("SELECT id FROM messages WHERE direction = 'out'")) == 1, "the question")
    write("8b0a5b1e-0000-4000-8000-000000000002", phone)
    waiting = "SELECT q.name FROM queue_entries e JOIN queues q ON q.id = e.queue_id WHERE e.state = 'waiting'"
    until(lambda: site.seeded.rows(waiting) == [(queue,)], "the visitor waits")


def test_an_unsigned_call_and_message_change_nothing(site: Site) -> None:
    for path in ("calls", "messages"):
        answer = site.web.post(f"/hooks/twilio/{path}", base_url=PUBLIC, data={"From": GOLD, "To": "+15005550100"})
        assert answer.status_code == 403
    assert site.seeded.rows("SELECT count(*) FROM inbound_events") == [(0,)]


def test_a_closed_conversation_lets_the_run_go_on_to_its_end(site: Site) -> None:
    site.post("messages", MessageSid="SM-in", From=GOLD, To="+15005550100", Body="hello")
    until(lambda: site.queue_of(GOLD) == ["gold"], "the contact waits")
    ((conversation_id,),) = site.seeded.rows("SELECT id FROM conversations")
    address = f"/api/v1/conversations/PB-{10_000 + conversation_id}"
    reply = site.web.post(f"{address}/reply", json={"text": "This is Bob."}, headers=dict(site.seeded.headers))
    assert reply.status_code == 202
    until(lambda: [one["Body"] for one in site.sent[1:]] == ["This is Bob."], "the reply is sent")
    assert site.web.post(f"{address}/close", json={}, headers=dict(site.seeded.headers)).status_code == 202
    until(
        lambda: site.seeded.rows("SELECT state, owner FROM conversations") == [("closed", "none")],
        "the conversation is closed",
    )
    assert site.seeded.rows("SELECT status, outcome FROM runs") == [("ended", "completed")]
