"""Twilio's door for outgoing messages, https://www.twilio.com/docs/messaging/api/message-resource.

Twilio documents no idempotency key for messages, so whether one arrived is found out by looking the list up. The key is
sent along all the same: Twilio ignores it, and another provider of the same interface may honour it (`has_keys`).
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

from app.channels.contract import ConnectionInfo, Http, OutgoingMessage, Sent
from app.channels.twilio_account import ANSWER_SECONDS, get, post, unclear
from app.channels.twilio_files import refuse_files
from app.channels.twilio_messages import WHATSAPP
from flows.effect import SendMessage

TRIAL_PREFIX: Final = "Sent from your Twilio trial account - "  # https://help.twilio.com/articles/223136107
_SKEW = timedelta(minutes=5)  # the provider's clock is not ours
_PAGE_SIZE = 200
_PAGES_AT_MOST = 5


def send(connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
    """Posts the message. Raises: SendFailed; OutgoingError, also after a 5xx, which tells nobody what happened."""
    refuse_files(outgoing)
    form = form_of(connection, outgoing)
    made = post(connection, "Messages.json", form, http, key=outgoing.key)
    if not isinstance(made.get("sid"), str):
        raise unclear("The provider took the message without naming it.")
    return Sent(provider_id=made["sid"])


def look_up(
    connection: ConnectionInfo, outgoing: OutgoingMessage, sending_at: datetime, owned: frozenset[str], http: Http
) -> Sent | None:
    """The message of this effect in the provider's list, newest first, unless another effect owns it.

    The list is not narrowed by DateSent: a message that is still queued there has none. Raises: OutgoingError.
    """
    wanted = dict(form_of(connection, outgoing))
    query = urlencode({"To": wanted["To"], "From": outgoing.sender, "PageSize": _PAGE_SIZE})
    path = f"Messages.json?{query}"
    oldest_at = sending_at - _SKEW
    found: Sent | None = None
    for _ in range(_PAGES_AT_MOST):
        page = get(connection, path, http)
        listed = page.get("messages")
        if not isinstance(listed, list):
            raise unclear("The provider's list of messages is unreadable.")
        reached = False
        for entry in (entry for entry in listed if isinstance(entry, dict)):
            created_at = _instant(entry.get("date_created"))
            if created_at is not None and created_at < oldest_at:
                reached = True
            elif _is_same(entry, wanted, created_at, sending_at) and entry["sid"] not in owned:
                found = Sent(provider_id=entry["sid"])  # the last one found is the oldest, the likeliest to be ours
        following = str(page.get("next_page_uri") or "")
        if reached or "?" not in following:
            break
        path = f"Messages.json?{following.partition('?')[2]}"
    return found


def form_of(connection: ConnectionInfo, outgoing: OutgoingMessage) -> Sequence[tuple[str, str]]:
    """The form that asks for this message."""
    message = outgoing.message
    prefix = WHATSAPP if outgoing.sender.startswith(WHATSAPP) else ""
    form = [
        ("To", prefix + outgoing.to.removeprefix(WHATSAPP)),
        ("From", outgoing.sender),
        ("StatusCallback", connection.hook(f"messages/status?effect={outgoing.effect_id}")),
    ]
    if message.template:
        form.append(("ContentSid", message.template))
        if message.template_variables:
            variables = json.dumps(dict(message.template_variables), ensure_ascii=False, sort_keys=True)
            form.append(("ContentVariables", variables))
        return form
    text = text_of(message)
    if text:
        form.append(("Body", text))
    form.extend(("MediaUrl", item.url) for item in message.media if item.url)
    return form


def text_of(message: SendMessage) -> str:
    """The text with its choices as numbered lines: plain messages have no buttons."""
    lines = [f"{number}. {choice.label}" for number, choice in enumerate(message.choices, start=1)]
    return "\n\n".join(filter(None, [message.text, "\n".join(lines)]))


def _is_same(
    entry: Mapping[str, Any], wanted: Mapping[str, str], created_at: datetime | None, sending_at: datetime
) -> bool:
    if not isinstance(entry.get("sid"), str) or not str(entry.get("direction", "outbound")).startswith("outbound"):
        return False
    if "ContentSid" in wanted:  # the list shows the rendered text, which only the provider knows: the time must do
        return created_at is not None and created_at <= sending_at + timedelta(seconds=ANSWER_SECONDS) + _SKEW
    # Blanks are left out of account: providers and carriers trim them.
    listed = str(entry.get("body") or "").removeprefix(TRIAL_PREFIX)
    return listed.split() == wanted.get("Body", "").split()


def _instant(text: object) -> datetime | None:
    """An instant as Twilio writes it (RFC 2822)."""
    try:
        instant = parsedate_to_datetime(str(text))
    except (ValueError, TypeError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
