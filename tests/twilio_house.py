"""A house with a Twilio and a simulated connection for the tests, and a carrier's pen: signed webhooks."""

import secrets
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from app.calling import Calling, Patience, TakeOne
from app.channels.contract import ConnectionInfo, Webhook
from app.channels.twilio_signature import sign
from app.channels.twiml_lint import problems
from app.config import Settings
from app.db import Base, Database, now
from app.directory import seal_secrets
from app.house import House
from app.lanes import Lanes
from app.models import CallDocument, Clock, Connection, InboundEvent, Installation, Number
from app.outgoing import Guarded
from app.sealing import SecretKey
from app.web import create_app, hooks
from app.web.hook_memory import HookMemory
from app.web.rates import Rates
from app.web.refused_hooks import RefusedHooks
from app.web.wakes import Wakes
from flows.registry import Registry
from flows.values import canonical_json

PUBLIC_URL = "https://patchbay.example"
SECRET = "the account's auth token"
ACCOUNT = "AC" + "1" * 32
OURS = "+48221234567"
THEIRS = "+48600100200"
DOCUMENT = "<Response><Say>Hello</Say><Hangup/></Response>"
QUICK = Patience(help_after_seconds=0.05, help_again_seconds=0.02, give_up_seconds=0.4)

Pairs = Sequence[tuple[str, str]]


def connection(kind: str = "twilio", **settings: Any) -> ConnectionInfo:
    """A connection as a channel sees it, without any database."""
    secret = {"secret": SECRET} if kind == "simulated" else {"account_sid": ACCOUNT, "auth_token": SECRET}
    return ConnectionInfo(1, "main", kind, settings, secret, PUBLIC_URL)


def webhook(path: str, form: Mapping[str, str], query: Pairs = ()) -> Webhook:
    """A verified webhook, for parsing."""
    url = f"{PUBLIC_URL}/hooks/main/{path}{'?' + urlencode(query) if query else ''}"
    return Webhook(path=path, url=url, query=list(query), form=list(form.items()), headers={}, body=b"")


def message(sid: str = "SM1", **fields: str) -> dict[str, str]:
    """The form of an incoming message."""
    form = {"MessageSid": sid, "AccountSid": ACCOUNT, "From": THEIRS, "To": OURS, "Body": "hello", "NumMedia": "0"}
    return form | fields


def a_call(sid: str = "CA1", **fields: str) -> dict[str, str]:
    """The form of a call's request."""
    form = {"CallSid": sid, "AccountSid": ACCOUNT, "From": THEIRS, "To": OURS}
    return form | {"CallStatus": "in-progress", "Direction": "inbound"} | fields


@dataclass
class TwilioHouse:
    """The house, its web application and its two connections, `main` (Twilio) and `play` (simulated)."""

    house: House
    app: Flask

    @property
    def client(self) -> FlaskClient:
        """A carrier."""
        return self.app.test_client(use_cookies=False)

    def post(self, path: str, form: Mapping[str, str] | Pairs, connection: str = "main", **more: Any) -> TestResponse:
        """A signed webhook; `secret` signs with another one."""
        pairs = list(form.items()) if isinstance(form, Mapping) else list(form)
        target = f"/hooks/{connection}/{path}"
        signature = sign(more.get("secret", SECRET), PUBLIC_URL + target, pairs)
        body, kind = urlencode(pairs), "application/x-www-form-urlencoded"
        return self.client.post(target, data=body, content_type=kind, headers={"X-Twilio-Signature": signature})

    def count(self, table: type[Base]) -> int:
        """How many rows there are."""
        with self.house.database.reading() as session:
            return session.execute(select(func.count()).select_from(table)).scalar_one()

    def events(self) -> list[tuple[str, str]]:
        """Kind and provider id of every event, in the order of their arrival."""
        with self.house.database.reading() as session:
            rows = session.execute(select(InboundEvent).order_by(InboundEvent.id)).scalars()
            return [(row.kind, row.provider_id) for row in rows]

    def write_document(self, provider_id: str, document: str) -> None:
        """Writes a turn's document, as the runner does."""
        with self.house.database.transaction() as session:
            event = session.execute(select(InboundEvent).where(InboundEvent.provider_id == provider_id)).scalar_one()
            session.add(
                CallDocument(
                    connection_id=event.connection_id,
                    provider_id=provider_id,
                    conversation_id=event.conversation_id,
                    document=document,
                    media_type="text/xml",
                    created_at=now(session),
                )
            )


@contextmanager
def twilio_house(
    settings: Settings, take_one: TakeOne | None = None, patience: Patience = QUICK
) -> Iterator[TwilioHouse]:
    """A house over a migrated database; our number is on both connections, for WhatsApp on `main` only."""
    settings = replace(settings, public_url=settings.public_url or PUBLIC_URL)
    database = Database.connect(settings)
    Base.metadata.create_all(database.engine)
    key = SecretKey(secrets.token_bytes(32))
    house = House(settings, database, Lanes(settings.redis_url or None), key, Registry([]), Guarded())
    with database.transaction() as session:
        if session.get(Clock, 1) is None:
            session.add(Clock(id=1, offset_microseconds=0))
            session.flush()
        at = now(session)
        if session.get(Installation, 1) is None:
            apology = canonical_json({"en": "Sorry, nobody can answer now.", "pl": "Przepraszamy."})
            session.add(Installation(id=1, apology=apology, key_fingerprint=key.fingerprint(), created_at=at))
        for name, kind in (("main", "twilio"), ("play", "simulated")):
            opened = connection(kind).secrets
            row = Connection(name=name, kind=kind, settings="{}", enabled=True, created_at=at)
            row.sealed = seal_secrets(name, opened, key)
            session.add(row)
            session.flush()
            number = Number(name=f"{name}-line", connection_id=row.id, value=OURS, answers_calls=True, created_at=at)
            number.language, number.fallback_number = "pl", "+48221111111"
            session.add(number)
            if name == "main":
                chat = Number(name="whatsapp", connection_id=row.id, value=f"whatsapp:{OURS}", created_at=at)
                session.add(chat)
    app = create_app(house)
    calling, rates, wakes = Calling(house, take_one, patience), Rates(500, 2_000), Wakes(house.lanes)
    app.extensions["patchbay.hooks"] = hooks.HookState(
        house, HookMemory(house), calling, rates, wakes, RefusedHooks(house)
    )
    yield TwilioHouse(house, app)
    database.close()


def document(answer: TestResponse) -> str:
    """The document of an answer, which a carrier can execute."""
    assert (answer.status_code, answer.mimetype) == (200, "text/xml")
    assert problems(answer.text) == []
    return str(answer.text)


def is_fallback(text: str) -> bool:
    """Whether a caller of our number hears its fallback."""
    return "Przepraszamy." in text and "<Number>+48221111111</Number>" in text


@contextmanager
def a_worker(house: TwilioHouse, provider_id: str, text: str = DOCUMENT) -> Iterator[None]:
    """Writes the document as soon as the event is there."""

    def write() -> None:
        deadline = time.monotonic() + 5
        while provider_id not in {event[1] for event in house.events()}:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        house.write_document(provider_id, text)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def begin(house: TwilioHouse) -> None:
    """The call CA1 and its first document."""
    with a_worker(house, "CA1:0"):
        house.post("calls", a_call())
