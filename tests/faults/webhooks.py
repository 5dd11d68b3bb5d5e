"""Webhooks of the provider, many at once, with whole answers."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

PATIENCE_SECONDS = 15.0  # Twilio's own
_PAUSE_SECONDS = 0.2


@dataclass(frozen=True)
class Answer:
    """One answer, and when it came (time.time()). Status 0: there was none."""

    status: int
    at: float
    seconds: float
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""


async def ask(port: int, request: bytes, patience_seconds: float = PATIENCE_SECONDS) -> Answer:
    """One request on a connection of its own, which asks to be closed."""
    started = time.monotonic()
    try:
        whole = await asyncio.wait_for(_whole(port, request), patience_seconds)
        head, _, body = whole.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if not first.startswith("HTTP/1.1 ") or len(body) < int(headers.get("content-length", "0")):
            raise ValueError("half an answer")
        return Answer(int(first.split()[1]), time.time(), time.monotonic() - started, headers, body)
    except (OSError, TimeoutError, ValueError):
        return Answer(0, time.time(), time.monotonic() - started)


def ask_all(port: int, requests: Sequence[bytes], at_once: int = 20, *, insists: bool = True) -> list[Answer]:
    """All of them, so many at once; the answers in the order of the requests. Who insists repeats what is refused."""

    async def one(request: bytes, slots: asyncio.Semaphore) -> Answer:
        async with slots:
            while (answer := await ask(port, request)).status != 200 and insists:
                await asyncio.sleep(_PAUSE_SECONDS)
            return answer

    async def all_of_them() -> list[Answer]:
        slots = asyncio.Semaphore(at_once)
        return await asyncio.gather(*(one(request, slots) for request in requests))

    return asyncio.run(all_of_them())


async def _whole(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        return await reader.read()
    finally:
        writer.close()
