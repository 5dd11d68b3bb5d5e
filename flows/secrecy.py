"""What a trace must not show: values of private variables, and what stands beside a name such as “password”."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import quote

from flows.document import Flow
from flows.values import Value, to_json, to_text

HIDDEN = "(hidden)"

# Names whose values are secrets even where an author wrote them by hand instead of naming a credential.
_WORDS = "auth|cookie|key|secret|token|password"
_SECRET_NAME = re.compile(_WORDS, re.IGNORECASE)
# `token=…` of an address or form and `"token": …` of JSON; bounded, so that a long word is not tried again and again.
_PAIR = re.compile(
    rf'([\w.-]{{0,40}}(?:{_WORDS})[\w.-]{{0,40}}(?:=|"\s{{0,9}}:\s{{0,9}}))("(?:[^"\\]|\\.)*"?|[^&\s{{}}\[\],"#]+)',
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(?<=://)[^/?#\s]*@")  # user and password before a host: RFC 3986 section 3.2.1


def private_texts(scopes: Iterable[tuple[Flow, Mapping[str, Value]]]) -> tuple[str, ...]:
    """What private variables hold, as texts, addresses and JSON write it; the longest first. `scopes`: flows with the
    values of their variables."""
    private = [
        values.get(name)
        for flow, values in scopes
        for name, declared in flow.variables.items()
        if declared.get("private") is True
    ]
    if not private:
        return ()
    texts = {text for value in private for text in _texts(value) if text}
    written = {way for text in texts for way in (text, quote(text, safe="", errors="replace"), json.dumps(text)[1:-1])}
    written |= {json.dumps(text, ensure_ascii=False)[1:-1] for text in texts}
    return tuple(sorted(written, key=lambda text: (-len(text), text)))


def without(text: str, private: tuple[str, ...]) -> str:
    """The text with every private one in it hidden."""
    return re.sub("|".join(map(re.escape, private)), HIDDEN, text) if private else text


def plain_values(values: Mapping[str, Value], private: tuple[str, ...] = ()) -> dict[str, Any]:
    """Values as the JSON a person writes: dates are texts, 2.0 is 2, and what has a private text in it is hidden."""
    written = {name: to_json(value) for name, value in values.items()}
    return {name: HIDDEN if without(text, private) != text else json.loads(text) for name, text in written.items()}


def has_secret_name(name: str) -> bool:
    """Whether a header of that name carries a secret."""
    return bool(_SECRET_NAME.search(name))


def without_pairs(text: str) -> str:
    """An address or content with the password of its host, and each value beside a secret name, hidden."""
    return _PAIR.sub(rf"\1{HIDDEN}", _PASSWORD.sub("", text))


def _texts(value: Value) -> Iterator[str]:
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif not isinstance(value, bool):  # yes and no are told apart by nobody who sees “true” hidden everywhere
        yield to_text(value)
