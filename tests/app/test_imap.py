"""Looking into a mailbox: a server that hangs, speaks nonsense, hides behind TLS or stands in a private network."""

import ssl
from pathlib import Path

import pytest

from app.mail import imap as imap_client
from app.mail.imap import Folder, RawMail, fetch
from app.mail.servers import MailRefused, MailServer
from app.outgoing import Guarded, OutgoingError
from tests.app.certificates import self_signed
from tests.app.imap_server import PASSWORD, USER, imap_server
from tests.app.smtp_server import saying, silent_server


def looked(port: int, mode: str = "none", tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> list[RawMail]:
    """What a look finds."""
    found: list[RawMail] = []

    def take(one: RawMail) -> bool:
        found.append(one)
        return True

    fetch(MailServer(host, port, mode, USER, PASSWORD), Folder(), Guarded(frozenset({(host, port)}), tls=tls), take)
    return found


def test_a_server_that_hangs_or_speaks_nonsense_is_left_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_client, "LOOK_SECONDS", 0.4)
    with silent_server() as port, pytest.raises(OutgoingError, match=r"did not answer within 0\.4 seconds"):
        looked(port)
    for says in (b"* NO\r\n", b"nonsense\r\n", b"* OK \r\n* OK\r\n" * 9, b"x" * 2_000_000, b"* OK {9999999999999}\r\n"):
        with saying(says) as port, pytest.raises((OutgoingError, MailRefused)):
            looked(port)


def test_a_mailbox_behind_starttls_is_read_by_a_certificate_we_trust(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path, "localhost")
    trusting = ssl.create_default_context(cafile=str(certificate[0]))
    with imap_server(certificate) as server:
        assert looked(server.port, "starttls", trusting, "localhost") == []
        with pytest.raises(MailRefused, match="could not prove who it is"):
            looked(server.port, "starttls", host="localhost")


@pytest.mark.parametrize("mode", ["tls", "starttls", "none"])
def test_a_mailbox_in_a_private_network_is_for_whom_the_operator_allows_it(mode: str) -> None:
    with pytest.raises(MailRefused):
        fetch(MailServer("127.0.0.1", 993, mode, USER, PASSWORD), Folder(), Guarded(), lambda _: True)
