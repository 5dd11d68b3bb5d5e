"""The one guarded HTTP client for everything a flow or a person can point at."""

from __future__ import annotations

import contextlib
import http.client
import ssl
import time
import weakref
from collections.abc import Mapping
from typing import Final

from urllib3.exceptions import DecodeError, HTTPError, ReadTimeoutError
from urllib3.response import BaseHTTPResponse

from app.outgoing.connections import IDLE_SECONDS, IDLE_SECONDS_UNSAFE, Connections, PinnedConnection, default_tls
from app.outgoing.errors import BadAddress, ConnectionLost, OutgoingError, TimedOut, TooLarge
from app.outgoing.lookup import Lookup, Resolver, system_resolver
from app.outgoing.message import Hop, OutgoingAnswer, OutgoingRequest
from app.outgoing.redirects import REDIRECT_STATUSES, Leg, next_leg
from app.outgoing.timed_socket import Clock, Deadline, TimedSocket, WireFull
from app.web_address import BadWebAddress, read_web_address

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})  # RFC 9110 §9.2.2
USER_AGENT: Final = "Patchbay"
_PIECE_BYTES: Final = 65_536
_FRAMING_BYTES: Final = 512 * 1024  # status line, headers, trailers
_FRAMING_FACTOR: Final = 8  # a body in chunks of one byte costs six on the wire (RFC 9112 §7.1)


class Guarded:
    """Sends requests to public addresses only, with one deadline and one bound; safe for many threads.

    `allowed_private_hosts` are the exact (host, port) pairs that may lie in a private network.
    """

    def __init__(
        self,
        allowed_private_hosts: frozenset[tuple[str, int]] = frozenset(),
        resolver: Resolver = system_resolver,
        tls: ssl.SSLContext | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        self._clock = clock
        self._lookup = Lookup(allowed_private_hosts, resolver, clock)
        self._connections = Connections(tls or default_tls(), clock)
        weakref.finalize(self, self._connections.close)

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """The answer, whatever its status. Raises: OutgoingError, one of its kinds, for everything else."""
        started_at = self._clock()
        deadline = Deadline(request.timeout_seconds, self._clock)
        request.refuse_unsendable()
        leg = _first_leg(request)
        hops: list[Hop] = []
        while True:
            try:
                status, headers, body = self._exchange(leg, deadline, request.maximum_bytes)
                location = headers.get("location")
                if not (request.follow_redirects and status in REDIRECT_STATUSES and location):
                    seconds = self._clock() - started_at
                    return OutgoingAnswer(status, headers, body, seconds, str(leg.address), tuple(hops))
                following = next_leg(leg, status, location, len(hops))
            except OutgoingError as error:
                # The first host has had the request, wherever the later ones failed.
                error.may_have_arrived = error.may_have_arrived or bool(hops)
                raise
            hops.append(Hop(str(leg.address), status))
            leg = following

    def open_line(self, host: str, port: int, deadline: Deadline, *, tls: bool) -> TimedSocket:
        """A line to a checked address for a protocol other than HTTP; whoever asked for it closes it.

        Raises: BadAddress, BlockedAddress, NameNotFound, NotConnected, TlsRefused, TimedOut.
        """
        try:
            written = f"[{host}]" if ":" in host else host
            address = read_web_address(f"{'https' if tls else 'http'}://{written}:{port}")
        except BadWebAddress:
            raise BadAddress(f"{host}:{port} is no host and port: look for a typing mistake.") from None
        ips = self._lookup.addresses(address.host, address.port, deadline)
        return self._connections.open(address, ips, deadline).stream

    def secure(self, line: TimedSocket, host: str) -> None:
        """Turns a line to TLS with that host, its certificate checked. Raises: TlsRefused, OSError."""
        self._connections.secure(line, host)

    def is_allowed(self, host: str, port: int) -> bool:
        """Whether the operator lets us into the private network for exactly this host and port."""
        return self._lookup.is_allowed(host, port)

    def close(self) -> None:
        """Closes the idle connections; the client stays usable."""
        self._connections.close()

    def _exchange(self, leg: Leg, deadline: Deadline, maximum_bytes: int) -> tuple[int, Mapping[str, str], bytes]:
        """One request and its answer over a kept connection or a new one. A kept one that turns out closed is replaced
        once, if the request may be repeated or never left."""
        address = leg.address
        ips = self._lookup.addresses(address.host, address.port, deadline)
        repeatable = leg.method in IDEMPOTENT
        kept = self._connections.take(address, ips, IDLE_SECONDS if repeatable else IDLE_SECONDS_UNSAFE)
        may_have_arrived = False
        if kept is not None:
            try:
                return self._ask(kept, leg, deadline, maximum_bytes)
            except ConnectionLost as lost:
                if lost.answer_began or (lost.may_have_arrived and not repeatable):
                    raise
                may_have_arrived = lost.may_have_arrived
        try:
            return self._ask(self._connections.open(address, ips, deadline), leg, deadline, maximum_bytes)
        except OutgoingError as error:
            if not error.may_have_arrived:
                self._lookup.forget(address.host, address.port)  # perhaps it has moved
            error.may_have_arrived = error.may_have_arrived or may_have_arrived
            raise

    def _ask(
        self, connection: PinnedConnection, leg: Leg, deadline: Deadline, maximum_bytes: int
    ) -> tuple[int, Mapping[str, str], bytes]:
        stream = connection.stream
        stream.begin(deadline, maximum_bytes * _FRAMING_FACTOR + _FRAMING_BYTES)
        host = leg.address.host_and_port
        reusable = False
        try:
            _write(connection, leg)
            response = connection.getresponse()
            if response.status < 200:  # http.client skips only 100; what follows would be taken for the next answer
                raise _lost(stream, f"{host} sent the interim answer {response.status} and cannot be understood.")
            body = _read(response, leg, maximum_bytes)
            reusable = response.isclosed() and connection.sock is not None
            return response.status, {name.lower(): value for name, value in response.headers.items()}, body
        except (TimeoutError, ReadTimeoutError):
            raise TimedOut(
                f"{host} did not finish its answer within {deadline.seconds:g} seconds.",
                may_have_arrived=stream.sent_bytes > 0,
            ) from None
        except WireFull:
            raise _too_large(host, maximum_bytes) from None
        except DecodeError:
            raise _lost(stream, f"{host} sent a compressed answer that cannot be unpacked.") from None
        except (http.client.RemoteDisconnected, ConnectionError):
            raise _lost(stream, f"{host} closed the connection before the answer was complete.") from None
        except (HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            broken = isinstance(error.__cause__ or error, OSError | http.client.IncompleteRead)
            raise _lost(
                stream,
                f"{host} closed the connection before the answer was complete."
                if broken
                else f"{host} did not answer in HTTP: look at scheme and port of the address.",
            ) from None
        finally:
            if reusable:
                self._connections.keep(connection)
            else:
                stream.abort()


def _first_leg(request: OutgoingRequest) -> Leg:
    try:
        address = read_web_address(request.url)
    except BadWebAddress as error:
        raise BadAddress(str(error)) from None
    return Leg(request.method, address, request.headers, request.secret_headers, request.body)


def _write(connection: PinnedConnection, leg: Leg) -> None:
    own = {"Host": leg.address.host_and_port, "Accept-Encoding": "gzip, deflate"}
    defaults = {"User-Agent": USER_AGENT, "Accept": "*/*"}
    # A later one replaces an earlier one of the same name, however it is spelled.
    headers = {
        name.lower(): (name, value)
        for some in (defaults, leg.headers, leg.secret_headers, own)
        for name, value in some.items()
    }
    encoded = {name: value.encode("utf-8", "replace").decode("latin-1") for name, value in headers.values()}
    with contextlib.suppress(BrokenPipeError):  # a server may answer, say 413, before it has read everything
        connection.request(leg.method, leg.address.target, body=leg.body, headers=encoded, preload_content=False)


def _read(response: BaseHTTPResponse, leg: Leg, maximum_bytes: int) -> bytes:
    """The unpacked body, piece by piece, so that a bomb stops at the bound. Raises: TooLarge, what urllib3 raises."""
    host = leg.address.host_and_port
    announced = response.headers.get("content-length", "")
    if (
        leg.method != "HEAD"
        and "content-encoding" not in response.headers
        and announced.isdecimal()
        and int(announced) > maximum_bytes
    ):
        raise _too_large(host, maximum_bytes)
    pieces: list[bytes] = []
    left = maximum_bytes + 1
    while left and (piece := response.read(min(_PIECE_BYTES, left), decode_content=True)):
        pieces.append(piece)
        left -= len(piece)
    if not left:
        raise _too_large(host, maximum_bytes)
    return b"".join(pieces)


def _too_large(host: str, maximum_bytes: int) -> TooLarge:
    return TooLarge(
        f"{host} answered with more than {maximum_bytes // 1024} KiB: ask for less, or raise the limit in the step."
    )


def _lost(stream: TimedSocket, sentence: str) -> ConnectionLost:
    return ConnectionLost(sentence, may_have_arrived=stream.sent_bytes > 0, answer_began=stream.received_bytes > 0)
