"""Whole calls as the caller meets them, with the telephone in the terminal: signed webhooks, a worker, real e-mail."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from flask import Flask
from werkzeug.serving import make_server

from app import publishing
from app.channels.simulated import silence
from app.config import Settings
from app.credentials import read_credential, seal_credential
from app.db import now
from app.models import Connection, CredentialRow, Number
from app.telephone import Receiver, call
from app.web import create_app
from flows import document
from tests.app.drawn import Document, drawn, placed
from tests.app.processes import Process, until
from tests.app.seeded import Seeded, seeded
from tests.app.smtp_server import PASSWORD, USER, SmtpServer, smtp_server

CALLER = "+48500100100"
ORDER = drawn(
    "Order number",
    {
        "in": placed("incoming_call", {"numbers": ["orders"]}, next="number"),
        "number": placed(
            "gather_input",
            {
                "prompt": {"en": "Please type your order number and press hash."},
                "minimum_digits": 4,
                "variable": "order",
                "read_back": {"text": {"en": "That is {{ entered }}. Press 1 if it is right, else 2."}},
                "invalid_text": {"en": "Let us try again."},
                "attempts": 3,
            },
            valid="thanks",
            no_input="bye",
            invalid="bye",
        ),
        "thanks": placed("hang_up", {"text": {"en": "Order {{ order }} is on its way. Goodbye."}}, next="end"),
        "bye": placed("hang_up", {"text": {"en": "Please call again."}}, next="end"),
    },
)
VOICEMAIL = drawn(
    "Voicemail",
    {
        "in": placed("incoming_call", {"numbers": ["voicemail"]}, next="ring"),
        "ring": placed(
            "forward_call",
            {"targets": [{"number": "+48221234567"}, {"number": "+48221234568"}], "whisper": {"en": "The hotline."}},
            answered="end",
            busy="ask",
            no_answer="ask",
        ),
        "ask": placed("say", {"text": {"en": "Nobody is there. Speak after the beep."}}, next="record"),
        "record": placed("record_message", {"variable": "voicemail"}, recorded="mail", too_short="end", failure="end"),
        "mail": placed(
            "send_email",
            {
                "credential": "mail",
                "to": ["team@example.com"],
                "subject": {"en": "{{ contact.phone }} called"},
                "text": {"en": "{{ voicemail.seconds }} seconds."},
                "files": [{"recording": "{{ voicemail }}"}],
            },
            success="bye",
        ),
        "bye": placed("hang_up", {"text": {"en": "Thank you, we call you back."}}, next="end"),
    },
)


@dataclass
class Installation:
    """A first start with two more simulated numbers, web, a worker, and a mail server."""

    seeded: Seeded
    settings: Settings
    mail: SmtpServer

    def telephone(self, number: str, script: str) -> list[str]:
        """What a caller who answers so sees."""
        lines: list[str] = []
        receiver = Receiver(script=script, say=lines.append, wait=lambda seconds: time.sleep(seconds / 20))
        assert call(self.settings, number, CALLER, receiver=receiver) == 0
        return [line for line in lines[1:] if line != "  (silence)"]

    def publish(self, drawn: Document) -> None:
        """Makes the flow live."""
        with self.seeded.house.database.transaction() as session:
            draft = publishing.create(session, document.from_data(drawn), "tests")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, self.seeded.house, row, draft.revision, publishing.Order("tests", ""))


@pytest.fixture
def installation(sqlite_url: str, redis_url: str, data_folder: Path) -> Iterator[Installation]:
    told = {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "PATCHBAY_DATA": str(data_folder)}
    server = make_server("127.0.0.1", 0, Flask("not yet"), threaded=True)
    with smtp_server() as mail:
        settings = replace(
            Settings.from_environment(told),
            public_url=f"http://127.0.0.1:{server.server_port}",
            allowed_private_hosts=frozenset({("127.0.0.1", mail.port)}),
        )
        with seeded(settings) as house, serving(server, house), working(house):
            furnish(house, mail)
            yield Installation(house, settings, mail)


@contextmanager
def serving(server: object, house: Seeded) -> Iterator[None]:
    """Web, in a thread."""
    server.app = create_app(house.house)  # type: ignore[attr-defined]  # werkzeug's server is not typed so
    thread = threading.Thread(target=server.serve_forever, daemon=True)  # type: ignore[attr-defined]  # as above
    thread.start()
    try:
        yield
    finally:
        server.shutdown()  # type: ignore[attr-defined]  # as above
        thread.join()
        server.server_close()  # type: ignore[attr-defined]  # as above


@contextmanager
def working(house: Seeded) -> Iterator[None]:
    """A worker's runner."""
    process = Process(house.house).start()
    try:
        yield
    finally:
        process.stop()


def furnish(house: Seeded, mail: SmtpServer) -> None:
    """Two numbers beside the seeded one, and the team's mail account."""
    account = {"host": "127.0.0.1", "port": str(mail.port), "mode": "none", "user": USER, "secret": PASSWORD}
    credential = read_credential("mail", "smtp", (), {**account, "sender": "Acme <desk@acme.example>"})
    with house.house.database.transaction() as session:
        at = now(session)
        simulated = session.query(Connection).filter_by(kind="simulated").one()
        for index, name in enumerate(("orders", "voicemail")):
            value = f"+1500555010{index}"
            line = Number(name=name, connection_id=simulated.id, value=value, answers_calls=True, created_at=at)
            session.add(line)
        sealed = seal_credential(house.house.key, credential)
        session.add(CredentialRow(name="mail", kind="smtp", origins="[]", sealed=sealed, created_at=at, changed_at=at))


def starting_with(lines: Sequence[str], *beginnings: str) -> bool:
    """Whether these are the lines, each as far as it is told."""
    return len(lines) == len(beginnings) and all(map(str.startswith, lines, beginnings))


def test_a_number_is_collected_and_read_back(installation: Installation) -> None:
    installation.publish(ORDER)
    lines = installation.telephone("orders", "12# 1234# 2 12345# 1")
    assert [line for line in lines if line.startswith("»")] == [
        "» Please type your order number and press hash.",
        "» Let us try again.",
        "» Please type your order number and press hash.",
        "» That is 1 2 3 4. Press 1 if it is right, else 2.",
        "» Let us try again.",
        "» Please type your order number and press hash.",
        "» That is 1 2 3 4 5. Press 1 if it is right, else 2.",
        "» Order 12345 is on its way. Goodbye.",
    ]
    assert lines[-1] == "  The other side hung up."


def test_a_voicemail_is_recorded_and_sent_by_mail(installation: Installation) -> None:
    installation.publish(VOICEMAIL)
    lines = installation.telephone("voicemail", "n busy 7")
    assert starting_with(
        lines,
        "  Ringing +48221234567 — answer? [y/n/busy]: n",
        "  Ringing +48221234568 — answer? [y/n/busy]: busy",
        "» Nobody is there. Speak after the beep.",
        "  ♪ beep Speak",
        "» Thank you, we call you back.",
        "  The other side hung up.",
    ), lines
    is_mailed(installation, 7)


def test_a_voicemail_of_a_caller_who_hangs_up_is_sent_too(installation: Installation) -> None:
    installation.publish(VOICEMAIL)
    lines = installation.telephone("voicemail", "n n 5h")
    assert lines[-1] == "  You hung up."
    is_mailed(installation, 5)


def test_whoever_answers_hears_the_whisper_before_the_caller(installation: Installation) -> None:
    installation.publish(VOICEMAIL)
    lines = installation.telephone("voicemail", "n y .")
    assert starting_with(
        lines,
        "  Ringing +48221234567",
        "  Ringing +48221234568",
        "  (only they hear) The hotline.",
        "  You are talking.",
        "  The other side hung up.",
    ), lines


def is_mailed(installation: Installation, seconds: int) -> None:
    until(lambda: installation.mail.mails, "the e-mail is sent")
    (mail,) = installation.mail.mails
    letter = mail.read
    assert letter["Subject"] == f"{CALLER} called"
    assert f"{seconds} seconds." in mail.text
    (sound,) = letter.iter_attachments()
    assert sound.get_filename("").startswith("recording-PB-")
    assert sound.get_content() == silence(seconds)
