"""Load: signed webhooks over kept connections, as fast as they are taken or at a steady rate, and what was answered."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.faults.driver import message_request, phone_of
from tests.faults.oracle import Key, delay_seconds, taken
from tests.faults.site import Site

_CONNECTIONS = 24
_PATIENCE_SECONDS = 120.0


@dataclass
class Load:
    """What was posted: per message when it got its 200, and how long each webhook took."""

    accepted: dict[Key, float] = field(default_factory=dict)
    webhook_seconds: list[float] = field(default_factory=list)
    started_at: float = 0.0


@dataclass(frozen=True)
class Answered:
    """A load and its answers: messages a second from the first webhook to the last answer, and the delays."""

    per_second: float
    delays: Sequence[float]
    webhook_seconds: Sequence[float]


class Line:
    """One kept connection to web."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, request: bytes) -> bytes:
        """The answer's body. Raises: OSError for anything but a 200."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200 "):
            raise OSError(f"web answered {head[:80]!r}")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        )
        return await reader.readexactly(length)


def write(site: Site, keys: Sequence[Key], per_second: float = 0.0) -> Answered:
    """Posts these messages (0: as fast as they are taken) and waits until all are answered."""
    before = len(site.provider_log.read().lines)
    requests = [(key, message_request(site.ports["web"], *key, keep=True)) for key in keys]
    load = asyncio.run(_post_all(site.ports["web"], requests, per_second))
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while len(site.provider_log.read().lines) < before + len(keys):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{before + len(keys) - len(site.provider_log.lines)} messages were not answered")
        time.sleep(0.02)
    sent = taken(site.provider_log)[before:]
    seconds = max(one.at for one in sent) - load.started_at
    return Answered(len(keys) / seconds, delay_seconds(load.accepted, sent), load.webhook_seconds)


def keys_of(first_contact: int, contacts: int, messages: int) -> list[Key]:
    """Messages of these contacts in turn: everybody's first, everybody's second, and so on."""
    return [(phone_of(first_contact + n % contacts), n // contacts + 1) for n in range(messages)]


async def _post_all(port: int, requests: Sequence[tuple[Key, bytes]], per_second: float) -> Load:
    load, queue = Load(started_at=time.time()), asyncio.Queue[tuple[Key, bytes]]()

    async def work() -> None:
        line = Line(port)
        while True:
            key, request = await queue.get()
            started = time.perf_counter()
            await line.post(request)
            load.webhook_seconds.append(time.perf_counter() - started)
            load.accepted[key] = time.time()
            queue.task_done()

    workers = [asyncio.create_task(work()) for _ in range(_CONNECTIONS)]
    begun = time.monotonic()
    for n, one in enumerate(requests):
        if per_second:
            await asyncio.sleep(max(0.0, begun + n / per_second - time.monotonic()))
        queue.put_nowait(one)
    joined = asyncio.create_task(queue.join())
    done, _ = await asyncio.wait([joined, *workers], return_when=asyncio.FIRST_COMPLETED)
    for task in workers:
        task.cancel()
    for task in done - {joined}:
        task.result()  # raises what stopped it
    return load
