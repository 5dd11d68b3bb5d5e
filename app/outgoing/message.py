"""What is asked of the outside and what comes back, as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.outgoing.errors import BadRequest
from app.web_address import FRAMING_HEADERS

DEFAULT_TIMEOUT_SECONDS: Final = 10.0
DEFAULT_BYTES: Final = 256 * 1024  # STEPS, Limits: the answer of an API
MAXIMUM_BYTES: Final = 5 * 1024 * 1024  # STEPS, Limits: the most an author may ask for
MAXIMUM_FILE_BYTES: Final = (
    16 * 1024 * 1024
)  # DESIGN §5: the most the table of files takes, for channels that fetch media

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})  # no CONNECT, no TRACE
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,200}\Z")
_VALUE_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


@dataclass(frozen=True)
class OutgoingRequest:
    """One request. `timeout_seconds` covers everything, `maximum_bytes` the unpacked body.

    `secret_headers` go only to the origin of `url`, whatever it redirects to.
    """

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    maximum_bytes: int = DEFAULT_BYTES
    secret_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    follow_redirects: bool = True

    def __post_init__(self) -> None:
        if self.timeout_seconds <= 0 or not 0 <= self.maximum_bytes <= MAXIMUM_FILE_BYTES:
            raise ValueError("timeout_seconds must be above 0 and maximum_bytes within 16 MiB")

    def refuse_unsendable(self) -> None:
        """Raises: BadRequest, if the method or a header cannot be sent as it is; the sentence holds no value."""
        if self.method not in METHODS:
            raise BadRequest(f"The method must be one of {', '.join(sorted(METHODS))}.")
        for name, value in (*self.headers.items(), *self.secret_headers.items()):
            if not _NAME.match(name):
                raise BadRequest("A header's name may hold only letters, digits and -; correct the list of headers.")
            if name.lower() in FRAMING_HEADERS or name.lower().startswith("proxy-"):
                raise BadRequest(f"The header {name} is set by the connection itself; remove it.")
            if _VALUE_CONTROL.search(value):
                raise BadRequest(f"The value of the header {name} holds a line break or control character; remove it.")


@dataclass(frozen=True)
class Hop:
    """A redirect that was followed: where it came from and its status."""

    url: str = field(repr=False)
    status: int


@dataclass(frozen=True)
class OutgoingAnswer:
    """The answer of the last hop; names of headers in lower case, repeated ones joined by commas."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    seconds: float
    final_url: str = field(repr=False)
    hops: tuple[Hop, ...] = ()
