"""Handing a mail over: to all or to none, never twice, never for ever, and never past the deny list."""

import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from app.mail.composing import Draft, Enclosure, compose
from app.mail.servers import MailRefused, MailServer
from app.mail.smtp import Envelope, submit
from app.outgoing import Guarded, NotConnected, OutgoingError
from tests.app.certificates import self_signed
from tests.app.smtp_server import PASSWORD, USER, SmtpServer, saying, silent_server, smtp_server

TO = ("anna@example.com", "bob@example.com")
MAIL = Envelope("desk@acme.example", TO, b"Subject: hi\r\n\r\n.a line\r\n..\r\nend\r\n")


@pytest.fixture(scope="module")
def shared() -> Iterator[SmtpServer]:
    with smtp_server() as made:
        yield made


@pytest.fixture
def server(shared: SmtpServer) -> SmtpServer:
    """The module's server, as it begins."""
    shared.mails.clear()
    shared.talks, shared.refused, shared.after_data, shared.takes_password = 0, {}, "250 OK", True
    return shared


def place(port: int, mode: str = "none", **more: str) -> MailServer:
    return MailServer("127.0.0.1", port, mode, **{"user": USER, "secret": PASSWORD, **more})


def guarded(port: int, tls: ssl.SSLContext | None = None) -> Guarded:
    return Guarded(frozenset({("127.0.0.1", port), ("localhost", port)}), tls=tls)


def hand_over(port: int, envelope: Envelope = MAIL, seconds: float = 5.0, **more: str) -> None:
    submit(place(port, **more), envelope, guarded(port), seconds)


def test_the_mail_arrives_as_it_is(server: SmtpServer) -> None:
    hand_over(server.port)
    (mail,) = server.mails
    assert (mail.sender, tuple(mail.recipients)) == ("desk@acme.example", TO)
    assert mail.content.endswith(b"\r\n\r\n.a line\r\n..\r\nend\r\n")


@pytest.mark.parametrize(
    ("set_up", "kind", "final"),
    [
        ({"takes_password": False}, "smtp_auth", True),
        ({"refused": {TO[1]: "550 No such user"}}, "bounced", True),
        ({"refused": {TO[1]: "452 Mailbox full"}}, "provider_code", False),
        ({"refused": {TO[0]: "421 Going down"}}, "provider_code", False),
        ({"after_data": "554 Looks like spam"}, "provider_code", True),
        ({"after_data": "552 Too large"}, "media_too_large", True),
        ({"after_data": "451 Try again"}, "provider_code", False),
    ],
)
def test_a_refusal_is_told_and_nobody_gets_the_mail(
    server: SmtpServer, set_up: dict[str, Any], kind: str, final: bool
) -> None:
    vars(server).update(set_up)
    with pytest.raises(MailRefused) as refused:
        hand_over(server.port)
    assert (refused.value.kind, refused.value.final, server.mails) == (kind, final, [])
    assert PASSWORD not in str(refused.value)


def test_the_refused_recipient_is_named(server: SmtpServer) -> None:
    server.refused = {TO[1]: "550 5.1.1 No such user"}
    with pytest.raises(MailRefused, match=r"does not take mail for bob@example\.com: 550 5\.1\.1 No such user"):
        hand_over(server.port)


@pytest.mark.parametrize(
    ("set_up", "may_have_arrived"),
    [({"refused": {TO[0]: "hang"}}, False), ({"after_data": "hang"}, True), ({"after_data": "close"}, True)],
)
def test_only_after_the_last_line_the_mail_may_have_arrived(
    server: SmtpServer, set_up: dict[str, Any], may_have_arrived: bool
) -> None:
    vars(server).update(set_up)
    with pytest.raises(OutgoingError) as lost:
        hand_over(server.port, seconds=0.4)
    assert lost.value.may_have_arrived is may_have_arrived


def test_a_server_that_says_nothing_is_left_in_time() -> None:
    began = time.monotonic()
    with silent_server() as port, pytest.raises(OutgoingError, match=r"did not answer within 0\.3 seconds") as lost:
        hand_over(port, seconds=0.3)
    assert lost.value.may_have_arrived is False
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("says", [b"220 " + b"x" * 100_000, b"nonsense\r\n", b"220-more\r\n" * 20_000, b""])
def test_a_server_that_speaks_nonsense_is_left(says: bytes) -> None:
    with saying(says) as port, pytest.raises((OutgoingError, MailRefused)):
        hand_over(port, seconds=1)


def test_a_wrong_port_is_no_connection() -> None:
    with silent_server() as port:
        pass
    with pytest.raises(NotConnected):
        hand_over(port)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.8", "169.254.169.254", "::1", "[::1]", "localhost"])
@pytest.mark.parametrize("mode", ["tls", "starttls", "none"])
def test_private_hosts_are_for_whom_the_operator_allows_them(host: str, mode: str) -> None:
    with pytest.raises(MailRefused) as refused:
        submit(MailServer(host, 2525, mode), MAIL, Guarded(), 1)
    assert refused.value.final


def test_without_encryption_nobody_is_spoken_to_but_an_allowed_private_host() -> None:
    with pytest.raises(MailRefused, match="without encryption: choose TLS or STARTTLS") as refused:
        submit(MailServer("mail.example.com", 25, "none"), MAIL, Guarded(), 1)
    assert refused.value.kind == "blocked_address"


def test_tls_from_the_first_byte_or_after_a_greeting_and_with_a_certificate_we_trust(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    for mode, servers in (("tls", {"tls": tls}), ("starttls", {"starttls": tls})):
        with smtp_server(**servers) as server:
            here = replace(place(server.port, mode), host="localhost")
            submit(here, MAIL, guarded(server.port, trusting), 5)
            assert len(server.mails) == 1
            with pytest.raises(MailRefused, match="could not prove who it is") as refused:
                submit(here, MAIL, guarded(server.port), 5)
            assert refused.value.final
            assert len(server.mails) == 1


def test_a_server_without_starttls_gets_no_password(server: SmtpServer) -> None:
    with pytest.raises(MailRefused, match="offers no STARTTLS"):
        hand_over(server.port, mode="starttls")


def draft(**changes: Any) -> Draft:
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    plain = Draft("Acme <desk@acme.example>", ["anna@example.com"], "Hi", "text", "<1.a@acme.example>", at)
    return replace(plain, **changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"subject": "Hi\nBcc: all@example.com"},
        {"subject": "Hi\rBcc: all@example.com"},
        {"subject": "Hi\u2028Bcc: all@example.com"},
        {"to": ["anna@example.com\nBcc: all@example.com"]},
        {"cc": ["anna@example.com, all@example.com"]},
        {"sender": "Acme\nX: y <desk@acme.example>"},
        {"in_reply_to": "<a@b>\nBcc: all@example.com"},
        {"enclosures": [Enclosure("a\nb.txt", "text/plain", b"x")]},
    ],
)
def test_nothing_breaks_out_of_a_header(changes: dict[str, Any]) -> None:
    with pytest.raises(MailRefused):
        compose(draft(**changes))


def test_words_of_all_languages_arrive_as_they_are() -> None:
    words = "Zażółć gęślą jaźń\n\nПривет 🙂\n" + "long " * 500
    mail = message_from_bytes(compose(draft(subject="Łódź – Привет", text=words)), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    assert mail["subject"] == "Łódź – Привет"
    assert mail.get_content().replace("\r\n", "\n").rstrip() == words.rstrip()
    assert all(len(line) < 999 for line in mail.as_bytes().splitlines())


def test_html_alone_gets_a_text_beside_it() -> None:
    mail = message_from_bytes(compose(draft(text="", html="<h1>Hi</h1><p>A &amp; B</p>")), policy=policy.default)
    assert isinstance(mail, EmailMessage)
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert plain.get_content().split() == ["Hi", "A", "&", "B"]


def test_a_domain_of_letters_is_written_as_mail_servers_know_it() -> None:
    assert b"To: anna@xn--kser-loa.example" in compose(draft(to=["anna@k\u00e4ser.example"]))


def test_too_many_files_are_refused_before_anybody_is_asked() -> None:
    with pytest.raises(MailRefused) as refused:
        compose(draft(enclosures=[Enclosure("a", "text/plain", bytes(10 << 20))] * 2))
    assert refused.value.kind == "media_too_large"


def test_a_double_to_which_nobody_comes_ends_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.app.smtp_server._PATIENCE_SECONDS", 0.05)
    before = threading.enumerate()
    with saying(b"220 hello\r\n"):
        assert all(thread.daemon for thread in threading.enumerate() if thread not in before)
    assert not set(threading.enumerate()) - set(before)
