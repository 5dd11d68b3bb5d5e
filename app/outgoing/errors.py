"""Why a request brought no answer: one tree, each kind knowing what may be done next.

OutgoingError
├── BadAddress         bad_address       not http(s), a user name before the @, no such port
├── BadRequest         bad_request       a method or header that cannot be sent
├── BlockedAddress     blocked_address   the name leads into a private or special network
├── NameNotFound       dns
├── NotConnected       connect
├── TlsRefused         tls
├── TimedOut           timeout
├── RedirectRefused    redirect_refused
├── TooLarge           too_large
└── ConnectionLost     connection_lost   broken off, or not an answer in HTTP
"""

from __future__ import annotations

from typing import ClassVar, Literal

Kind = Literal[
    "bad_address",
    "bad_request",
    "blocked_address",
    "dns",
    "connect",
    "tls",
    "timeout",
    "redirect_refused",
    "too_large",
    "connection_lost",
]


class OutgoingError(Exception):
    """No usable answer. The message is a sentence that names host and port, never the path, a header or a secret.

    `retryable`: the same request may succeed later. `may_have_arrived`: False only when it certainly never left.
    """

    kind: ClassVar[Kind]
    retryable: ClassVar[bool] = False

    def __init__(self, sentence: str, *, may_have_arrived: bool = False) -> None:
        super().__init__(sentence)
        self.may_have_arrived = may_have_arrived


class BadAddress(OutgoingError):
    """The author's mistake in the address."""

    kind = "bad_address"


class BadRequest(OutgoingError):
    """The author's mistake in the method or a header."""

    kind = "bad_request"


class BlockedAddress(OutgoingError):
    """At least one address of the host lies where flows may not reach."""

    kind = "blocked_address"


class NameNotFound(OutgoingError):
    """The host's name has no address now."""

    kind = "dns"
    retryable = True


class NotConnected(OutgoingError):
    """No address of the host took the connection."""

    kind = "connect"
    retryable = True


class TlsRefused(OutgoingError):
    """The host could not prove its name, or speaks no TLS that we accept."""

    kind = "tls"


class TimedOut(OutgoingError):
    """The time for the whole request is over."""

    kind = "timeout"
    retryable = True


class RedirectRefused(OutgoingError):
    """The answer leads somewhere we do not follow."""

    kind = "redirect_refused"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, may_have_arrived=True)


class TooLarge(OutgoingError):
    """The answer is larger than the request allows, as sent or once unpacked."""

    kind = "too_large"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, may_have_arrived=True)


class ConnectionLost(OutgoingError):
    """The connection broke after it was made. `answer_began`: at least one byte came back."""

    kind = "connection_lost"
    retryable = True

    def __init__(self, sentence: str, *, may_have_arrived: bool, answer_began: bool) -> None:
        super().__init__(sentence, may_have_arrived=may_have_arrived)
        self.answer_began = answer_began
