"""A small, fast HTTP/1.1 server for the doubles: keeps connections, can be slow, and can cut one on purpose."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

LARGEST_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Asked:
    """One request; header names in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Said:
    """One answer. `cut` closes the connection without a word instead."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    cut: bool = False


Door = Callable[[Asked], Said]


class _Line(asyncio.Protocol):
    """One connection; requests are answered one after the other."""

    def __init__(self, door: Door) -> None:
        self._door = door
        self._buffer = b""
        self._busy = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        self._go_on()

    def _go_on(self) -> None:
        while not self._busy and self._transport is not None and (asked := self._taken()) is not None:
            said = self._door(asked)
            if said.delay_seconds > 0:
                self._busy = True
                asyncio.get_running_loop().call_later(said.delay_seconds, self._answer_late, said)
            else:
                self._answer(said)

    def _answer_late(self, said: Said) -> None:
        self._busy = False
        self._answer(said)
        self._go_on()

    def _answer(self, said: Said) -> None:
        if self._transport is None:
            return
        if said.cut:
            self._transport.abort()
            return
        headers = {"Content-Type": "application/json", "Content-Length": str(len(said.body)), **said.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self._transport.write(f"HTTP/1.1 {said.status} Double\r\n{head}\r\n".encode() + said.body)

    def _taken(self) -> Asked | None:
        """The next whole request of the buffer."""
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        if length > LARGEST_BYTES or "transfer-encoding" in headers:
            raise ValueError("The double takes bodies of a known length up to 1 MiB only.")
        if len(rest) < length:
            return None
        self._buffer = rest[length:]
        method, target, _ = first.split(" ", 2)
        return Asked(method, target, headers, rest[:length])


async def serve(door: Door, port: int) -> asyncio.Server:
    """Serves `door` on this port of the loopback address."""
    return await asyncio.get_running_loop().create_server(lambda: _Line(door), "127.0.0.1", port, backlog=1024)
