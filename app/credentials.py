"""Credentials: what an outside service asks for, bound to exact origins, only ever placed in request headers."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from app.destinations import destination_problems
from app.sealing import SecretKey
from app.web_address import FRAMING_HEADERS, BadWebAddress, read_origin, read_web_address

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "bearer": ("token",),
    "basic": ("user", "password"),
    "header": ("name", "value"),
    "smtp": ("host", "port", "mode", "user", "secret", "sender"),
    "chat_webhook": ("url",),
}
"""Each kind with the fields of its secret. Not in the query: addresses end in logs of other people's servers."""

# These name in their secret itself where it goes: whoever changes that must enter all of it again.
BOUND_BY_THEMSELVES: Final = frozenset({"smtp", "chat_webhook"})
# These may be seen again after saving; the rest is write-only.
PUBLIC_FIELDS: Final = frozenset({"user", "name", "host", "port", "mode", "sender"})
_MAY_LACK: Final[Mapping[str, frozenset[str]]] = {"smtp": frozenset({"user", "secret"})}  # a server without sign-in

_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}\Z")  # RFC 9110 §5.6.2, token
_PRINTABLE = re.compile(r"[\x20-\x7e]+\Z")
_TRANSPORT_HEADERS = FRAMING_HEADERS | {"content-type", "cookie"}
_LONGEST_SECRET = 8_192  # a header line longer than this is refused by common servers


class CredentialRefused(Exception):
    """A credential that cannot be used or saved like this; the sentence says why and never holds the secret.

    faults: of one that cannot be saved, each field's place with its sentence.
    """

    def __init__(self, sentence: str, faults: Sequence[tuple[str, str]] = ()) -> None:
        super().__init__(sentence)
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Credential:
    """A named secret, its kind, and the exact origins it may be sent to."""

    name: str
    kind: str
    origins: tuple[str, ...]
    secret: Mapping[str, str] = field(repr=False)


def read_credential(name: str, kind: str, origins: Sequence[str], secret: Mapping[str, str]) -> Credential:
    """The credential with its origins in canonical form. Raises: CredentialRefused, with all that is wrong."""
    found = list(_faults(name, kind, origins, secret))
    if found:
        raise CredentialRefused(" ".join(sentence for _, sentence in found), found)
    return Credential(name, kind, tuple(sorted({read_origin(origin) for origin in origins})), dict(secret))


def problems(name: str, kind: str, origins: Sequence[str], secret: Mapping[str, str]) -> list[str]:
    """A sentence for each thing that keeps this credential from being saved; none when it is right."""
    return [sentence for _, sentence in _faults(name, kind, origins, secret)]


def apply(credential: Credential, url: str) -> Mapping[str, str]:
    """The headers that carry the secret to `url`. Raises: CredentialRefused, unless its origin is bound."""
    if credential.kind in BOUND_BY_THEMSELVES:
        raise CredentialRefused(f"The credential “{credential.name}” is of the kind {credential.kind}: choose another.")
    try:
        origin = read_web_address(url).origin
    except BadWebAddress as error:
        raise CredentialRefused(f"The credential “{credential.name}” was not used. {error}") from None
    if origin not in credential.origins:
        raise CredentialRefused(
            f"The credential “{credential.name}” may not be sent to {origin}: "
            f"it is bound to {', '.join(credential.origins)}. Add the origin to the credential, or choose another one."
        )
    secret = credential.secret
    if credential.kind == "bearer":
        return {"Authorization": f"Bearer {secret['token']}"}
    if credential.kind == "basic":
        pair = f"{secret['user']}:{secret['password']}".encode()
        return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
    return {secret["name"]: secret["value"]}


def secrets_of(credential: Credential) -> tuple[str, ...]:
    """The texts that must never be seen again, for `scrub`."""
    hidden = tuple(value for name, value in credential.secret.items() if name not in PUBLIC_FIELDS and value)
    return (*hidden, ":".join((credential.secret["user"], *hidden))) if credential.kind == "basic" else hidden


def seal_credential(key: SecretKey, credential: Credential) -> bytes:
    """The secret as the table stores it, sealed together with name, kind and origins.

    So whoever changes the origins must enter the secret again: nobody can send a stored secret to a host of their own.
    """
    return key.seal(
        _purpose(credential.name, credential.kind, credential.origins), json.dumps(dict(credential.secret)).encode()
    )


def open_credential(key: SecretKey, name: str, kind: str, origins: Sequence[str], sealed: bytes) -> Credential:
    """The credential of a stored row. Raises: SealBroken, also where name, kind or origins have been changed."""
    secret: dict[str, str] = json.loads(key.open(_purpose(name, kind, origins), sealed))
    return Credential(name, kind, tuple(origins), secret)


def _purpose(name: str, kind: str, origins: Sequence[str]) -> str:
    return json.dumps(["credential", name, kind, sorted(origins)])


def _faults(name: str, kind: str, origins: Sequence[str], secret: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The place and the sentence of each problem."""
    if not name.strip():
        yield "name", "Give the credential a name."
    if kind in BOUND_BY_THEMSELVES and origins:
        yield "origins", "A credential of this kind has no origins: its fields say where it goes."
    elif kind not in BOUND_BY_THEMSELVES and not origins:
        yield "origins", "Name at least one origin it may be sent to, like https://api.example.com."
    for number, origin in enumerate(origins):
        try:
            read_origin(origin)
        except BadWebAddress as error:
            yield f"origins.{number}", f"Origin {number + 1}: {error}"
    if kind not in KINDS:
        yield "kind", f"The kind must be one of {', '.join(KINDS)}."
    elif not set(KINDS[kind]) - _MAY_LACK.get(kind, frozenset()) <= set(secret) <= set(KINDS[kind]):
        yield "secret", f"A credential of the kind {kind} has exactly these fields: {', '.join(KINDS[kind])}."
    elif kind in BOUND_BY_THEMSELVES:
        yield from (("secret", sentence) for sentence in destination_problems(kind, secret))
    else:
        for part, value in secret.items():
            yield from ((f"secret.{part}", sentence) for sentence in _field_problems(kind, part, value))


def _field_problems(kind: str, name: str, value: str) -> list[str]:
    if not value:
        return [f"The field {name} is empty."]
    if len(value) > _LONGEST_SECRET:
        return [f"The field {name} is longer than {_LONGEST_SECRET} characters."]
    if kind == "basic":  # these travel in base64, so any text may stand in them but a colon in the user (RFC 7617 §2)
        return ["The user may not hold a colon."] if name == "user" and ":" in value else []
    if name == "name":
        if not _HEADER_NAME.match(value):
            return ["The header's name may hold only letters, digits and -."]
        return [f"The header {value} belongs to the transport; choose the header the service names."] * (
            value.lower() in _TRANSPORT_HEADERS or value.lower().startswith("proxy-")
        )
    if not _PRINTABLE.match(value) or value != value.strip():
        return [f"The field {name} holds what a header cannot carry; look for a line break or a space at its ends."]
    return []
