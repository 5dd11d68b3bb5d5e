"""A server on loopback that answers byte for byte what a test tells it, well-behaved or not."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO


@dataclass
class Talk:
    """One request on one connection, and the way to answer it."""

    connection: socket.socket
    head: str
    body: bytes
    stopping: threading.Event
    sent_bytes: int = 0
    keep: bool = True

    @property
    def path(self) -> str:
        return self.head.split(" ", 2)[1]

    @property
    def headers(self) -> dict[str, str]:
        lines = self.head.split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in lines if line)}

    def send(self, data: bytes) -> None:
        self.connection.sendall(data)
        self.sent_bytes += len(data)

    def answer(self, body: bytes = b"", status: str = "200 OK", **headers: str) -> None:
        """A complete answer; `content_type="x"` becomes Content-Type."""
        lines = [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
        head = "\r\n".join([f"HTTP/1.1 {status}", *lines, f"Content-Length: {len(body)}", "", ""])
        self.send(head.encode() + body)

    def pause(self, seconds: float) -> None:
        """Waits, but not longer than the test."""
        self.stopping.wait(seconds)

    def hang_up(self) -> None:
        self.keep = False


@dataclass
class RawServer:
    """Answers every request by `answer`; remembers the requests and how many connections there were."""

    answer: Callable[[Talk], None]
    tls: ssl.SSLContext | None = None
    talks: list[Talk] = field(default_factory=list)
    connections: int = 0
    stopping: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.open: list[socket.socket] = []
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.stopping.set()
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()
        for thread in self.threads:
            thread.join(5)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.connections += 1
                self.open.append(connection)
                thread = threading.Thread(target=self._serve, args=(connection,))
                self.threads.append(thread)
                thread.start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):  # the client may leave whenever it likes
            if self.tls:
                connection = self.tls.wrap_socket(connection, server_side=True)
                self.open.append(connection)
            with connection, connection.makefile("rb") as reader:
                while talk := self._read(connection, reader):
                    self.talks.append(talk)
                    self.answer(talk)
                    if not talk.keep:
                        connection.shutdown(socket.SHUT_RDWR)
                        return

    def _read(self, connection: socket.socket, reader: BinaryIO) -> Talk | None:
        lines: list[bytes] = []
        while line := reader.readline():
            if line == b"\r\n":
                break
            lines.append(line)
        if not lines:
            return None
        talk = Talk(connection, b"".join(lines).decode("latin-1"), b"", self.stopping)
        talk.body = reader.read(int(talk.headers.get("content-length", "0")))
        return talk


@contextlib.contextmanager
def serving(answer: Callable[[Talk], None], tls: ssl.SSLContext | None = None) -> Iterator[RawServer]:
    """A server for the length of a `with`."""
    server = RawServer(answer, tls)
    try:
        yield server
    finally:
        server.stop()
