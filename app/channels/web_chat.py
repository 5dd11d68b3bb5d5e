"""The web chat: a page of ours, and a panel that any allowed site embeds. It has no provider: committing is sending."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from app.channels.arrival import Arrival
from app.channels.checks import Check, OwnNumber, check_public_address, check_sites
from app.channels.contract import Channel, ConnectionInfo, Http, OutgoingMessage, SendPolicy, Sent
from app.channels.visitor import Visitor
from app.web_address import BadWebAddress, read_origin
from flows.event import MessageReceived

NUMBER_SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "allowed_origins": {
            "type": "array",
            "title": "Allowed sites",
            "description": "Sites that may show this chat, such as https://shop.example.com; our own page may.",
            "items": {"type": "string"},
        },
        "title": {
            "type": "string",
            "title": "Name",
            "description": "Shown at the top; empty is the installation's name.",
        },
        "greeting": {
            "type": "object",
            "title": "Greeting",
            "description": "Shown before the first message, per language.",
            "additionalProperties": {"type": "string"},
        },
    },
}


@dataclass(frozen=True)
class ChatSettings:
    """The settings of one chat widget. `allowed_origins` are canonical; what is no origin is left out."""

    allowed_origins: tuple[str, ...] = ()
    title: str = ""
    greeting: Mapping[str, str] = field(default_factory=dict)


class WebChat(Channel):
    """Messages of chat pages. They come in at /chat, not as webhooks, and go out by being committed."""

    kind: ClassVar[str] = "web_chat"
    title: ClassVar[str] = "Web chat"
    address_kind: ClassVar[str] = "visitor"  # "user" for those a host page signs for
    policy: ClassVar[SendPolicy] = SendPolicy(local=True)
    opts_out: ClassVar[bool] = False  # a visitor who types STOP came to us; they leave by closing the page
    secret_fields: ClassVar[tuple[str, ...]] = ("identity_secret",)
    number_settings_schema: ClassVar[Mapping[str, Any]] = NUMBER_SETTINGS

    def send(self, connection: ConnectionInfo, outgoing: OutgoingMessage, http: Http) -> Sent:
        """Nothing is left to do: pages read the committed message."""
        return Sent(provider_id="")

    def checks(self, connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Http) -> Iterator[Check]:
        """Our page's address, the sites that may show it, and whether sites can sign for their users."""
        yield check_public_address(connection.public_url, http)
        yield from check_sites(numbers)
        is_set = bool(connection.secrets.get("identity_secret"))
        sentence = "Sites can sign for their users." if is_set else "Visitors are guests: no site can sign for users."
        yield Check("secrets", "good", sentence, "" if is_set else "Enter identity_secret if a site shall do so.")


def arrival(number: str, visitor: Visitor, key: str, message: MessageReceived, language: str) -> Arrival:
    """What a chat page's message is to the inbox; `key` was made by the page, once for each message."""
    return Arrival(
        provider_id=f"{visitor.address}:{key}",
        happened=message,
        address=visitor.address,
        number=number,
        address_kind=visitor.kind,
        client_key=key,
        contact_name=visitor.name,
        contact_language=language,
        phone=visitor.phone,
    )


def read_settings(text: str) -> ChatSettings:
    """A number's stored settings; whatever cannot be used is as if it were not there."""
    try:
        data = json.loads(text)
    except ValueError:
        data = {}
    if not isinstance(data, dict):
        data = {}
    title, greeting, origins = data.get("title"), data.get("greeting"), data.get("allowed_origins")
    return ChatSettings(
        allowed_origins=tuple(filter(None, map(_origin, origins))) if isinstance(origins, list) else (),
        title=title if isinstance(title, str) else "",
        greeting={k: v for k, v in greeting.items() if isinstance(v, str)} if isinstance(greeting, dict) else {},
    )


def _origin(text: object) -> str:
    try:
        return read_origin(text) if isinstance(text, str) else ""
    except BadWebAddress:
        return ""
