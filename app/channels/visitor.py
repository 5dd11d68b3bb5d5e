"""Who writes on a chat page: a guest known by a token of ours, or a user whom the host page signed for."""

import base64
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import phonenumbers

from app.sealing import SecretKey
from flows.values import clean_text

TOKEN_LIFETIME: Final = timedelta(days=180)
_PURPOSE: Final = "chat-visitor"
_LONGEST_TOKEN = 4_096
_LONGEST_FIELD = 200


class IdentityRefused(ValueError):
    """The host page's word about its user does not hold; the code is for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        """A code such as `identity_expired`, and a sentence for the site's owner."""
        super().__init__(sentence)
        self.code = code


class TokenRefused(ValueError):
    """A visitor token that is not ours, was changed or is over."""


@dataclass(frozen=True)
class Visitor:
    """Whoever holds the token: `kind` and `address` are those of the contact's address ("visitor" or "user")."""

    kind: str
    address: str
    expires_at: datetime
    name: str = ""
    phone: str = ""  # E.164, vouched for by the host page

    @property
    def is_user(self) -> bool:
        """Whether a host page signed for this person."""
        return self.kind == "user"


def new_guest(now: datetime) -> Visitor:
    """A visitor whom nobody has seen before."""
    return Visitor("visitor", secrets.token_urlsafe(16), now + TOKEN_LIFETIME)


def write_token(key: SecretKey, visitor: Visitor) -> str:
    """The token that the page keeps; it says who writes and until when, signed by the house."""
    fields = {
        "kind": visitor.kind,
        "address": visitor.address,
        "name": visitor.name,
        "phone": visitor.phone,
        "exp": int(visitor.expires_at.timestamp()),
    }
    data = _encoded(json.dumps(fields, separators=(",", ":")).encode())
    return f"{data}.{key.sign(_PURPOSE, data.encode())}"


def read_token(key: SecretKey, token: str, now: datetime) -> Visitor:
    """The visitor that `write_token` wrote. Raises: TokenRefused."""
    data, _, signature = token.partition(".")
    if len(token) > _LONGEST_TOKEN or not key.verify(_PURPOSE, data.encode("utf-8", "replace"), signature):
        raise TokenRefused("This visitor token was not made here.")
    fields = json.loads(_decoded(data))
    expires_at = datetime.fromtimestamp(fields["exp"], UTC)
    if now >= expires_at:
        raise TokenRefused("This visitor token is over.")
    return Visitor(fields["kind"], fields["address"], expires_at, fields["name"], fields["phone"])


def read_identity(connection_id: int, secret: str, country: str, token: str, now: datetime) -> Visitor:
    """The user whom a host page signed for: base64url(JSON) "." base64url(HMAC-SHA256 of the first part).

    The JSON has `id` and `exp` (seconds since 1970), perhaps `phone` and `name`. `country` reads national numbers.

    Raises: IdentityRefused.
    """
    if not secret:
        raise IdentityRefused(
            "identity_off",
            "This chat takes no signed users yet: set the secret identity_secret of its connection, "
            "or leave data-user away.",
        )
    data, _, signature = token.partition(".")
    expected = hmac.digest(secret.encode(), data.encode("utf-8", "replace"), "sha256")
    if len(token) > _LONGEST_TOKEN or not hmac.compare_digest(expected, _decoded(signature)):
        raise IdentityRefused(
            "identity_signature",
            "The signature in data-user is wrong: sign the encoded part with this connection's identity_secret.",
        )
    fields = _fields(data)
    expires_at = _expiry(fields)
    if now >= expires_at:
        raise IdentityRefused(
            "identity_expired",
            "The time in data-user is over (exp): let the page sign a new one each time it is shown.",
        )
    # Two sites may both have a user 17: each connection has users of its own.
    address = f"{connection_id}:{_text(fields, 'id')}"
    return Visitor("user", address, expires_at, _text(fields, "name"), _phone(fields, country))


def _fields(data: str) -> Mapping[str, Any]:
    try:
        fields = json.loads(_decoded(data))
    except (ValueError, RecursionError):
        fields = None
    if not isinstance(fields, dict):
        raise IdentityRefused("identity_unreadable", "The first part of data-user must be a JSON object in base64url.")
    if not _text(fields, "id"):
        raise IdentityRefused("identity_without_id", "data-user has no id: name the user by the id your site knows.")
    return fields


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int) or len(str(value)) > _LONGEST_FIELD:
        raise IdentityRefused(
            "identity_unreadable", f"{name} in data-user must be a text of at most {_LONGEST_FIELD} characters."
        )
    return clean_text(str(value)).strip()


def _expiry(fields: Mapping[str, Any]) -> datetime:
    try:
        return datetime.fromtimestamp(float(fields["exp"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        raise IdentityRefused(
            "identity_without_expiry",
            "data-user needs exp: the second since 1970 at which the signature ends, such as one hour from now.",
        ) from None


def _phone(fields: Mapping[str, Any], country: str) -> str:
    written = _text(fields, "phone")
    if not written:
        return ""
    try:
        number = phonenumbers.parse(written, country or None)
    except phonenumbers.NumberParseException:
        number = None
    if number is None or not phonenumbers.is_possible_number(number):
        raise IdentityRefused(
            "identity_phone", "phone in data-user is no telephone number: write it as +48601700900, or leave it away."
        )
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    """What base64url says, padded or not; empty when it says nothing."""
    try:
        return base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
    except ValueError:
        return b""
