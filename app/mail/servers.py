"""A mail server as people enter it, and a guarded line to it."""

import re
from dataclasses import dataclass, field
from typing import Final, Protocol, runtime_checkable

from app.outgoing import BadAddress, BlockedAddress, Deadline, TimedSocket, TlsRefused

MODES: Final = ("tls", "starttls", "none")
"""Encrypted from the first byte, encrypted after a greeting (RFC 3207, RFC 8314), or not at all."""
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}\Z")
MOST_WORDS_BYTES: Final = 64 * 1024  # of what a server answers while a mail is handed over


class MailRefused(Exception):
    """The mail server, or we, surely did not take the mail. `kind` is an error kind of send_email.

    A final refusal is not worth another attempt.
    """

    def __init__(self, kind: str, sentence: str, *, final: bool) -> None:
        super().__init__(sentence)
        self.kind, self.final = kind, final


@dataclass(frozen=True)
class MailServer:
    """Host, port and mode of a server, and who we are there; without a user nobody signs in."""

    host: str
    port: int
    mode: str
    user: str = ""
    secret: str = field(default="", repr=False)

    @property
    def place(self) -> str:
        """Host and port, for sentences."""
        return f"{self.host}:{self.port}"


@runtime_checkable
class Lines(Protocol):
    """The guarded client, as far as mail needs it."""

    def open_line(self, host: str, port: int, deadline: Deadline, *, tls: bool) -> TimedSocket:
        """A line to a checked address. Raises: OutgoingError."""
        ...

    def secure(self, line: TimedSocket, host: str) -> None:
        """Turns a line to TLS. Raises: TlsRefused, OSError, TimeoutError."""
        ...

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether the operator lets us into the private network for this pair."""
        ...


def open_line(server: MailServer, lines: Lines, deadline: Deadline, receive_at_most: int) -> TimedSocket:
    """A line on which the server speaks next; with STARTTLS it is not encrypted yet.

    A line without encryption leads only where the operator allowed a private host: anywhere else the password could be
    read on the way. Raises: MailRefused, OutgoingError.
    """
    if server.mode not in MODES or not _HOST.match(server.host):
        raise MailRefused("provider_code", f"{server.place} is no mail server: correct its settings.", final=True)
    if server.mode == "none" and not lines.is_allowed(server.host, server.port):
        raise MailRefused(
            "blocked_address",
            f"{server.place} may not be spoken to without encryption: choose TLS or STARTTLS, or let the operator add "
            f"{server.place} to ALLOWED_PRIVATE_HOSTS if it is yours.",
            final=True,
        )
    try:
        line = lines.open_line(server.host, server.port, deadline, tls=server.mode == "tls")
    except (BadAddress, BlockedAddress) as error:
        raise MailRefused("blocked_address", str(error), final=True) from None
    except TlsRefused as error:
        raise MailRefused("provider_code", f"{error} Look at port and mode.", final=True) from None
    line.begin(deadline, receive_at_most)
    return line
