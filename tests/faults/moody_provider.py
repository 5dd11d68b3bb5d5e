"""A provider double with moods: good, slow (30 s), limiting (429) or dead, as GET /mood/NAME tells it at any time.

It takes a repeated key for the same message, and its append-only log is the oracle, like the other double's.
"""

import argparse
import asyncio
import json
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

from tests.faults.tiny_http import Asked, Said, serve

SLOW_SECONDS = 30.0  # longer than a send may take in all
_LIMITED = b'{"code": 20429, "message": "Too many requests"}'
_RETRY_SECONDS = "5"


@dataclass
class Moody:
    """One account of messages."""

    log: int  # file descriptor, opened for appending
    delay_seconds: float
    mood: str = "good"
    by_key: dict[str, str] = field(default_factory=dict)

    def door(self, asked: Asked) -> Said:
        """Messages.json of the account, and the moods."""
        if asked.target.startswith("/mood/"):
            self.mood = asked.target.removeprefix("/mood/")
            return Said(200)
        if self.mood == "dead":
            return Said(cut=True)
        if self.mood == "limiting":
            return Said(429, _LIMITED, {"Retry-After": _RETRY_SECONDS})
        return self._taken(dict(parse_qsl(asked.body.decode())), asked.headers.get("idempotency-key", ""))

    def _taken(self, form: dict[str, str], key: str) -> Said:
        sid = self.by_key.get(key)
        if sid is None:
            sid = self.by_key[key] = f"SM9{len(self.by_key):031d}"
            line = {"at": time.time(), "sid": sid, "to": form["To"], "body": form["Body"], "key": key}
            os.write(self.log, (json.dumps(line) + "\n").encode())
        answer = json.dumps({"sid": sid, "status": "queued"}).encode()
        return Said(201, answer, delay_seconds=SLOW_SECONDS if self.mood == "slow" else self.delay_seconds)


async def _serve(moody: Moody, port: int) -> None:
    server = await serve(moody.door, port)
    await server.serve_forever()


def main() -> None:
    """Runs the double until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    given = parser.parse_args()
    log = os.open(given.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(_serve(Moody(log, given.delay_ms / 1000), given.port))


if __name__ == "__main__":
    main()
