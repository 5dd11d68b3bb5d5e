"""The connection `webhook`: another system tells what a run waits for, signed with a shared secret."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final

import jmespath
import jmespath.exceptions

from app.channels.arrival import Notice
from app.channels.checks import Check, OwnNumber
from app.channels.contract import Channel, ConnectionInfo, Http, Unreadable, Unsigned, Webhook
from flows.errors import FlowError
from flows.values import clean_text, from_json_text

_LONGEST_KEY: Final = 500
_DEFAULT_HEADER: Final = "X-Signature"


class WebhookChannel(Channel):
    """A payment service, a shop, any system that sends JSON and signs its body with HMAC-SHA256 (RFC 2104).

    The signature stands in a header as hexadecimal digits, bare or after `sha256=`; `key` says where in the JSON the
    value stands by which a run knows what it waits for, `id` what makes an event the same when it is sent again.
    """

    kind: ClassVar[str] = "webhook"
    title: ClassVar[str] = "Webhook"
    address_kind: ClassVar[str] = "none"
    notices: ClassVar[bool] = True
    secret_fields: ClassVar[tuple[str, ...]] = ("secret",)
    webhook_types: ClassVar[tuple[str, ...]] = ("application/json",)
    settings_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "required": ["key"],
        "properties": {
            "key": {
                "type": "string",
                "minLength": 1,
                "maxLength": 200,
                "title": "Key",
                "description": "Where in the JSON the value stands that a flow waits for, such as data.payment_id.",
            },
            "id": {
                "type": "string",
                "maxLength": 200,
                "title": "Event id",
                "description": "Where the event's own id stands; empty: the same body is the same event.",
            },
            "signature_header": {
                "type": "string",
                "pattern": "^[A-Za-z0-9-]{1,60}$",
                "title": "Signature header",
                "description": f"The header that holds the signature; {_DEFAULT_HEADER} unless told otherwise.",
            },
        },
    }

    def verify(self, connection: ConnectionInfo, webhook: Webhook) -> None:
        """HMAC-SHA256 over the raw body, compared in constant time."""
        secret = connection.secrets.get("secret", "")
        header = str(connection.settings.get("signature_header") or _DEFAULT_HEADER)
        if not secret:
            raise Unsigned("This connection has no secret, so that nothing can be believed: enter one.")
        given = webhook.headers.get(header.lower(), "").strip().lower().removeprefix("sha256=")
        wanted = hmac.new(secret.encode(), webhook.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(given.encode(), wanted.encode()):
            raise Unsigned(f"The signature in {header} is missing or wrong: sign the raw body with HMAC-SHA256.")

    def parse(self, connection: ConnectionInfo, webhook: Webhook) -> Sequence[Notice]:
        """One notice."""
        if webhook.path.partition("/")[0] == "calls":
            raise Unreadable("This connection answers no calls.")
        try:
            body = webhook.body.decode()
            plain, data = json.loads(body), from_json_text(body)
        except (ValueError, RecursionError, FlowError) as problem:
            raise Unreadable(f"The body is no JSON that can be read: {problem}") from None
        key = _found(connection, "key", plain)
        if not key or len(key) > _LONGEST_KEY:
            place = connection.settings.get("key")
            raise Unreadable(f"The JSON has no key of 1 to {_LONGEST_KEY} characters at “{place}”.")
        own = _found(connection, "id", plain)[:_LONGEST_KEY] or hashlib.sha256(webhook.body).hexdigest()
        return [Notice(own, key, data)]

    def spelled(self, value: str, country: str) -> str:
        """It has no numbers."""
        return ""

    def webhook_addresses(self, connection: ConnectionInfo) -> Mapping[str, str]:
        """The address that the other system calls."""
        return {"events": connection.hook("events")}

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """The secret, our address, and whether the places in the JSON can be looked up."""
        yield from super().checks(connection, numbers, http)
        for name in ("key", "id"):
            try:
                _found(connection, name, {})
            except Unreadable:
                sentence = f"“{connection.settings.get(name)}” is no place in a JSON that can be looked up."
                yield Check("settings", "wrong", sentence, f"Write {name} like data.payment_id.")


def _found(connection: ConnectionInfo, name: str, data: Any) -> str:
    """The text or whole number at a place of the JSON; empty when there is none."""
    path = str(connection.settings.get(name) or "")
    try:
        found = jmespath.search(path, data) if path else ""
    except (jmespath.exceptions.JMESPathError, ValueError, TypeError) as problem:
        raise Unreadable(f"“{path}” in this connection's settings cannot be looked up: {problem}") from None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    return clean_text(str(found))
