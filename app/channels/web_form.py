"""Web forms: our page and the forms of other sites; each one sent becomes a conversation that is answered by mail."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from app.channels.arrival import Arrival
from app.channels.checks import Check, OwnNumber, check_public_address, check_sites
from app.channels.contract import Channel, ConnectionInfo, Http, OutgoingMessage, SendFailed, SendPolicy, Sent
from app.channels.mail_settings import SENDING, SENDING_PLACES, check_sending, send_mail
from app.web_address import BadWebAddress, read_origin
from flows.answers import read_email
from flows.event import MessageReceived

MOST_CATEGORIES: Final = 50
_TEXTS: Final = {"type": "object", "additionalProperties": {"type": "string", "maxLength": 2_000}}
_NUMBER_SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "title": {
            "type": "string",
            "maxLength": 200,
            "title": "Title",
            "description": "Stands at the top; empty is the installation's name.",
        },
        "introduction": {**_TEXTS, "title": "Introduction", "description": "Below the title, per language."},
        "thanks": {**_TEXTS, "title": "Thanks", "description": "What is said once the form is here, per language."},
        "categories": {
            "type": "array",
            "title": "Categories",
            "description": "What a request can be about, such as Invoices; the sender chooses one.",
            "items": {"type": "string", "minLength": 1, "maxLength": 200},
            "maxItems": MOST_CATEGORIES,
            "uniqueItems": True,
        },
        "allowed_origins": {
            "type": "array",
            "title": "Allowed sites",
            "description": "Sites whose forms may post here and that may show this page, such as https://example.com.",
            "items": {"type": "string"},
        },
    },
}


@dataclass(frozen=True)
class FormSettings:
    """The settings of one form. `allowed_origins` are canonical; what is no origin is left out."""

    title: str = ""
    introduction: Mapping[str, str] = field(default_factory=dict)
    thanks: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()
    allowed_origins: tuple[str, ...] = ()


@dataclass(frozen=True)
class FilledIn:
    """A form as somebody sent it; `key` is the same when the same form comes again."""

    key: str
    name: str
    email: str
    category: str
    text: str
    language: str


class WebForm(Channel):
    """Forms on our page or on other sites. They come in at /forms, not as webhooks; answers go out by mail."""

    kind: ClassVar[str] = "web_form"
    title: ClassVar[str] = "A web form"
    address_kind: ClassVar[str] = "email"
    policy: ClassVar[SendPolicy] = SendPolicy()
    opts_out: ClassVar[bool] = False  # whoever fills in a form came to us
    threads: ClassVar[bool] = True
    secret_fields: ClassVar[tuple[str, ...]] = ("password",)
    receivers: ClassVar[tuple[str, ...]] = SENDING_PLACES
    number_settings_schema: ClassVar[Mapping[str, Any]] = _NUMBER_SETTINGS
    settings_schema: ClassVar[Mapping[str, Any]] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **SENDING,
            "sender": {
                "type": "string",
                "maxLength": 254,
                "title": "Sender",
                "description": "The address of the answers; best that of a mailbox here, which gets the replies.",
            },
        },
    }

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """Answers by mail. Raises: SendFailed, OutgoingError."""
        sender = read_email(str(connection.settings.get("sender") or ""))
        if sender is None:
            sentence = f"The connection “{connection.name}” has no sender: enter one, or write by another number."
            raise SendFailed("channel_disconnected", sentence, final=True)
        return send_mail(connection, outgoing, http, sender)

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """Our page's address, the sites that may use it, and how answers go out; no mail is sent."""
        yield check_public_address(connection.public_url, http)
        yield from check_sites(numbers)
        if read_email(str(connection.settings.get("sender") or "")) is None:
            sentence = "The sender of answers is missing or no e-mail address, so nobody can be answered."
            yield Check("sender", "wrong", sentence, "Enter a sender in the connection's settings.")
        yield check_sending(connection, http)


def arrival(number: str, filled_in: FilledIn) -> Arrival:
    """A form as the inbox wants it."""
    return Arrival(
        provider_id=f"form/{filled_in.key}",
        happened=MessageReceived(filled_in.text, choice=filled_in.category),
        address=filled_in.email,
        number=number,
        address_kind="email",
        contact_name=filled_in.name,
        contact_language=filled_in.language,
    )


def read_settings(text: str) -> FormSettings:
    """A number's stored settings; whatever cannot be used is as if it were not there."""
    try:
        data = json.loads(text)
    except ValueError:
        data = {}
    data = data if isinstance(data, dict) else {}
    title, categories, origins = data.get("title"), data.get("categories"), data.get("allowed_origins")
    listed = categories if isinstance(categories, list) else []
    return FormSettings(
        title=title if isinstance(title, str) else "",
        introduction=_texts(data.get("introduction")),
        thanks=_texts(data.get("thanks")),
        categories=tuple(one for one in listed if isinstance(one, str) and one.strip())[:MOST_CATEGORIES],
        allowed_origins=tuple(filter(None, map(_origin, origins))) if isinstance(origins, list) else (),
    )


def _texts(data: object) -> dict[str, str]:
    return {key: text for key, text in data.items() if isinstance(text, str)} if isinstance(data, dict) else {}


def _origin(text: object) -> str:
    try:
        return read_origin(text) if isinstance(text, str) else ""
    except BadWebAddress:
        return ""
