"""Twilio's signature: HMAC-SHA1 over the address and the sorted form, https://www.twilio.com/docs/usage/security."""

import hmac
from collections.abc import Sequence
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
    address = urlsplit(webhook.url)
    algorithm = get_signature_algorithm(webhook.headers.get(_SETTINGS_HEADER, ""))
    try:
        # The provider is inconsistent about a standard port in the address it signs (the SDK tries both spellings too).
        right = [sign(secret, str(url), webhook.form, algorithm) for url in (remove_port(address), add_port(address))]
    except ValueError:
        raise Unsigned("The webhook is signed in a way that this version does not know.") from None
    if not any([hmac.compare_digest(signature.encode(), given.encode()) for signature in right]):  # noqa: C419  both are compared, always
        raise Unsigned("The signature of the webhook is wrong: look at the connection's secret and at PUBLIC_URL.")
