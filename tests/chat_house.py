"""A chat with its doors for the tests: a house over a fresh database, one number, and what others would write."""

import json
import secrets
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select, update
from werkzeug.test import TestResponse

from app.config import Settings
from app.db import Base, Database, now
from app.directory import seal_secrets
from app.house import House
from app.lanes import Lanes
from app.models import Clock, Connection, Conversation, EffectRow, InboundEvent, Installation, Message, Number
from app.outgoing import Guarded
from app.sealing import SecretKey
from app.web import create_app
from flows.registry import Registry
from flows.values import canonical_json

SECRET = "the host page's secret"


@dataclass
class Visit:
    """One visitor's token, as a page keeps it."""

    client: FlaskClient
    number: str
    token: str
    headers: dict[str, str] = field(default_factory=dict)

    def post(self, door: str, **body: Any) -> TestResponse:
        """A POST with the token."""
        return self.client.post(f"/chat/{self.number}/{door}", json=body, headers=self._headers())

    def send(self, text: str, key: str = "", **more: Any) -> TestResponse:
        """One message."""
        return self.post("messages", key=key or str(uuid.uuid4()), text=text, **more)

    def upload(self, content: bytes) -> TestResponse:
        """One file."""
        return self.client.post(f"/chat/{self.number}/files", data=content, headers=self._headers())

    def messages(self, before: int = 0) -> dict[str, Any]:
        """What the page shows."""
        answer = self.client.get(f"/chat/{self.number}/messages?before={before}", headers=self._headers())
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.get_json()
        return data

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", **self.headers}


@dataclass
class ChatHouse:
    """The house, its web application and the number `web`."""

    house: House
    app: Flask
    number_id: int
    connection_id: int

    @property
    def client(self) -> FlaskClient:
        """A browser that keeps no cookies."""
        return self.app.test_client(use_cookies=False)

    def visit(self, number: str = "web", **body: Any) -> Visit:
        """A new visitor, or the one whose token or signed identity is given."""
        answer = self.client.post(f"/chat/{number}/visits", json=body)
        assert answer.status_code == 200, answer.text
        return Visit(self.client, number, answer.get_json()["token"])

    def count(self, table: type[Base]) -> int:
        """How many rows there are."""
        with self.house.database.reading() as session:
            return session.execute(select(func.count()).select_from(table)).scalar_one()

    def received(self) -> int:
        """How many messages came; receipts of the page do not count."""
        wanted = select(func.count()).select_from(InboundEvent).where(InboundEvent.kind == "message_received")
        with self.house.database.reading() as session:
            return session.execute(wanted).scalar_one()

    def change_settings(self, **settings: Any) -> None:
        """Writes the number's settings."""
        with self.house.database.transaction() as session:
            session.execute(update(Number).where(Number.id == self.number_id).values(settings=canonical_json(settings)))

    def move_clock(self, seconds: int) -> None:
        """Moves the house's time forward."""
        with self.house.database.transaction() as session:
            session.execute(update(Clock).values(offset_microseconds=Clock.offset_microseconds + seconds * 1_000_000))

    def only_conversation(self) -> int:
        """The id of the one conversation."""
        with self.house.database.reading() as session:
            return session.execute(select(Conversation.id)).scalar_one()

    def answer(self, text: str, *, conversation_id: int = 0, rank: int = 4, **fields: Any) -> int:
        """Writes a message of the flow as the runner would, with its effect; the message's id."""
        conversation_id = conversation_id or self.only_conversation()
        effect_key = f"test/{secrets.token_hex(8)}"
        with self.house.database.transaction() as session:
            at = now(session)
            choices = [{"id": id_, "label": label} for id_, label in fields.get("choices", {}).items()]
            session.add(
                EffectRow(
                    key=effect_key,
                    kind="send_message",
                    conversation_id=conversation_id,
                    connection_id=self.connection_id,
                    number_id=self.number_id,
                    payload="{}",
                    to="",
                    state="sent" if rank >= 4 else "queued",
                    attempts=1,
                    next_attempt_at=at,
                    provider_id="",
                    error="",
                    created_at=at,
                )
            )
            message = Message(
                conversation_id=conversation_id,
                direction="out",
                author=fields.get("author", "flow"),
                text=text,
                media=json.dumps(fields.get("media", [])),
                choices=json.dumps(choices),
                rank=rank,
                error="",
                provider_id="",
                client_key="",
                effect_key=effect_key,
                created_at=at,
                changed_at=at,
            )
            session.add(message)
            session.flush()
            message_id = message.id
        self.house.lanes.announce(conversation_id)
        return message_id

    def handle_all(self) -> None:
        """Marks every event handled, as the runner would."""
        with self.house.database.transaction() as session:
            session.execute(update(InboundEvent).values(state="done"))


@contextmanager
def chat_house(settings: Settings) -> Iterator[ChatHouse]:
    """A chat over a migrated database; the number `web` answers messages and is of the connection `site`."""
    database = Database.connect(settings)
    Base.metadata.create_all(database.engine)
    key = SecretKey(secrets.token_bytes(32))
    house = House(
        settings=settings,
        database=database,
        lanes=Lanes(settings.redis_url or None),
        key=key,
        steps=Registry([]),
        http=Guarded(),
    )
    with database.transaction() as session:
        if session.get(Clock, 1) is None:
            session.add(Clock(id=1, offset_microseconds=0))
            session.flush()
        at = now(session)
        if session.get(Installation, 1) is None:
            session.add(Installation(id=1, name="Acme", apology="{}", key_fingerprint=key.fingerprint(), created_at=at))
        connection = Connection(name="site", kind="web_chat", settings="{}", enabled=True, created_at=at)
        session.add(connection)
        session.flush()
        connection.sealed = seal_secrets("site", {"identity_secret": SECRET}, key)
        number = Number(name="web", connection_id=connection.id, value="pk_web", country="PL", created_at=at)
        session.add(number)
        session.flush()
        ids = (number.id, connection.id)
    yield ChatHouse(house, create_app(house), *ids)
    database.close()
