"""Twilio's error codes as the error kinds of send_message, https://www.twilio.com/docs/api/errors."""

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[int, str]] = {
    21610: "opted_out",  # the recipient wrote STOP
    21211: "invalid_recipient",  # not a telephone number
    21214: "invalid_recipient",  # cannot be reached
    21265: "invalid_recipient",  # a short code
    21408: "invalid_recipient",  # the account may not send to that region
    21612: "invalid_recipient",  # no route from this sender to that number
    21614: "invalid_recipient",  # not a mobile number
    21635: "invalid_recipient",  # a landline
    30005: "invalid_recipient",  # unknown handset
    30006: "invalid_recipient",  # a landline, or an unreachable carrier
    63003: "invalid_recipient",  # the channel knows no such address
    63024: "invalid_recipient",
    63016: "outside_24h_window",
    11751: "media_too_large",
    30019: "media_too_large",
    63034: "media_too_large",
    12300: "media_not_accepted",
}

QUEUE_FULL: Final = frozenset({21611, 63017})  # the sender has too much waiting already: later it may go
NOT_NOW: Final = frozenset({20429}) | QUEUE_FULL


def error_kind(code: int) -> str:
    """The error kind of a provider's code; what has no kind of its own is `provider_code`."""
    return KINDS.get(code, "provider_code")


def error_sentence(code: int, message: str) -> str:
    """What people read about a provider's error; `message` is the provider's own, hostile text."""
    said = message.strip()[:300]
    if not code:
        return f"The provider refused the message: {said or 'it gave no reason'}."
    return f"The provider refused the message ({code}{': ' + said if said else ''}). See https://www.twilio.com/docs/api/errors/{code}"
