"""Mails made to harm whoever reads them: each is read, in bounded time, so that the mailbox behind it goes on."""

import time

import pytest

from app.channels.contract import ConnectionInfo, FetchFailed, OutgoingMessage, SendFailed
from app.channels.mailbox import Mailbox, read_fetched
from app.mail.imap import RawMail
from app.outgoing import Guarded
from flows.effect import SendMessage
from flows.event import MessageReceived
from tests.app.smtp_server import saying

OURS = "desk@acme.example"
HEAD = f"From: anna@shop.example\r\nTo: {OURS}\r\nSubject: Broken\r\n".encode()
HTML = HEAD + b"Content-Type: text/html; charset=utf-8\r\n\r\n"
PARTS = HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
SECONDS = 10.0  # of this thread's own processor time, for the worst of them


def _nested(kind: bytes, levels: int) -> bytes:
    return HEAD + b"".join(kind.replace(b"@", str(level).encode()) for level in range(levels)) + b"\r\nhi\r\n"


HOSTILE = [
    ("parts in parts", _nested(b'Content-Type: multipart/mixed; boundary="b@"\r\n\r\n--b@\r\n', 3_000)),
    ("fewer parts in parts", _nested(b'Content-Type: multipart/mixed; boundary="b@"\r\n\r\n--b@\r\n', 200)),
    ("mails in mails", _nested(b"Content-Type: message/rfc822\r\n\r\n", 5_000)),
    ("fewer mails in mails", _nested(b"Content-Type: message/rfc822\r\n\r\n", 300)),
    (
        "ten thousand parts",
        HEAD + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n' + b"--b\r\n\r\nhi\r\n" * 10_000,
    ),
    ("a charset that is no name", HEAD + b"Content-Type: text/plain; charset=a\x00b\r\n\r\nhi \xff"),
    ("comments in comments", HEAD + b"Reply-To: " + b"(" * 20_000 + b"\r\nCc: " + b"(" * 20_000 + b"\r\n\r\nhi"),
    ("a hundred thousand receivers", b"From: anna@shop.example\r\nTo: " + b"a@b.c, " * 300_000 + b"\r\n\r\nhi"),
    ("an endless subject", b"From: anna@shop.example\r\nSubject: " + b"=?utf-8?q?=41?= " * 100_000 + b"\r\n\r\nhi"),
    ("nothing but lines", HEAD + b"\r\n" + b"\n" * 4_000_000),
    ("links in one line", HTML + b"".join(b'<a href="https://x.example/%d">y</a>' % at for at in range(40_000))),
    ("tags that never end", HTML + b"<a " * 300_000),
    ("comments that never end", HTML + b"<!--" * 300_000),
    ("declarations that never end", HTML + b"<![CDATA[" * 150_000),
    ("tags that are closed by others", HTML + b"<template>" * 60_000 + b"</style>" * 60_000),
]


@pytest.mark.parametrize("content", [mail for _, mail in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_a_hostile_mail_is_read_and_soon(content: bytes) -> None:
    began = time.thread_time()
    fetched = read_fetched(ConnectionInfo(1, "box", "mailbox", {}, {}), [OURS], RawMail("1/1", content))
    assert time.thread_time() - began < SECONDS
    assert fetched.arrival.address == "anna@shop.example"
    assert isinstance(fetched.arrival.happened, MessageReceived)
    assert fetched.arrival.happened.text


@pytest.mark.parametrize("word", ["canary-7f3a9c", "Y2FuYXJ5LTdmM2E5Yw=="])
def test_a_mail_server_that_repeats_the_password_brings_it_into_no_sentence(word: str) -> None:
    with saying(f"* NO {word} again?\r\n".encode()) as imap, saying(f"554 {word} again?\r\n".encode()) as smtp:
        settings = {"imap_host": "127.0.0.1", "imap_port": imap, "imap_mode": "none", "user": "desk"}
        settings |= {"smtp_host": "127.0.0.1", "smtp_port": smtp, "smtp_mode": "none"}
        connection = ConnectionInfo(1, "box", "mailbox", settings, {"password": "canary-7f3a9c"})
        http = Guarded(frozenset({("127.0.0.1", imap), ("127.0.0.1", smtp)}))
        outgoing = OutgoingMessage("1/1/0", 1, OURS, "anna@shop.example", SendMessage("hi"))
        with pytest.raises(FetchFailed) as refused:
            Mailbox().fetch(connection, [OURS], lambda _: True, http)
        with pytest.raises(SendFailed) as failed:
            Mailbox().send(connection, outgoing, http)
    for sentence in (str(refused.value), str(failed.value)):
        assert word not in sentence
        assert "again?" in sentence
