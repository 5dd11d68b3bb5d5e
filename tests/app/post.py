"""A mailbox of ours with its real servers behind it: what is put into it, and what is answered."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from app.config import Settings
from app.db import now
from app.directory import seal_secrets
from app.models import Connection, Number
from flows.values import canonical_json
from tests.app.drawn import drawn, sends, starts_with
from tests.app.house import Runtime, runtime
from tests.app.imap_server import PASSWORD, USER, ImapServer
from tests.app.processes import until
from tests.app.smtp_server import SmtpServer, smtp_server

OURS, ANNA, BOB = "support@acme.example", "anna@example.com", "bob@example.com"


def mail(text: str, subject: str = "Order", sender: str = f"Anna Nowak <{ANNA}>", **headers: str) -> EmailMessage:
    """A mail to us."""
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = sender, OURS, subject
    for name, value in headers.items():
        made[name.replace("_", "-")] = value
    made.set_content(text)
    return made


class Post:
    """A house with a mailbox."""

    def __init__(self, room: Runtime, imap: ImapServer, smtp: SmtpServer) -> None:
        self.room, self.imap, self.smtp = room, imap, smtp
        self.connect({})

    def connect(self, more: dict[str, Any]) -> None:
        """The connection and its number."""
        settings = {"imap_host": "127.0.0.1", "imap_port": self.imap.port, "imap_mode": "none", "user": USER}
        settings |= {"smtp_host": "127.0.0.1", "smtp_port": self.smtp.port, "smtp_mode": "none", **more}
        house = self.room.house
        with house.database.transaction() as session:
            at = now(session)
            connection = Connection(name="post", kind="mailbox", settings=canonical_json(settings), created_at=at)
            connection.sealed = seal_secrets("post", {"password": PASSWORD}, house.key)
            session.add(connection)
            session.flush()
            number = Number(name="post", connection_id=connection.id, value=OURS, created_at=at)
            session.add(number)
            session.flush()
            self.room.numbers["post"], self.connection_id = number, connection.id

    def change(self, **settings: Any) -> None:
        """Other settings of the connection."""
        old = self.room.column("SELECT settings FROM connections WHERE name = 'post'")[0]
        self.room.execute(
            "UPDATE connections SET settings = :new WHERE name = 'post'", new=canonical_json(json.loads(old) | settings)
        )

    def answers(self, words: str = "We look into it.") -> None:
        """A flow that answers every mail."""
        self.room.publish(drawn("Post", {"in": starts_with("post", "out"), "out": sends(words)}))

    def gets(self, *mails: EmailMessage | bytes) -> None:
        """Mails come, and a worker looks."""
        self.imap.deliver(*(one if isinstance(one, bytes) else one.as_bytes() for one in mails))
        self.look()

    def look(self) -> None:
        """A worker looks now; one that is looking already is left to finish, or two would look at once."""
        if not self.room.processes:
            self.room.start()
        until(self._is_at_rest, "the look before is over")
        before = self.looks()
        self.room.execute("UPDATE mailboxes SET next_look_at = 0")
        until(lambda: self._is_at_rest() and (self.looks() > before or bool(self.problem())), "a worker has looked")
        self.room.drive()

    def _is_at_rest(self) -> bool:
        """Whether nobody looks: a lease lies further ahead than the next look."""
        for process in self.room.processes:
            process.runner.wake()
        query = "SELECT next_look_at - coalesce(looked_at, 0) AS ahead, next_look_at, failures FROM mailboxes"
        rows = self.room.rows(query)
        return bool(rows) and rows[0]["next_look_at"] > 0 and (rows[0]["ahead"] < 60_000_000 or rows[0]["failures"] > 0)

    def looks(self) -> int:
        return int(self.room.column("SELECT coalesce(max(looked_at), 0) FROM mailboxes")[0])

    def problem(self) -> str:
        return "".join(self.room.column("SELECT problem FROM mailboxes"))

    def said(self) -> dict[str, list[str]]:
        """What was said in each conversation on this number, by its reference."""
        ids = self.room.column("SELECT id FROM conversations ORDER BY id")
        return {f"PB-{10_000 + id_}": self.room.said(id_) for id_ in ids}


@contextmanager
def a_post(settings: Settings, imap: ImapServer) -> Iterator[Post]:
    imap.empty()
    with smtp_server() as smtp:
        hosts = frozenset(("127.0.0.1", port) for port in (imap.port, smtp.port))
        with runtime(settings, allowed_private_hosts=hosts) as room:
            yield Post(room, imap, smtp)
