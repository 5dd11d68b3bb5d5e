"""Hides secrets in texts that people or logs will see, in every spelling a request or an answer gives them."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote, quote_plus

HIDDEN: Final = "•••"
_URL_SAFE = str.maketrans("+/", "-_")
_SHORTEST_DERIVED = 6  # a shorter piece of base64 stands in many innocent texts


class Scrubber:
    """The secrets of one request, ready to be hidden in many texts."""

    def __init__(self, secrets: Iterable[str]) -> None:
        spellings = {spelling for secret in secrets if secret for spelling in _spellings(secret)}
        # Longest first: a spelling that holds a shorter one must go as a whole.
        ordered = sorted(spellings, key=lambda text: (-len(text), text))
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def scrub(self, text: str) -> str:
        """`text` with every spelling of every secret replaced."""
        return self._pattern.sub(HIDDEN, text) if self._pattern else text


def scrub(text: str, secrets: Iterable[str]) -> str:
    """`text` with every spelling of every secret replaced by three bullets."""
    return Scrubber(secrets).scrub(text)


def _spellings(secret: str) -> Iterator[str]:
    yield secret
    yield secret.strip() or secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    for encoded in (
        quote(secret, safe="", errors="replace"),
        quote(secret, errors="replace"),
        quote_plus(secret, errors="replace"),
    ):
        yield encoded
        yield re.sub(r"%[0-9A-F]{2}", lambda match: match[0].lower(), encoded)
    raw = secret.encode("utf-8", "replace")
    yield from (whole := base64.b64encode(raw).decode("ascii"), whole.rstrip("="))
    yield whole.translate(_URL_SAFE)
    for spelling in (raw.hex(), raw.hex().upper(), *_base64_cores(raw)):
        if len(spelling) >= _SHORTEST_DERIVED:
            yield spelling


def _base64_cores(raw: bytes) -> Iterator[str]:
    """What of `raw` is visible in base64 wherever it lies in the encoded text: at each of the three alignments."""
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)
        first = (0, 2, 3)[before]  # characters that the bytes before have a part in
        last = len(encoded.rstrip(b"=")) - (1 if (before + len(raw)) % 3 else 0)
        core = encoded[first:last].decode("ascii")
        yield core
        yield core.translate(_URL_SAFE)
