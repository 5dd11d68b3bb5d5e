"""The contract of a channel: verify, parse, render, send. Built-in channels and plugins use the same one."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Final, Protocol

from app.channels.arrival import Arrival, Fetched, Notice, Report
from app.channels.carrier_numbers import CarrierPage
from app.channels.checks import Check, OwnNumber, check_public_address, check_secrets
from app.channels.errors import ChannelError, FetchFailed, SendFailed, Unreadable, Unsigned
from app.channels.phone_number import read_phone_number
from app.channels.thread import NO_THREAD, Thread
from app.channels.voice_document import CallPlace, Document
from app.outgoing import MAXIMUM_FILE_BYTES, OutgoingAnswer, OutgoingRequest
from flows.effect import SendMessage, Verb

__all__ = [
    "ACCEPTED_FILES",
    "FILE_SECONDS",
    "NO_THREAD",
    "CallPlace",
    "Channel",
    "ChannelError",
    "ConnectionInfo",
    "Document",
    "FetchFailed",
    "Http",
    "Keep",
    "OutgoingMessage",
    "SendFailed",
    "SendPolicy",
    "Sent",
    "Thread",
    "Unreadable",
    "Unsigned",
    "Webhook",
]

ACCEPTED_FILES: Final = (
    *("image/", "audio/", "video/"),
    *("text/plain", "text/vcard", "text/x-vcard", "application/pdf"),
)
"""How the media types begin of what a contact may send: what a person can look at without running it."""
FILE_SECONDS: Final = 60.0  # 16 MiB on a line of 2 Mbit/s


@dataclass(frozen=True)
class ConnectionInfo:
    """A connection as a channel sees it: its settings and its opened secrets."""

    id: int
    name: str
    kind: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, str] = field(repr=False)
    public_url: str = ""  # of the installation, without a slash at its end
    own_secret: str = field(default="", repr=False)  # of the installation, to sign what shall come back (Message-IDs)

    def hook(self, path: str) -> str:
        """The address of one of this connection's webhooks as the provider sees it."""
        return f"{self.public_url}/hooks/{self.name}/{path}"


@dataclass(frozen=True)
class Webhook:
    """A webhook as it came in. `form` holds every pair in order; `path` is what follows /hooks/<connection>/."""

    path: str
    url: str  # as the provider sees it: public URL, path and query
    query: Sequence[tuple[str, str]]
    form: Sequence[tuple[str, str]]
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    def field(self, name: str) -> str:
        """A form field, else a query parameter, else empty."""
        return next((value for key, value in (*self.form, *self.query) if key == name), "")


@dataclass(frozen=True)
class OutgoingMessage:
    """A message on its way out. `key` is the effect's key and the provider's idempotency key; `effect_id` stands in the
    status-callback address, so that a callback settles an unknown outcome. `attempt` counts from 1.

    Every attachment of `message` has its `url` already: the outbox signs the address of a stored file.
    """

    key: str
    effect_id: int
    sender: str  # the number's value
    to: str  # the contact's address
    message: SendMessage
    attempt: int = 1
    thread: Thread = NO_THREAD
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)  # of stored files, where `threads` is True


@dataclass(frozen=True)
class Sent:
    """The provider took the message. `rank` is the message's rank that follows (4 = sent)."""

    provider_id: str
    rank: int = 4


@dataclass(frozen=True)
class SendPolicy:
    """What is known after an attempt without an answer.

    key_lifetime_seconds: the provider ignores a repeated key for that long (0 = it has no keys).
    looks_up: whether `look_up` can tell if a message arrived.
    local: the message needs nobody else: committing it is sending it (web chat).
    """

    key_lifetime_seconds: float = 0
    looks_up: bool = False
    local: bool = False


class Http(Protocol):
    """The guarded client, as far as a channel needs it."""

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """Performs one request; raises app.outgoing.OutgoingError."""
        ...


Keep = Callable[[Fetched], bool]
"""Stores one fetched message, for good, before it returns; only then the provider may be told that we have it. False:
it cannot be stored, so it must stay where people find it."""


class Channel:
    """One kind of way in and out. Instances carry no state."""

    kind: ClassVar[str]
    title: ClassVar[str]
    address_kind: ClassVar[str] = "phone"
    policy: ClassVar[SendPolicy] = SendPolicy()
    settings_schema: ClassVar[Mapping[str, Any]] = {}
    number_settings_schema: ClassVar[Mapping[str, Any]] = {}  # of one number, such as a widget's allowed sites
    secret_fields: ClassVar[tuple[str, ...]] = ()
    secrets_in_lines: ClassVar[tuple[str, ...]] = ()  # of these, what may have several lines, such as a private key
    receivers: ClassVar[tuple[str, ...]] = ()  # settings that say where secrets are sent, besides those with addresses
    webhook_types: ClassVar[tuple[str, ...]] = ("application/x-www-form-urlencoded",)  # what a webhook's body may be
    accepted_files: ClassVar[tuple[str, ...]] = ACCEPTED_FILES
    # By how a number of ours begins: messages a second unless told otherwise, and how long after the contact's last
    # message they may be written to without a template (nothing = for ever).
    usual_rates: ClassVar[Mapping[str, float]] = {}
    free_form_seconds: ClassVar[Mapping[str, float]] = {}
    notices: ClassVar[bool] = False  # whether other systems tell by it what runs wait for
    opts_out: ClassVar[bool] = True  # STOP and its kin end all messages; False where the contact came to us (a page)
    confirms_opt_out: ClassVar[bool] = False  # the provider answers STOP itself
    fetches: ClassVar[bool] = False  # nobody calls us: a worker fetches what has come
    threads: ClassVar[bool] = False  # a message goes out with its thread and the contents of its files
    lists_numbers: ClassVar[bool] = False  # whether `carrier_numbers` knows what the account has
    written: ClassVar[str] = "telephone number: write it like +48221234567"  # what `spelled` wants

    def policy_of(self, connection: ConnectionInfo) -> SendPolicy:
        """The policy under this connection's settings."""
        return self.policy

    def verify(self, connection: ConnectionInfo, webhook: Webhook) -> None:
        """Raises Unsigned unless the webhook is surely the provider's. Fails closed when no secret is set."""
        raise Unsigned("This connection takes no webhooks.")

    def parse(self, connection: ConnectionInfo, webhook: Webhook) -> Sequence[Arrival | Report | Notice]:
        """What a verified webhook tells us. Raises Unreadable."""
        raise Unreadable("This connection takes no webhooks.")

    def file_request(self, connection: ConnectionInfo, address: str) -> OutgoingRequest:
        """What fetches a file that came with a message; a secret of the connection may only go to its own provider."""
        return OutgoingRequest("GET", address, timeout_seconds=FILE_SECONDS, maximum_bytes=MAXIMUM_FILE_BYTES)

    def fetch_file(self, connection: ConnectionInfo, address: str, http: Http) -> OutgoingAnswer:
        """A file that came with a message, or a recording. Raises: app.outgoing.OutgoingError."""
        return http.send(self.file_request(connection, address))

    def fetch(self, connection: ConnectionInfo, numbers: Sequence[str], keep: Keep, http: Http) -> None:
        """Gives everything new at the provider to `keep`, one after the other; `numbers` are ours on this connection.

        Raises: FetchFailed, app.outgoing.OutgoingError, and what `keep` raises; what was kept stays kept.
        """
        raise FetchFailed("This connection fetches nothing.")

    def spelled(self, value: str, country: str) -> str:
        """The value of a number of ours in its one spelling, empty when it is none; `country` reads national ones."""
        return read_phone_number(value, country) if self.address_kind == "phone" else value

    def number_of(self, connection: ConnectionInfo, webhook: Webhook) -> str:
        """The value of the number of ours that a verified webhook is about; empty when it does not tell."""
        return ""

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """Hands a message to the provider; at most 20 s in all.

        Raises: SendFailed, when the provider surely does not have it; app.outgoing.OutgoingError otherwise, whose
        `may_have_arrived` is True after an answer that does not tell (5xx) too.
        """
        raise SendFailed("provider_code", "This connection sends no messages.", final=True)

    def look_up(
        self,
        connection: ConnectionInfo,
        outgoing: OutgoingMessage,
        sending_at: datetime,
        owned: frozenset[str],
        http: Http,
    ) -> Sent | None:
        """Whether the provider has a message whose answer we never got; ignores provider ids that others own."""
        return None

    def render(self, connection: ConnectionInfo, verbs: Sequence[Verb], place: CallPlace) -> Document:
        """A voice document of the verbs, ended so that the carrier comes back with the next turn."""
        raise Unreadable("This connection answers no calls.")

    def whisper(self, connection: ConnectionInfo, webhook: Webhook) -> Document:
        """What whoever answers a forwarded call hears, told by the address of this verified webhook alone."""
        raise Unreadable("This connection forwards no calls.")

    def fallback(self, connection: ConnectionInfo, apology: str, fallback_number: str, language: str) -> Document:
        """The document that needs neither the engine nor the database."""
        raise Unreadable("This connection answers no calls.")

    def webhook_addresses(self, connection: ConnectionInfo) -> Mapping[str, str]:
        """The addresses the provider must call, by purpose, for the operator to see."""
        return {}

    def set_webhooks(self, connection: ConnectionInfo, number: str, addresses: Mapping[str, str], http: Http) -> None:
        """Enters these `webhook_addresses` at the provider for a number of ours and reads them back; may be repeated.

        Raises: SendFailed, app.outgoing.OutgoingError.
        """

    def carrier_numbers(self, connection: ConnectionInfo, after: str, most: int, http: Http) -> CarrierPage:
        """The numbers that the account has at its carrier, `after` the `next` of the page before.

        Raises: FetchFailed, app.outgoing.OutgoingError.
        """
        raise FetchFailed(f"{self.title} has no list of numbers: enter each by hand.")

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """Looks at all that has to be right for the connection to work, and changes nothing; `http` ends in time.

        Raises: ChannelError, app.outgoing.OutgoingError: then no more can be seen.
        """
        yield check_secrets(self.secret_fields, connection.secrets)
        if self.webhook_addresses(connection):
            yield check_public_address(connection.public_url, http)
