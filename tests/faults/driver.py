"""The driver: contacts write numbered messages by signed webhooks, repeat some, and insist until each got a 200."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from urllib.parse import urlencode

from app.channels.twilio_signature import sign
from tests.faults.installation import ACCOUNT, CONNECTION, OURS, SECRET
from tests.faults.oracle import Key

_PATIENCE_SECONDS = 5.0
_PAUSE_SECONDS = 1.0


@dataclass
class Tap:
    """How many messages may be sent by now; whoever opens it step by step may be another thread."""

    open_until: int = 0
    taken: int = 0
    _permits: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    async def take(self) -> None:
        """Returns when one more may be sent."""
        await self._permits.acquire()
        self.taken += 1

    async def watch(self) -> None:
        """Lets those go on who wait for it; one looks for all of them, or their looking would cost a processor."""
        given = 0
        while True:
            for _ in range(self.open_until - given):
                self._permits.release()
            given = max(given, self.open_until)
            await asyncio.sleep(0.005)


@dataclass
class Driver:
    """Posts the messages of all contacts; each contact waits for the 200 of one message before it writes the next."""

    port: int
    messages: int
    contacts: int
    seed: int
    repeated: float = 0.1
    tap: Tap = field(default_factory=Tap)
    accepted: dict[Key, float] = field(default_factory=dict)
    refusals: int = 0
    repeats: int = 0
    done: bool = False

    def run(self) -> None:
        """In a thread of its own."""
        asyncio.run(self._all())
        self.done = True

    def wanted(self) -> list[Key]:
        """Every message there is, as contact and number."""
        return [(phone_of(index), number + 1) for index, share in enumerate(self._shares()) for number in range(share)]

    def _shares(self) -> list[int]:
        whole, rest = divmod(self.messages, self.contacts)
        return [whole + (index < rest) for index in range(self.contacts)]

    async def _all(self) -> None:
        watching = asyncio.create_task(self.tap.watch())
        await asyncio.gather(*(self._contact(index, share) for index, share in enumerate(self._shares())))
        watching.cancel()

    async def _contact(self, index: int, share: int) -> None:
        rng = random.Random(f"{self.seed}/{index}")
        phone = phone_of(index)
        for number in range(1, share + 1):
            await asyncio.sleep(rng.uniform(0, 0.02))
            await self.tap.take()
            request = self._request(phone, number)
            repeats = rng.random() < self.repeated
            at_once = [self._post_once(request)] if repeats and rng.random() < 0.5 else []
            await asyncio.gather(self._insist(request), *at_once)
            self.accepted[phone, number] = time.time()
            if repeats:
                self.repeats += 1
                await self._post_once(request)

    def _request(self, phone: str, number: int) -> bytes:
        return message_request(self.port, phone, number)

    async def _insist(self, request: bytes) -> None:
        while await self._post_once(request) != 200:
            self.refusals += 1
            await asyncio.sleep(_PAUSE_SECONDS)

    async def _post_once(self, request: bytes) -> int:
        """The status; 0 when there was no answer."""
        try:
            return await asyncio.wait_for(post(self.port, request), _PATIENCE_SECONDS)
        except (OSError, TimeoutError, ValueError):
            return 0


async def post(port: int, request: bytes) -> int:
    """Sends one request on a connection of its own; the answer's status. Raises: OSError, ValueError."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        await writer.drain()
        first = await reader.readline()
        if not first.startswith(b"HTTP/1.1 "):
            raise ValueError("no answer")
        return int(first.split()[1])
    finally:
        writer.close()


def phone_of(index: int) -> str:
    """A contact's telephone number; nobody has it."""
    return f"+4850{index:07d}"


def message_request(
    port: int, phone: str, number: int, keep: bool = False, *, ours: str = OURS, connection: str = CONNECTION
) -> bytes:
    """The whole signed webhook of a contact's n-th message to a number of ours; the same bytes each time."""
    sid = f"SM{phone[1:]}{number:021d}"
    pairs = [
        ("MessageSid", sid),
        ("AccountSid", ACCOUNT),
        ("From", phone),
        ("To", ours),
        ("Body", str(number)),
        ("NumMedia", "0"),
    ]
    return signed_request(port, "messages", pairs, keep=keep, connection=connection)


def signed_request(
    port: int, path: str, pairs: list[tuple[str, str]], *, keep: bool, connection: str = CONNECTION
) -> bytes:
    """A webhook of the provider as bytes."""
    target = f"/hooks/{connection}/{path}"
    body = urlencode(pairs).encode()
    head = (
        f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        f"Content-Length: {len(body)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n"
        f"X-Twilio-Signature: {sign(SECRET, f'http://127.0.0.1:{port}{target}', pairs)}\r\n\r\n"
    )
    return head.encode() + body
