"""Twilio's door for outgoing messages, https://www.twilio.com/docs/messaging/api/message-resource.

Twilio documents no idempotency key for messages, so whether one arrived is found out by looking the list up. The key is
sent along all the same: Twilio ignores it, and another provider of the same interface may honour it (`has_keys`).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import urlencode

from app.channels.contract import ConnectionInfo, Http, OutgoingMessage, SendFailed, Sent
from app.channels.twilio_errors import NOT_NOW, QUEUE_FULL, error_kind, error_sentence
from app.channels.twilio_messages import WHATSAPP
from app.outgoing import ConnectionLost, OutgoingAnswer, OutgoingRequest
from flows.effect import SendMessage

DEFAULT_API: Final = "https://api.twilio.com"
SEND_SECONDS: Final = 20.0  # RELIABILITY §2: a send may take 20 s in all
TRIAL_PREFIX: Final = "Sent from your Twilio trial account - "  # https://help.twilio.com/articles/223136107
_SKEW = timedelta(minutes=5)  # the provider's clock is not ours
_PAGE_SIZE = 200
_PAGES_AT_MOST = 5
_LIST_BYTES = 2 * 1024 * 1024
_WAIT_SECONDS = {429: 1.0, 401: 60.0}
_QUEUE_FULL_SECONDS = 60.0


def send(connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
    """Posts the message. Raises: SendFailed; OutgoingError, also after a 5xx, which tells nobody what happened."""
    form = urlencode(form_of(connection, outgoing)).encode()
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Idempotency-Key": outgoing.key}
    answer = http.send(replace(_request(connection, "POST", "Messages.json"), body=form, headers=headers))
    said = _json(answer)
    if 200 <= answer.status < 300 and isinstance(said.get("sid"), str):
        return Sent(provider_id=said["sid"])
    if answer.status < 400 or answer.status == 408 or answer.status >= 500:
        # Not a refusal: a gateway may fail after the message was made. Only a look-up or a callback can tell.
        raise ConnectionLost(
            f"The provider answered with status {answer.status}, which does not tell whether it has the message.",
            may_have_arrived=True,
            answer_began=True,
        )
    raise _refused(answer, said)


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
        answer = http.send(_request(connection, "GET", path))
        page = _json(answer)
        listed = page.get("messages")
        if answer.status != 200 or not isinstance(listed, list):
            raise ConnectionLost(
                f"The provider's list of messages answered with status {answer.status}.",
                may_have_arrived=True,
                answer_began=True,
            )
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
        return created_at is not None and created_at <= sending_at + timedelta(seconds=SEND_SECONDS) + _SKEW
    text = entry.get("body") or ""
    body = wanted.get("Body", "")
    return text in {body, TRIAL_PREFIX + body}


def _request(connection: ConnectionInfo, method: str, path: str) -> OutgoingRequest:
    sid, token = connection.secrets.get("account_sid", ""), connection.secrets.get("auth_token", "")
    if not sid or not token:
        raise SendFailed(
            "provider_code",
            f"The connection {connection.name} has no account SID or no auth token: enter both, then send again.",
            final=False,
            retry_after_seconds=60,
            whole_number=True,
        )
    base = str(connection.settings.get("api_base") or DEFAULT_API).rstrip("/")
    pair = base64.b64encode(f"{sid}:{token}".encode()).decode("ascii")
    return OutgoingRequest(
        method,
        f"{base}/2010-04-01/Accounts/{sid}/{path}",
        timeout_seconds=SEND_SECONDS,
        maximum_bytes=_LIST_BYTES,
        secret_headers={"Authorization": f"Basic {pair}"},
        follow_redirects=False,
    )


def _refused(answer: OutgoingAnswer, said: Mapping[str, Any]) -> SendFailed:
    code = said.get("code")
    number = code if isinstance(code, int) and not isinstance(code, bool) else 0
    sentence = error_sentence(number, str(said.get("message") or f"status {answer.status}"))
    if answer.status in _WAIT_SECONDS or number in NOT_NOW:
        asked = answer.headers.get("retry-after", "")
        wait = _QUEUE_FULL_SECONDS if number in QUEUE_FULL else _WAIT_SECONDS.get(answer.status, 1.0)
        seconds = min(float(asked), 86_400.0) if asked.isascii() and asked.isdecimal() else wait
        return SendFailed("provider_code", sentence, final=False, retry_after_seconds=seconds, whole_number=True)
    return SendFailed(error_kind(number), sentence, final=True)


def _json(answer: OutgoingAnswer) -> Mapping[str, Any]:
    try:
        said = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _instant(text: object) -> datetime | None:
    """An instant as Twilio writes it (RFC 2822)."""
    try:
        instant = parsedate_to_datetime(str(text))
    except (ValueError, TypeError):
        return None
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)
