"""Twilio: SMS, WhatsApp and calls of one account."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar, Final

from app.channels import (
    twilio_account,
    twilio_calls,
    twilio_checks,
    twilio_documents,
    twilio_messages,
    twilio_numbers,
    twilio_rest,
)
from app.channels.arrival import Arrival, Report
from app.channels.carrier_numbers import CarrierPage
from app.channels.checks import Check, OwnNumber
from app.channels.contract import (
    CallPlace,
    Channel,
    ConnectionInfo,
    Document,
    Http,
    OutgoingMessage,
    SendPolicy,
    Sent,
    Unreadable,
    Webhook,
)
from app.channels.phone_number import read_phone_number
from app.channels.twilio_signature import require_signature
from app.outgoing import OutgoingRequest
from flows.effect import Verb

KEY_LIFETIME_SECONDS: Final = 86_400.0  # what a provider with keys of the same interface must promise

COUNTRY: Final[Mapping[str, Any]] = {
    "type": "string",
    "title": "Country",
    "description": "Two letters, such as PL. National telephone numbers are read as this country's.",
    "pattern": "^([A-Z]{2})?$",
}


class Twilio(Channel):
    """A Twilio account: its numbers take messages and calls, and send messages."""

    kind: ClassVar[str] = "twilio"
    title: ClassVar[str] = "Twilio"
    policy: ClassVar[SendPolicy] = SendPolicy(looks_up=True)
    secret_fields: ClassVar[tuple[str, ...]] = ("account_sid", "auth_token")
    signing_field: ClassVar[str] = "auth_token"
    lists_numbers: ClassVar[bool] = True
    confirms_opt_out: ClassVar[bool] = True  # https://help.twilio.com/articles/223134027
    # One text a second: https://help.twilio.com/articles/115002943027. WhatsApp's window of 24 hours:
    # https://www.twilio.com/docs/whatsapp/key-concepts
    usual_rates: ClassVar[Mapping[str, float]] = {"+": 1.0}
    free_form_seconds: ClassVar[Mapping[str, float]] = {twilio_messages.WHATSAPP: 86_400.0}
    settings_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "api_base": {
                "type": "string",
                "title": "Address of the API",
                "description": "Only for a region, or for a double in tests. Changing it asks for the secrets again.",
                "default": twilio_account.DEFAULT_API,
            },
            "country": COUNTRY,
            "has_keys": {
                "type": "boolean",
                "title": "Honours idempotency keys",
                "description": "Twilio does not. For a provider that ignores a repeated Idempotency-Key for a day.",
                "default": False,
            },
        },
    }

    def policy_of(self, connection: ConnectionInfo) -> SendPolicy:
        """Looking up; where the provider honours keys, the key."""
        if connection.settings.get("has_keys") is True:
            return SendPolicy(key_lifetime_seconds=KEY_LIFETIME_SECONDS, looks_up=True)
        return self.policy

    def verify(self, connection: ConnectionInfo, webhook: Webhook) -> None:
        """Raises: Unsigned."""
        require_signature(connection.secrets.get(self.signing_field, ""), webhook)

    def parse(self, connection: ConnectionInfo, webhook: Webhook) -> Sequence[Arrival | Report]:
        """Messages and calls, and what became of them. Raises: Unreadable."""
        country = str(connection.settings.get("country") or "")
        match webhook.path:
            case "messages" if not twilio_messages.is_status(webhook):
                return [twilio_messages.message(webhook, country)]
            case "messages" | "messages/status":
                return twilio_messages.status(webhook)
            case "calls":
                return [twilio_calls.started(webhook, country)]
            case "calls/turn" | "calls/recording":
                return twilio_calls.turn(webhook)
            case "calls/status" if twilio_messages.is_status(webhook):  # one status callback entered for both
                return twilio_messages.status(webhook)
            case "calls/status":
                return twilio_calls.status(webhook, country)
        raise Unreadable(
            f"There is no webhook {webhook.path}: use messages, messages/status, calls, calls/status or calls/fallback."
        )

    def file_request(self, connection: ConnectionInfo, address: str) -> OutgoingRequest:
        """With the account's secret, where the file lies at the account's own API."""
        request = super().file_request(connection, address)
        return replace(request, secret_headers=twilio_account.secret_headers(connection, address))

    def spelled(self, value: str, country: str) -> str:
        """E.164, with `whatsapp:` before a WhatsApp number."""
        plain = value.strip()
        phone = read_phone_number(plain.removeprefix(twilio_messages.WHATSAPP), country)
        return twilio_messages.WHATSAPP + phone if phone and plain.startswith(twilio_messages.WHATSAPP) else phone

    def number_of(self, connection: ConnectionInfo, webhook: Webhook) -> str:
        """The number that was called or written to."""
        said = webhook.field("To") or webhook.field("Called")
        return twilio_messages.read_number(said, str(connection.settings.get("country") or ""))

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """Posts the message to the account. Raises: SendFailed, OutgoingError."""
        return twilio_rest.send(connection, outgoing, http)

    def look_up(
        self,
        connection: ConnectionInfo,
        outgoing: OutgoingMessage,
        sending_at: datetime,
        owned: frozenset[str],
        http: Http,
    ) -> Sent | None:
        """The message in the account's list. Raises: OutgoingError."""
        return twilio_rest.look_up(connection, outgoing, sending_at, owned, http)

    def render(self, connection: ConnectionInfo, verbs: Sequence[Verb], place: CallPlace) -> Document:
        """TwiML in the portable subset; twilio_documents says where it ends."""
        return twilio_documents.render(connection, verbs, place)

    def whisper(self, connection: ConnectionInfo, webhook: Webhook) -> Document:
        """The words of the webhook's own address."""
        asked = dict(webhook.query)
        return twilio_documents.whisper(asked.get("text", ""), asked.get("language", ""), asked.get("voice", ""))

    def fallback(self, connection: ConnectionInfo, apology: str, fallback_number: str, language: str) -> Document:
        """Apology, fallback number, end."""
        return twilio_documents.fallback(apology, fallback_number, language)

    def webhook_addresses(self, connection: ConnectionInfo) -> Mapping[str, str]:
        """What belongs into the number's settings at the provider, by the names of its API."""
        return {
            "SmsUrl": connection.hook("messages"),
            # Twilio asks for a message once; when that fails it tries this address, and a repetition does no harm.
            "SmsFallbackUrl": connection.hook("messages"),
            "VoiceUrl": connection.hook("calls"),
            "VoiceFallbackUrl": connection.hook("calls/fallback"),
            "StatusCallback": connection.hook("calls/status"),
        }

    def set_webhooks(self, connection: ConnectionInfo, number: str, addresses: Mapping[str, str], http: Http) -> None:
        """Enters them in the number's settings. Raises: SendFailed, OutgoingError."""
        twilio_numbers.set_webhooks(connection, number, addresses, http)

    def carrier_numbers(self, connection: ConnectionInfo, after: str, most: int, http: Http) -> CarrierPage:
        """The account's. Raises: FetchFailed, OutgoingError."""
        return twilio_numbers.carrier_numbers(connection, after, most, http)

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """Secrets, address, account, and each number. Raises: FetchFailed, OutgoingError."""
        asked = list(super().checks(connection, numbers, http))
        yield from asked
        if asked[0].state == "good":
            account = twilio_checks.check_account(connection, http)
            yield account
            if account.state == "good":
                addresses = self.webhook_addresses(connection)
                yield from twilio_checks.check_numbers(connection, numbers, addresses, http)
                yield from twilio_checks.check_services(connection, numbers, addresses["SmsUrl"], http)
