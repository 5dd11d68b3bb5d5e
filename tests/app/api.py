"""Somebody's API for the runtime's tests: it notes every request, and answers at once or when it is told to."""

import json
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.app.raw_server import RawServer, Talk, serving

_PATIENCE_SECONDS = 20.0


@dataclass
class Request:
    """What reached it."""

    method: str
    path: str
    key: str  # the Idempotency-Key
    body: str


@dataclass
class Api:
    """Answers `answers` in order, then {} for ever; a path that begins with /slow waits for `released`."""

    answers: deque[dict[str, Any]] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    server: RawServer | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self.server is not None
        return self.server.port

    def url(self, path: str) -> str:
        """An address of it."""
        return f"http://127.0.0.1:{self.port}{path}"

    def methods(self) -> list[str]:
        """The methods of all requests so far."""
        return [one.method for one in self.requests]

    def answer(self, talk: Talk) -> None:
        """One request."""
        method = talk.head.split(" ", 1)[0]
        self.requests.append(Request(method, talk.path, talk.headers.get("idempotency-key", ""), talk.body.decode()))
        if talk.path.startswith("/slow"):
            self.released.wait(_PATIENCE_SECONDS)
        body = json.dumps(self.answers.popleft() if self.answers else {}).encode()
        talk.answer(body, content_type="application/json")


@contextmanager
def an_api() -> Iterator[Api]:
    """An API on loopback."""
    api = Api()
    with serving(api.answer) as server:
        api.server = server
        yield api
        api.released.set()
