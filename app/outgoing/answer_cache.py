"""Keeps answers for as long as the author said, within bounds of memory."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final

from app.outgoing.message import OutgoingAnswer
from app.outgoing.timed_socket import Clock

CACHE_BYTES: Final = 16 * 1024 * 1024  # per process: 64 answers of the default limit, thousands of usual ones
LARGEST_BYTES: Final = 256 * 1024  # one answer of 5 MiB must not push out all the others
_OVERHEAD_BYTES = 512  # an entry's own weight, so that empty answers are bounded too


def cache_key(method: str, url: str, headers: Mapping[str, str], credential_name: str | None) -> str:
    """The same for requests that may share an answer; a digest, so that no address or header can be read from it.

    `headers` without the secret ones: the credential's name stands for them.
    """
    sorted_headers = sorted((name.lower(), value) for name, value in headers.items())
    return hashlib.sha256(json.dumps([method, url, sorted_headers, credential_name]).encode()).hexdigest()


class AnswerCache:
    """Answers by key, the longest unused dropped first; safe for many threads."""

    def __init__(self, maximum_bytes: int = CACHE_BYTES, clock: Clock = time.monotonic) -> None:
        self._maximum_bytes = maximum_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, tuple[float, int, OutgoingAnswer]] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> OutgoingAnswer | None:
        """The kept answer, unless its time is over."""
        with self._lock:
            entry = self._answers.get(key)
            if entry is None:
                return None
            if self._clock() >= entry[0]:
                self._drop(key)
                return None
            self._answers.move_to_end(key)
            return entry[2]

    def put(self, key: str, answer: OutgoingAnswer, seconds: float) -> None:
        """Keeps `answer` for that long; nothing happens where it is too large or `seconds` is 0."""
        size = (
            len(answer.body) + sum(len(name) + len(value) for name, value in answer.headers.items()) + _OVERHEAD_BYTES
        )
        with self._lock:
            self._drop(key)
            if seconds <= 0 or size > min(LARGEST_BYTES + _OVERHEAD_BYTES * 16, self._maximum_bytes):
                return
            self._answers[key] = (self._clock() + seconds, size, answer)
            self._bytes += size
            while self._bytes > self._maximum_bytes:
                self._drop(next(iter(self._answers)))

    def _drop(self, key: str) -> None:
        if entry := self._answers.pop(key, None):
            self._bytes -= entry[1]
