"""A socket whose every read and write ends at one instant, so that a host cannot hold us by sending a byte a second."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Final

from urllib3.util.wait import wait_for_read, wait_for_write

Clock = Callable[[], float]
_PIECE_BYTES: Final = 65_536


class Deadline:
    """The instant at which a whole request ends: name, connection, every redirect and the last byte of the answer."""

    def __init__(self, seconds: float, clock: Clock = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._ends_at = clock() + seconds

    def left(self) -> float:
        """The seconds that remain. Raises: TimeoutError, when there are none."""
        left = self._ends_at - self._clock()
        if left <= 0:
            raise TimeoutError("the time for the whole request is over")
        return left


class WireFull(Exception):
    """More bytes came than any answer within the bound needs; no OSError, lest a library take it for a broken line."""


class TimedSocket:
    """A connected socket as `http.client` needs it; `begin` names the deadline and the bound of the next exchange."""

    def __init__(self, connected: socket.socket, deadline: Deadline) -> None:
        self._socket = connected
        self._deadline = deadline
        self._receive_at_most = 0
        self._open_readers = 0
        self._closing = False
        self.sent_bytes = 0
        self.received_bytes = 0

    def begin(self, deadline: Deadline, receive_at_most: int) -> None:
        """Starts one exchange: counts from nought, ends at `deadline`, takes at most that many bytes off the wire."""
        self._deadline, self._receive_at_most = deadline, receive_at_most
        self.sent_bytes = self.received_bytes = 0

    def start_tls(self, context: ssl.SSLContext, host: str) -> None:
        """Turns to TLS with `host`, its certificate checked. Raises: ssl.SSLError, OSError, TimeoutError."""
        wrapped = context.wrap_socket(self._socket, server_hostname=host, do_handshake_on_connect=False)
        self._socket = wrapped
        wrapped.settimeout(0)  # by hand, because gevent's handshake starts its time anew with every byte
        while True:
            try:
                return wrapped.do_handshake()
            except ssl.SSLWantReadError:
                wait_for_read(wrapped, self._deadline.left())
            except ssl.SSLWantWriteError:
                wait_for_write(wrapped, self._deadline.left())

    def sendall(self, data: bytes) -> None:
        """Sends all of `data`; `sent_bytes` says afterwards how much the kernel took. Raises: OSError, TimeoutError."""
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._deadline.left())
            sent = self._socket.send(rest[:_PIECE_BYTES])
            self.sent_bytes += sent
            rest = rest[sent:]

    def makefile(self, *_arguments: Any, **_options: Any) -> io.BufferedReader:
        """A reader of one answer; the socket stays open for it even if `close` is called first."""
        self._open_readers += 1
        return io.BufferedReader(_Reader(self), _PIECE_BYTES)

    def fill(self, buffer: memoryview) -> int:
        """Reads what is there into `buffer`. Raises: WireFull, OSError, TimeoutError."""
        if self.received_bytes >= self._receive_at_most:
            raise WireFull
        self._socket.settimeout(self._deadline.left())
        count = self._socket.recv_into(buffer)
        self.received_bytes += count
        return count

    def is_quiet(self) -> bool:
        """True while the other side has neither closed nor sent: only then may the connection be used again."""
        return not self._closing and not wait_for_read(self._socket, 0.0)

    def settimeout(self, _seconds: object) -> None:
        """Ignored: the deadline rules."""

    def reader_closed(self) -> None:
        """A reader is done; closes the socket if that was asked for meanwhile."""
        self._open_readers -= 1
        if self._closing and not self._open_readers:
            self._socket.close()

    def close(self) -> None:
        """Closes the socket as soon as nobody reads an answer from it."""
        self._closing = True
        if not self._open_readers:
            self._socket.close()

    def abort(self) -> None:
        """Closes the socket now; what is read from it is of no interest any more."""
        self._closing = True
        self._socket.close()


class _Reader(io.RawIOBase):
    def __init__(self, owner: TimedSocket) -> None:
        self._owner = owner

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._owner.fill(memoryview(buffer))

    def close(self) -> None:
        if not self.closed:
            super().close()
            self._owner.reader_closed()
