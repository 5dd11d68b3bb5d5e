"""Connections to checked addresses, kept alive between requests."""

from __future__ import annotations

import functools
import os
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from typing import Final

import certifi
from urllib3.connection import HTTPConnection

from app.outgoing.errors import NotConnected, TimedOut, TlsRefused
from app.outgoing.timed_socket import Clock, Deadline, TimedSocket
from app.web_address import WebAddress

IDLE_SECONDS: Final = (
    15.0  # most balancers close after 60 s, many small servers after 5 to 20 s; what closed is noticed on taking
)
IDLE_SECONDS_UNSAFE: Final = (
    1.5  # for POST and PATCH, which must not meet a closing server: gunicorn, the hastiest, waits 2 s
)
IDLE_PER_ORIGIN: Final = 32  # no more than the threads that deliver
IDLE_IN_ALL: Final = 256


@functools.cache  # 20 ms to make, and safe to share
def default_tls() -> ssl.SSLContext:
    """Certificates and names checked, by the system's authorities and Mozilla's (a slim container has none)."""
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return context


class PinnedConnection(HTTPConnection):
    """A connection to one checked address of one host; it never looks a name up by itself and knows no proxy."""

    def __init__(self, address: WebAddress, ip: str, stream: TimedSocket) -> None:
        super().__init__(address.host, address.port)
        self.key = (address.scheme, address.host, address.port)
        self.ip = ip
        self.idle_since = 0.0
        self.sock = self.stream = stream

    def connect(self) -> None:
        """Never called on the way of a request: a connection that closed is thrown away."""
        raise ConnectionError("the connection was closed")


class Connections:
    """Opens connections and lends the idle ones again, newest first; safe for many threads."""

    def __init__(self, tls: ssl.SSLContext, clock: Clock = time.monotonic) -> None:
        self._tls = tls
        self._clock = clock
        self._lock = threading.Lock()
        self._idle: list[PinnedConnection] = []
        self._process = os.getpid()

    def take(self, address: WebAddress, ips: Sequence[str], idle_seconds: float) -> PinnedConnection | None:
        """An idle connection to one of these checked addresses, unused for at most that long, or None."""
        key = (address.scheme, address.host, address.port)
        while True:
            with self._lock:
                self._drop_inherited()
                since = self._clock() - idle_seconds
                place = next(
                    (
                        place
                        for place in range(len(self._idle) - 1, -1, -1)
                        if (idle := self._idle[place]).key == key and idle.ip in ips and idle.idle_since >= since
                    ),
                    None,
                )
                if place is None:
                    return None
                connection = self._idle.pop(place)
            if connection.stream.is_quiet():
                return connection
            connection.close()

    def open(self, address: WebAddress, ips: Sequence[str], deadline: Deadline) -> PinnedConnection:
        """A new connection to the first address that takes it. Raises: NotConnected, TlsRefused, TimedOut."""
        reason = "no address"
        for place, ip in enumerate(ips):
            try:
                # A share of what is left, so that one dead address does not eat the time of the living.
                share = deadline.left() / (len(ips) - place)
                return PinnedConnection(address, ip, _connected(address, ip, share, deadline, self._tls))
            except ssl.SSLError as error:
                raise _tls_refused(address.host_and_port, error) from None
            except TimeoutError:
                reason = "no answer"
                if place == len(ips) - 1:
                    raise TimedOut(
                        f"{address.host_and_port} did not take the connection within {deadline.seconds:g} seconds."
                    ) from None
            except OSError as error:
                reason = (error.strerror or "refused").lower()
        raise NotConnected(f"{address.host_and_port} did not take the connection: {reason}.")

    def secure(self, line: TimedSocket, host: str) -> None:
        """Turns an open line to TLS with `host`, its certificate checked. Raises: TlsRefused, OSError."""
        try:
            line.start_tls(self._tls, host)
        except ssl.SSLError as error:
            raise _tls_refused(host, error) from None

    def keep(self, connection: PinnedConnection) -> None:
        """Takes back a connection whose answer was read to its end; closes what is too old or too much."""
        with self._lock:
            self._drop_inherited()
            now = connection.idle_since = self._clock()
            self._idle.append(connection)
            same = [idle for idle in self._idle if idle.key == connection.key]
            surplus = {id(idle) for idle in (*same[:-IDLE_PER_ORIGIN], *self._idle[:-IDLE_IN_ALL])}
            stale = [idle for idle in self._idle if id(idle) in surplus or now - idle.idle_since > IDLE_SECONDS]
            if stale:
                self._idle = [idle for idle in self._idle if idle not in stale]
        for idle in stale:
            idle.close()

    def close(self) -> None:
        """Closes every idle connection."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _drop_inherited(self) -> None:
        """After a fork the parent's connections must be forgotten: two processes on one connection mix answers."""
        if self._process != os.getpid():
            inherited, self._process, self._idle = self._idle, os.getpid(), []
            for connection in inherited:
                connection.stream.abort()  # closes this process's end only: the parent's stays


def _tls_refused(host: str, error: ssl.SSLError) -> TlsRefused:
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsRefused(f"{host} could not prove who it is: {error.verify_message.rstrip('.')}.")
    why = (error.reason or "no reason given").replace("_", " ").lower()
    return TlsRefused(f"{host} refused a secure connection: {why}.")


def _connected(address: WebAddress, ip: str, seconds: float, deadline: Deadline, tls: ssl.SSLContext) -> TimedSocket:
    raw = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    stream = TimedSocket(raw, deadline)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.settimeout(min(seconds, deadline.left()))
        raw.connect((ip, address.port))
        if address.scheme == "https":
            stream.start_tls(tls, address.host)
    except BaseException:
        stream.close()
        raise
    return stream
