"""Twilio's signature: HMAC-SHA1 over the address and the sorted form, https://www.twilio.com/docs/usage/security."""

import hmac
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

from twilio.request_validator import RequestValidator, add_port, get_signature_algorithm, remove_port
from werkzeug.datastructures import MultiDict

from app.channels.contract import Unsigned, Webhook

SIGNATURE_HEADER = "x-twilio-signature"
_SETTINGS_HEADER = "x-twilio-webhooks-signature-settings"


def sign(secret: str, url: str, form: Sequence[tuple[str, str]], algorithm: str = "HMAC_SHA1") -> str:
    """The signature of a request to `url` with these form fields. Raises: ValueError for an unknown algorithm."""
    return str(RequestValidator(secret).compute_signature(url, MultiDict(form), algorithm))


def require_signature(secret: str, webhook: Webhook) -> None:
    """Nothing, if whoever knows `secret` signed the webhook. Raises: Unsigned."""
    if not secret:
        raise Unsigned("This connection has no secret, so no webhook can be believed: enter its secret.")
    given = webhook.headers.get(SIGNATURE_HEADER, "")
    if not given:
        raise Unsigned("The webhook has no signature: only the provider may call this address.")
    algorithm = get_signature_algorithm(webhook.headers.get(_SETTINGS_HEADER, ""))
    try:
        is_right = any(
            hmac.compare_digest(sign(secret, url, webhook.form, algorithm).encode(), given.encode())
            for url in _spellings(webhook.url)
        )
    except ValueError:
        raise Unsigned("The webhook is signed in a way that this version does not know.") from None
    if not is_right:
        raise Unsigned("The signature of the webhook is wrong: look at the connection's secret and at PUBLIC_URL.")


def _spellings(url: str) -> Iterator[str]:
    """The address as it is known, and then with and without its port: the provider is inconsistent about it.

    The SDK's own validator tries both too.
    """
    yield url
    address = urlsplit(url)
    for other in (str(remove_port(address)), str(add_port(address))):
        if other != url:
            yield other
