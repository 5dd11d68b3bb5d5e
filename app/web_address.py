"""Reads the web addresses that flows and people write, strictly, into one form that can be compared."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urljoin, urlsplit

import idna

DEFAULT_PORTS = {"http": 80, "https": 443}
FRAMING_HEADERS = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers of the connection itself; written by hand they let one request smuggle another (RFC 9112 §11.2)."""
LONGEST_ADDRESS = 8_192  # what common servers accept as a request line (nginx: large_client_header_buffers 8k)

_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_HOST = re.compile(
    r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*\Z"
)
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?[]"


class BadWebAddress(ValueError):
    """A text that is no address to call; the message never repeats the text, which may hold a secret."""


@dataclass(frozen=True)
class WebAddress:
    """One http or https address: host in lower case (IPv6 without brackets), port always known, target quoted."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def host_and_port(self) -> str:
        """The host as a Host header writes it; the port only where it is not the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what a credential is bound to (RFC 6454 §4)."""
        return f"{self.scheme}://{self.host_and_port}"

    def __str__(self) -> str:
        return self.origin + self.target

    def joined(self, location: str) -> WebAddress:
        """The address that a Location header means from here. Raises: BadWebAddress."""
        _refuse_control_characters(location)
        try:
            return read_web_address(urljoin(str(self), location))
        except BadWebAddress:
            raise
        except ValueError:
            raise BadWebAddress("The address it redirects to cannot be read.") from None


def read_web_address(text: str) -> WebAddress:
    """The address that `text` means. Raises: BadWebAddress, with a sentence for the author."""
    text = text.strip()
    if len(text) > LONGEST_ADDRESS:
        raise BadWebAddress(f"The address is longer than {LONGEST_ADDRESS} characters; send long values in the body.")
    _refuse_control_characters(text)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise BadWebAddress("The address cannot be read; write it like https://api.example.com/path.") from None
    if parts.scheme not in DEFAULT_PORTS:
        raise BadWebAddress("The address must begin with http:// or https://.")
    if "@" in parts.netloc:
        raise BadWebAddress("The address holds a user name or password before the @; use a credential instead.")
    if port == 0:
        raise BadWebAddress("The port in the address must be between 1 and 65535.")
    path = quote(parts.path or "/", safe=_PATH_SAFE, errors="replace")
    query = f"?{quote(parts.query, safe=_QUERY_SAFE, errors='replace')}" if parts.query else ""
    return WebAddress(parts.scheme, _read_host(parts), port or DEFAULT_PORTS[parts.scheme], path + query)


def read_origin(text: str) -> str:
    """The canonical form of an exact origin such as `https://api.example.com`. Raises: BadWebAddress."""
    address = read_web_address(text)
    if address.target != "/" or "#" in text or "?" in text:
        raise BadWebAddress("An origin is only scheme, host and port, like https://api.example.com, without a path.")
    return address.origin


def _refuse_control_characters(text: str) -> None:
    if _CONTROL.search(text):
        raise BadWebAddress("The address holds a control character or a backslash; remove it.")


def _read_host(parts: SplitResult) -> str:
    host = (parts.hostname or "").removesuffix(".")
    if not host:
        raise BadWebAddress("The address names no host; write it like https://api.example.com/path.")
    if parts.netloc.startswith("["):
        try:
            return str(ipaddress.IPv6Address(host)) if "%" not in host else _refuse_host()
        except ValueError:
            return _refuse_host()
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return _refuse_host()
    return host if _HOST.match(host) else _refuse_host()


def _refuse_host() -> str:
    raise BadWebAddress("The host in the address cannot exist; look for a typing mistake in it.") from None
