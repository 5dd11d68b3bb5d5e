"""The API double that the flow under test asks: a loyalty status by telephone number, and visits to be noted.

Every visit that arrives is one line of its append-only log: a POST that may not be repeated must stand there once.
"""

import argparse
import asyncio
import json
import os
import random
from pathlib import Path

from tests.faults.tiny_http import Asked, Said, serve

TIERS = ("platinum", "gold", "none")


def tier_of(phone: str) -> str:
    """The status of a contact, by the last digits of the number."""
    return TIERS[int(phone[-4:]) % len(TIERS)]


async def _serve(log: int, rng: random.Random, port: int, delay_seconds: float, jitter_seconds: float) -> None:
    def door(asked: Asked) -> Said:
        delay = delay_seconds + rng.uniform(0, jitter_seconds)
        if asked.method == "POST":
            line = {"key": asked.headers.get("idempotency-key", ""), **json.loads(asked.body)}
            os.write(log, (json.dumps(line) + "\n").encode())
            return Said(201, delay_seconds=delay)
        phone = asked.target.rpartition("/")[2].replace("%2B", "+")
        return Said(200, json.dumps({"status": tier_of(phone)}).encode(), delay_seconds=delay)

    server = await serve(door, port)
    await server.serve_forever()


def main() -> None:
    """Runs the double until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--jitter-ms", type=float, default=0.0)
    given = parser.parse_args()
    log = os.open(given.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    asyncio.run(_serve(log, random.Random(given.seed), given.port, given.delay_ms / 1000, given.jitter_ms / 1000))


if __name__ == "__main__":
    main()
