"""A real IMAP server on loopback (pymap, in memory), in a process of its own."""

import imaplib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 20.0
USER, PASSWORD = "desk", "a secret"
_PROGRAM = Path(sys.executable).with_name("pymap")


@dataclass
class ImapServer:
    """One account with the folders INBOX and Taken."""

    port: int
    _kept: imaplib.IMAP4 | None = None

    def deliver(self, *mails: bytes) -> None:
        """Mails come in."""
        with self._session() as session:
            for mail in mails:
                assert session.append("INBOX", "", "", mail)[0] == "OK"

    def flags(self, folder: str = "INBOX") -> list[str]:
        """The flags of each mail of a folder, in order."""
        with self._session() as session:
            session.select(folder, readonly=True)
            found = session.uid("FETCH", "1:*", "(FLAGS)")[1]
        lines = [one.decode() for one in found if isinstance(one, bytes)]
        return [
            " ".join(sorted(line.partition("FLAGS (")[2].partition(")")[0].replace("\\Recent", "").split()))
            for line in lines
        ]

    def unsee(self) -> None:
        """As if nobody had marked anything."""
        with self._session() as session:
            session.select("INBOX")
            session.uid("STORE", "1:*", "-FLAGS.SILENT", r"(\Seen)")

    def empty(self) -> None:
        """As it began."""
        with self._session() as session:
            for folder in ("INBOX", "Taken"):
                if session.select(folder)[0] == "OK" and session.uid("SEARCH", "ALL")[1] != [b""]:
                    session.uid("STORE", "1:*", "+FLAGS.SILENT", r"(\Deleted)")
                    session.expunge()

    @contextmanager
    def _session(self) -> Iterator[imaplib.IMAP4]:
        """One session for all: each sign-in costs the server a tenth of a second of hashing."""
        if self._kept is None:
            self._kept = imaplib.IMAP4("127.0.0.1", self.port)
            self._kept.login(USER, PASSWORD)
        yield self._kept
        if self._kept.state == "SELECTED":
            self._kept.close()  # what other sessions do to a folder must be seen at the next look

    def leave(self) -> None:
        """Signs out."""
        if self._kept is not None:
            self._kept.logout()


@contextmanager
def imap_server(certificate: tuple[Path, Path] | None = None) -> Iterator[ImapServer]:
    """A server for some tests; with a certificate it wants STARTTLS."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = int(listening.getsockname()[1])
    tls = ["--cert", str(certificate[0]), "--key", str(certificate[1])] if certificate else ["--no-tls"]
    account = ["dict", "--demo-user", USER, "--demo-password", PASSWORD]
    command = [str(_PROGRAM), "--host", "127.0.0.1", "--port", str(port), *tls, *account]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        _until_it_answers(port)
        made = ImapServer(port)
        if certificate is None:
            with made._session() as session:
                session.create("Taken")
        yield made
        made.leave()
    finally:
        process.terminate()
        process.wait(10)


def _until_it_answers(port: int) -> None:
    gives_up_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < gives_up_at, "the IMAP server does not answer"
            time.sleep(0.05)
        else:
            return
