"""The channel `telegram`: messages with one bot, through Telegram's Bot API (https://core.telegram.org/bots/api)."""

import hmac
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Final
from urllib.parse import quote

from app.channels.arrival import Arrival, Report
from app.channels.checks import Check, OwnNumber, State
from app.channels.contract import (
    FILE_SECONDS,
    Channel,
    ConnectionInfo,
    Http,
    OutgoingMessage,
    SendFailed,
    SendPolicy,
    Sent,
    Unreadable,
    Unsigned,
    Webhook,
)
from app.outgoing import MAXIMUM_FILE_BYTES, ConnectionLost, OutgoingAnswer, OutgoingRequest, TooLarge
from flows.event import Attachment, MessageReceived

API: Final = "https://api.telegram.org"
_LONGEST_TEXT: Final = 4_096  # https://core.telegram.org/bots/api#sendmessage
_LONGEST_CAPTION: Final = 1_024  # https://core.telegram.org/bots/api#sendphoto
_MOST_FILES: Final = 10  # https://core.telegram.org/bots/api#sendmediagroup
_SEND_SECONDS: Final = 20.0
_FILE: Final = "telegram-file:"
_KINDS: Final[Mapping[str, str]] = {"image/": "photo", "video/": "video", "audio/": "audio"}


class Telegram(Channel):
    """One bot. A number's value is the bot's id: the digits before the colon of its token."""

    kind: ClassVar[str] = "telegram"
    title: ClassVar[str] = "Telegram"
    address_kind: ClassVar[str] = "telegram"
    # The Bot API has neither idempotency keys nor a list of what a bot sent: a message whose answer was lost is sent at
    # most once, and people are asked.
    policy: ClassVar[SendPolicy] = SendPolicy()
    secret_fields: ClassVar[tuple[str, ...]] = ("bot_token", "webhook_secret")
    webhook_types: ClassVar[tuple[str, ...]] = ("application/json",)
    settings_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "api_base": {
                "type": "string",
                "title": "Address of the Bot API",
                "description": f"Only for a Bot API server of your own; empty is {API}.",
            }
        },
    }

    def verify(self, connection: ConnectionInfo, webhook: Webhook) -> None:
        """The secret token stands in a header: https://core.telegram.org/bots/api#setwebhook. Raises: Unsigned."""
        secret = connection.secrets.get("webhook_secret", "")
        told = webhook.headers.get("x-telegram-bot-api-secret-token", "")
        if not secret or not hmac.compare_digest(secret.encode(), told.encode()):
            raise Unsigned("The webhook's secret token is missing or wrong: connect the number anew.")

    def parse(self, connection: ConnectionInfo, webhook: Webhook) -> Sequence[Arrival | Report]:
        """A message somebody wrote to the bot alone; groups, edits and the rest are none. Raises: Unreadable.

        https://core.telegram.org/bots/api#update and https://core.telegram.org/bots/api#message
        """
        try:
            update = json.loads(webhook.body)
            identity, message = int(update["update_id"]), update.get("message")
            if not message or message["chat"]["type"] != "private":
                return []
            sender = message["from"]
            name = " ".join(part for part in (sender["first_name"], sender.get("last_name")) if part)
            return [
                Arrival(
                    f"update:{identity}",
                    MessageReceived(_text(message), _media(message)),
                    address=str(int(message["chat"]["id"])),
                    address_kind=self.address_kind,
                    number=_bot(connection),
                    contact_name=name[:200],
                    contact_language=str(sender.get("language_code", "")),
                )
            ]
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as problem:
            raise Unreadable(f"The update cannot be read ({problem!r}): is this Telegram's webhook?") from None

    def number_of(self, connection: ConnectionInfo, webhook: Webhook) -> str:
        """The bot."""
        return _bot(connection)

    def fetch_file(self, connection: ConnectionInfo, address: str, http: Http) -> OutgoingAnswer:
        """In two steps: https://core.telegram.org/bots/api#getfile. Raises: OutgoingError."""
        try:
            told = _call(connection, http, "getFile", {"file_id": address.removeprefix(_FILE)})
        except SendFailed as refused:
            if refused.kind == "media_too_large":
                raise TooLarge(str(refused)) from None
            raise ConnectionLost(str(refused), may_have_arrived=False, answer_began=True) from None
        token, path = quote(connection.secrets.get("bot_token", ""), safe=":"), quote(str(told["file_path"]))
        url = f"{_base(connection)}/file/bot{token}/{path}"
        return http.send(OutgoingRequest("GET", url, timeout_seconds=FILE_SECONDS, maximum_bytes=MAXIMUM_FILE_BYTES))

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """One request for the whole message, so that none is there by half. Raises: SendFailed, OutgoingError."""
        method, parameters = _request(outgoing)
        told = _call(connection, http, method, {"chat_id": int(outgoing.to), **parameters})
        first = told[0] if isinstance(told, list) else told
        return Sent(f"{outgoing.to}/{first['message_id']}")

    def webhook_addresses(self, connection: ConnectionInfo) -> Mapping[str, str]:
        """Telegram knows one."""
        return {"messages": connection.hook("messages")}

    def set_webhooks(self, connection: ConnectionInfo, number: str, addresses: Mapping[str, str], http: Http) -> None:
        """https://core.telegram.org/bots/api#setwebhook, read back. Raises: SendFailed, OutgoingError."""
        secret, url = connection.secrets.get("webhook_secret", ""), addresses["messages"]
        _call(connection, http, "setWebhook", {"url": url, "secret_token": secret, "allowed_updates": ["message"]})
        if _call(connection, http, "getWebhookInfo", {}).get("url") != url:
            raise SendFailed("provider_code", "Telegram did not keep the webhook's address: try again.", final=False)

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """The secrets and our address, then whether Telegram knows the bot and calls us. Raises: OutgoingError."""
        usual = list(super().checks(connection, numbers, http))
        yield from usual
        if usual[0].state != "good":
            return
        try:
            told = _call(connection, http, "getWebhookInfo", {})
        except SendFailed as failed:
            state: State = "wrong" if failed.final else "unknown"
            yield Check("credentials", state, str(failed), "Copy the bot's token anew from @BotFather.")
            return
        url = self.webhook_addresses(connection)["messages"]
        if told.get("url") != url:
            yield Check("webhooks", "wrong", "Telegram calls another address, or none.", "Connect the bot's number.")
        else:
            yield Check("webhooks", "good", "Telegram knows the bot and calls us.")


def _request(outgoing: OutgoingMessage) -> tuple[str, dict[str, Any]]:
    """The method that sends it, and its parameters. Raises: SendFailed for what Telegram takes in no request."""
    message = outgoing.message
    longest = _LONGEST_CAPTION if message.media else _LONGEST_TEXT
    if len(message.text) > longest:
        where = "beside a file" if message.media else "in a message"
        raise SendFailed("provider_code", f"Telegram takes at most {longest:,} characters {where}.", final=True)
    # An inline button must be answered by a call of its own, or it spins; the keys of a keyboard write their label.
    keys = [[{"text": choice.label}] for choice in message.choices]
    marked = {"reply_markup": {"keyboard": keys, "one_time_keyboard": True, "resize_keyboard": True}} if keys else {}
    if not message.media:
        return "sendMessage", {"text": message.text, **marked}
    files = [{"type": _kind(file.media_type), "media": file.url} for file in message.media]
    if len(files) == 1:
        kind = files[0]["type"]
        return f"send{kind.capitalize()}", {kind: files[0]["media"], "caption": message.text, **marked}
    kinds = {file["type"] for file in files}
    if len(files) > _MOST_FILES or keys or (len(kinds) > 1 and not kinds <= {"photo", "video"}):
        sentence = f"Telegram takes 2 to {_MOST_FILES} files of one kind together, without buttons: send them apart."
        raise SendFailed("provider_code", sentence, final=True)
    return "sendMediaGroup", {"media": [{**files[0], "caption": message.text}, *files[1:]]}


def _call(connection: ConnectionInfo, http: Http, method: str, parameters: Mapping[str, Any]) -> Any:
    """What a method answers. Raises: SendFailed when it was surely not done, else an OutgoingError."""
    token = quote(connection.secrets.get("bot_token", ""), safe=":")
    answer = http.send(
        OutgoingRequest(
            "POST",
            f"{_base(connection)}/bot{token}/{method}",
            headers={"Content-Type": "application/json"},
            body=json.dumps(parameters).encode(),
            timeout_seconds=_SEND_SECONDS,
            follow_redirects=False,
        )
    )
    try:
        told = json.loads(answer.body)
        if told["ok"] is True:
            return told["result"]
        raise _refusal(answer.status, str(told["description"]), told.get("parameters") or {})
    except (ValueError, KeyError, TypeError):
        said = f"Telegram answered with the status {answer.status} and nothing that can be read."
        raise ConnectionLost(said, may_have_arrived=True, answer_began=True) from None


def _refusal(status: int, description: str, parameters: Mapping[str, Any]) -> Exception:
    """https://core.telegram.org/bots/api#making-requests and #responseparameters."""
    if status == 429:
        seconds = float(parameters.get("retry_after", 1))
        sentence = f"Telegram wants a pause of {seconds:.0f} s."
        return SendFailed("provider_code", sentence, final=False, retry_after_seconds=seconds, whole_number=True)
    if status >= 500:
        return ConnectionLost(f"Telegram answered with {status}.", may_have_arrived=True, answer_began=True)
    if status == 403:
        return SendFailed("opted_out", "The contact has blocked the bot, or never wrote to it.", final=True)
    if status in {401, 404}:
        sentence = "Telegram knows no bot with this token: correct the connection's bot_token."
        return SendFailed("provider_code", sentence, final=True)
    kind = "invalid_recipient" if "chat not found" in description else "provider_code"
    kind = "media_too_large" if status == 413 or "too big" in description else kind
    return SendFailed(kind, f"Telegram refused the message: {description[:200]}", final=True)


def _text(message: Mapping[str, Any]) -> str:
    """What was written, else a shared place as RFC 5870 writes it, else a shared telephone number."""
    if place := message.get("location"):
        return f"geo:{float(place['latitude'])},{float(place['longitude'])}"
    if shared := message.get("contact"):
        return str(shared["phone_number"])
    return str(message.get("text") or message.get("caption") or "")


def _media(message: Mapping[str, Any]) -> tuple[Attachment, ...]:
    """The message's file; of a photo the largest of its sizes, which stands last."""
    files: list[tuple[str, str, Mapping[str, Any]]] = []
    if sizes := message.get("photo"):
        files.append(("image/jpeg", "photo.jpg", sizes[-1]))
    for word, kind in (("document", ""), ("video", "video/mp4"), ("audio", "audio/mpeg"), ("voice", "audio/ogg")):
        if file := message.get(word):
            files.append(
                (str(file.get("mime_type") or kind or "application/octet-stream"), file.get("file_name", word), file)
            )
    return tuple(
        Attachment(media_type=kind, name=name, url=f"{_FILE}{file['file_id']}", size_bytes=file.get("file_size", 0))
        for kind, name, file in files
    )


def _kind(media_type: str) -> str:
    return next((kind for start, kind in _KINDS.items() if media_type.startswith(start)), "document")


def _base(connection: ConnectionInfo) -> str:
    return str(connection.settings.get("api_base") or API).rstrip("/")


def _bot(connection: ConnectionInfo) -> str:
    return connection.secrets.get("bot_token", "").partition(":")[0]
