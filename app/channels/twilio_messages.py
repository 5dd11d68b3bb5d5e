"""What Twilio tells about messages: incoming SMS and WhatsApp messages, and the states of ours.

https://www.twilio.com/docs/messaging/guides/webhook-request
https://www.twilio.com/docs/messaging/guides/track-outbound-message-status
"""

from collections.abc import Mapping
from typing import Final

from app.channels.arrival import Arrival, Report
from app.channels.contract import Channel, Unreadable, Webhook
from app.channels.phone_number import country_of, read_phone_number
from app.channels.twilio_errors import error_kind, error_sentence
from flows.event import Attachment, MessageReceived

WHATSAPP: Final = "whatsapp:"
LONGEST_ID: Final = 128  # provider ids are opaque text (TELEPHONY, portable subset)

_MEDIA_AT_MOST = 10  # https://www.twilio.com/docs/api/errors/21623

RANKS: Final[Mapping[str, int]] = {
    "accepted": 1,
    "scheduled": 1,
    "queued": 1,
    "sending": 2,
    "sent": 4,
    "failed": 5,
    "undelivered": 5,
    "canceled": 5,
    "delivered": 6,
    "read": 7,
}
"""Twilio's words for a message of ours, as the ranks of RELIABILITY §2."""


def is_status(webhook: Webhook) -> bool:
    """Whether a webhook is about a message of ours; only status callbacks carry MessageStatus."""
    return bool(webhook.field("MessageStatus"))


def read_number(text: str, country: str = "") -> str:
    """A number of ours as `numbers.value` has it: E.164, with `whatsapp:` before it for WhatsApp; else as it came."""
    plain = text.strip()
    if plain.startswith(WHATSAPP):
        return WHATSAPP + read_number(plain.removeprefix(WHATSAPP), country)
    return read_phone_number(plain, country) or plain


def read_sender(text: str, country: str) -> tuple[str, str]:
    """A contact's address as its kind and value: `phone` with E.164, else `sender` (a short code, a company's name)."""
    plain = text.strip().removeprefix(WHATSAPP)
    phone = read_phone_number(plain, country)
    return ("phone", phone) if phone else ("sender", plain)


def message(webhook: Webhook, country: str) -> Arrival:
    """An incoming message. `country` reads national numbers where our own number does not tell. Raises: Unreadable."""
    number = read_number(required(webhook, "To"), country)
    kind, sender = read_sender(required(webhook, "From"), country_of(number.removeprefix(WHATSAPP)) or country)
    choice = webhook.field("ButtonPayload") or webhook.field("ListId")
    text = webhook.field("Body") or webhook.field("ButtonText") or webhook.field("ListTitle")
    return Arrival(
        provider_id=required(webhook, "MessageSid", "SmsSid", "SmsMessageSid"),
        happened=MessageReceived(text=text or _place(webhook), media=_media(webhook), choice=choice),
        address=sender,
        number=number,
        address_kind=kind,
        contact_name=webhook.field("ProfileName").strip()[:200],
    )


def _place(webhook: Webhook) -> str:
    """A place that was shared, as the address of RFC 5870 that a question for a place reads."""
    latitude, longitude = webhook.field("Latitude").strip(), webhook.field("Longitude").strip()
    return f"geo:{latitude},{longitude}" if latitude and longitude else ""


def status(webhook: Webhook) -> list[Report]:
    """The state of a message of ours; none for a word that says nothing. Raises: Unreadable."""
    sid = required(webhook, "MessageSid", "SmsSid")
    word = (webhook.field("MessageStatus") or webhook.field("SmsStatus")).lower()
    if word not in RANKS:
        return []
    code = whole(webhook.field("ErrorCode"))
    rank = RANKS[word]
    failed = rank == RANKS["failed"]
    happened = {
        "rank": rank,
        "error_kind": error_kind(code) if failed else "",
        "error": error_sentence(code, webhook.field("ErrorMessage")) if failed else "",
        "provider_id": sid,
    }
    effect = next((value for name, value in webhook.query if name == "effect"), "")
    return [
        Report(
            provider_id=f"{sid}:{word}",
            kind="message_status",
            happened=happened,
            effect_id=whole(effect),
            about_provider_id=sid,
        )
    ]


def required(webhook: Webhook, *names: str) -> str:
    """The first of these fields that is given. Raises: Unreadable, naming the field."""
    value = next(filter(None, map(webhook.field, names)), "")
    if not value or len(value) > LONGEST_ID:
        raise Unreadable(
            f"The form has no usable field {names[0]}: it must hold 1 to {LONGEST_ID} characters. "
            "Look whether this address is entered at the provider for something else."
        )
    return value


def whole(text: str) -> int:
    """A whole number of at most nine digits; 0 for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 9 else 0


def _media(webhook: Webhook) -> tuple[Attachment, ...]:
    """The files of a message. One of a type that is not accepted stays as a note without address."""
    count = min(whole(webhook.field("NumMedia")), _MEDIA_AT_MOST)
    media = []
    for index in range(count):
        url = webhook.field(f"MediaUrl{index}").strip()
        kind = (webhook.field(f"MediaContentType{index}").strip().lower() or "application/octet-stream")[:100]
        if kind.startswith(Channel.accepted_files) and url.startswith(("https://", "http://")):
            media.append(Attachment(media_type=kind, url=url))
        else:
            media.append(Attachment(media_type=kind, name=f"not accepted: {kind}"))
    return tuple(media)
