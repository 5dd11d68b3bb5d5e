"""The provider double: Twilio's REST door for messages, in a process of its own, whose append-only log is the oracle.

What it plays: https://www.twilio.com/docs/messaging/api/message-resource (create, list) and the status callbacks of
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status.
"""

import argparse
import asyncio
import email.utils
import http.client
import json
import os
import queue
import random
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from app.channels.twilio_signature import sign
from tests.faults.tiny_http import Asked, Said, serve

MODES = ("key", "lookup", "neither")
LIST_LAG_SECONDS = 5.0  # a message shows in the list only then: who looks too early and believes it sends twice
CALLBACK_LAG_SECONDS = 0.3

LATE_SECONDS = 22.0  # longer than a send may take in all

# Those after which nobody knows whether the message was taken, and the others.
UNANSWERED = ("cut after", "cut before", "500 after", "500 before", "too late")
_TROUBLES = (*UNANSWERED, "429", "slow")


@dataclass
class Provider:
    """One account. `trouble` is the share of requests that go wrong, each in one of the ways of `_TROUBLES`."""

    log: int  # file descriptors, opened for appending
    troubles: int
    mode: str
    rng: random.Random
    trouble: float = 0.0
    delay_seconds: float = 0.0
    callbacks: float = 0.0  # the share of messages whose states are told
    secret: str = ""
    taken: int = 0
    by_key: dict[str, str] = field(default_factory=dict)
    by_contact: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    told: "queue.SimpleQueue[tuple[float, str, str]]" = field(default_factory=queue.SimpleQueue)

    def door(self, asked: Asked) -> Said:
        """Messages.json of the account, and nothing else."""
        path, _, query = asked.target.partition("?")
        if not path.endswith("/Messages.json"):
            return Said(404)
        if asked.method == "GET":
            return self._listed(dict(parse_qsl(query)))
        return self._posted(dict(parse_qsl(asked.body.decode())), asked.headers.get("idempotency-key", ""))

    def _posted(self, form: dict[str, str], key: str) -> Said:
        trouble = self.rng.choice(_TROUBLES) if self.rng.random() < self.trouble else ""
        if trouble:
            line = {"at": time.time(), "to": form["To"], "body": form["Body"], "trouble": trouble}
            os.write(self.troubles, (json.dumps(line) + "\n").encode())
        match trouble:
            case "cut before":
                return Said(cut=True)
            case "500 before":
                return Said(500, delay_seconds=self.delay_seconds)
            case "429":
                return Said(429, b'{"code": 20429, "message": "Too many requests"}', {"Retry-After": "1"})
            case "slow":
                return self._taken(form, key, self.rng.uniform(0.3, 1.5))
            case "too late":
                return self._taken(form, key, LATE_SECONDS)
        said = self._taken(form, key, self.delay_seconds)
        if trouble == "cut after":
            return Said(cut=True, delay_seconds=said.delay_seconds)
        return Said(500, delay_seconds=said.delay_seconds) if trouble == "500 after" else said

    def _taken(self, form: dict[str, str], key: str, delay_seconds: float) -> Said:
        """The message is taken, and written down before anybody hears of it."""
        sid = self.by_key.get(key, "") if self.mode == "key" else ""
        if not sid:
            self.taken += 1
            sid = f"SM{self.taken:032d}"
            line = {"at": time.time(), "sid": sid, "to": form["To"], "body": form["Body"], "key": key}
            os.write(self.log, (json.dumps(line) + "\n").encode())
            self.by_key[key] = sid
            self.by_contact[form["To"]].append({**line, "from": form["From"]})
            if form.get("StatusCallback") and self.rng.random() < self.callbacks:
                self.told.put((time.monotonic() + CALLBACK_LAG_SECONDS, form["StatusCallback"], sid))
        return Said(201, json.dumps({"sid": sid, "status": "queued"}).encode(), delay_seconds=delay_seconds)

    def _listed(self, wanted: dict[str, str]) -> Said:
        if self.mode != "lookup":
            return Said(404)
        if self.rng.random() < self.trouble:
            return Said(503)
        shown_until = time.time() - LIST_LAG_SECONDS
        messages = [
            {
                "sid": one["sid"],
                "to": one["to"],
                "from": one["from"],
                "body": one["body"],
                "direction": "outbound-api",
                "status": "sent",
                "date_created": email.utils.formatdate(one["at"]),
            }
            for one in reversed(self.by_contact.get(wanted.get("To", ""), []))
            if one["at"] <= shown_until
        ]
        page = {"messages": messages[: int(wanted.get("PageSize", "50"))], "next_page_uri": None}
        return Said(200, json.dumps(page).encode(), delay_seconds=self.delay_seconds)

    def tell(self) -> None:
        """In a thread: posts the states of messages, once each and in any order, whether anybody listens or not."""
        while True:
            due_at, url, sid = self.told.get()
            time.sleep(max(0.0, due_at - time.monotonic()))
            for word in self.rng.sample(["sent", "delivered"], 2):
                form = [("MessageSid", sid), ("MessageStatus", word)]
                address = urlsplit(url)
                line = http.client.HTTPConnection(address.netloc, timeout=5)
                headers = {
                    "Content-Type": "application/x-www-form-urlencoded",
                    "X-Twilio-Signature": sign(self.secret, url, form),
                }
                try:
                    line.request("POST", f"{address.path}?{address.query}", urlencode(form), headers)
                    line.getresponse().read()
                except (OSError, http.client.HTTPException):
                    continue  # Twilio too tells a state once
                finally:
                    line.close()


def troubles_of(log: Path) -> Path:
    """Where the double with that log writes which requests went wrong, and how."""
    return log.with_name(f"{log.stem}-troubles.jsonl")


async def _serve(provider: Provider, port: int) -> None:
    server = await serve(provider.door, port)
    await server.serve_forever()


def main() -> None:
    """Runs the double until it is killed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, default="key")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--trouble", type=float, default=0.0)
    parser.add_argument("--delay-ms", type=float, default=0.0)
    parser.add_argument("--callbacks", type=float, default=0.0)
    parser.add_argument("--secret", default="")
    given = parser.parse_args()
    log, troubles = (
        os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600) for path in (given.log, troubles_of(given.log))
    )
    provider = Provider(
        log=log,
        troubles=troubles,
        mode=given.mode,
        rng=random.Random(given.seed),
        trouble=given.trouble,
        delay_seconds=given.delay_ms / 1000,
        callbacks=given.callbacks,
        secret=given.secret,
    )
    if given.callbacks:
        threading.Thread(target=provider.tell, daemon=True).start()
    asyncio.run(_serve(provider, given.port))


if __name__ == "__main__":
    main()
