"""A real SMTP server on loopback (aiosmtpd) that keeps what it takes, and misbehaves as a test tells it."""

import asyncio
import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from app.credentials import Credential, seal_credential
from app.db import now
from app.models import CredentialRow
from tests.app.house import Runtime

USER, PASSWORD = "desk", "a secret"
_PATIENCE_SECONDS = 5.0  # of a server that says one thing, when nobody comes


@dataclass
class Mail:
    """A mail that the server took."""

    sender: str
    recipients: list[str]
    content: bytes

    @property
    def read(self) -> EmailMessage:
        """Its parts and headers."""
        mail = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        return mail

    @property
    def text(self) -> str:
        """Its plain text."""
        part = self.read.get_body(("plain",))
        assert part is not None
        return str(part.get_content()).replace("\r\n", "\n").rstrip()


@dataclass
class SmtpServer:
    """What was taken, and what the next talks shall meet."""

    port: int = 0
    mails: list[Mail] = field(default_factory=list)
    talks: int = 0  # mails that somebody began to hand over
    refused: dict[str, str] = field(default_factory=dict)  # recipient → answer, such as "550 No such user"
    after_data: str = "250 OK"  # or "hang", "close"
    takes_password: bool = True

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Only who has signed in may send."""
        if not session.authenticated:
            return "530 Authentication required"
        envelope.mail_from, envelope.mail_options = address, options
        return "250 OK"

    async def handle_RCPT(self, server: SMTP, session: Session, envelope: Envelope, address: str, _: Any) -> str:  # noqa: N802 - aiosmtpd's name
        """One recipient."""
        answer = self.refused.get(address, "250 OK")
        if answer == "hang":
            await asyncio.sleep(60)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """The mail is there."""
        self.talks += 1
        if self.after_data == "hang":
            await asyncio.sleep(60)
        if not self.after_data.startswith(("4", "5")):
            content = envelope.content
            assert isinstance(content, bytes)
            self.mails.append(Mail(envelope.mail_from or "", list(envelope.rcpt_tos), content))
        if self.after_data == "close":
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
            return "250 never heard"
        return self.after_data

    def signs_in(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        """Whether user and password are right."""
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=right and self.takes_password, handled=False)


@contextmanager
def smtp_server(tls: ssl.SSLContext | None = None, *, starttls: ssl.SSLContext | None = None) -> Iterator[SmtpServer]:
    """A server for one test; whoever has a mail for it must sign in."""
    made = SmtpServer()
    controller = Controller(
        made,
        hostname="127.0.0.1",
        port=_free_port(),
        ssl_context=tls,
        tls_context=starttls,
        require_starttls=starttls is not None,
        authenticator=made.signs_in,
        auth_require_tls=False,
    )
    made.port = controller.port
    controller.start()
    try:
        yield made
    finally:
        controller.stop(no_assert=True)


def enter_credential(room: Runtime, credential: Credential) -> None:
    """A credential of the house."""
    name, kind = credential.name, credential.kind
    with room.house.database.transaction() as session:
        at, sealed = now(session), seal_credential(room.house.key, credential)
        session.add(CredentialRow(name=name, kind=kind, origins="[]", sealed=sealed, created_at=at, changed_at=at))


@contextmanager
def silent_server() -> Iterator[int]:
    """The port of a server that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@contextmanager
def saying(words: bytes) -> Iterator[int]:
    """A server that says so and nothing else."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.settimeout(_PATIENCE_SECONDS)  # closing it elsewhere ends no accept() on Linux

    def serve() -> None:
        with contextlib.suppress(OSError):
            connection, _ = listening.accept()
            with connection:
                connection.settimeout(_PATIENCE_SECONDS)
                connection.sendall(words)
                connection.recv(1)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield int(listening.getsockname()[1])
    finally:
        listening.close()
        thread.join(5)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
