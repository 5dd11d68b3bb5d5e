"""The API's channels: what a page needs to draw the form of a connection and of a number."""

from typing import Annotated, Any, TypedDict

from app.accounts.roles import Right
from app.channels.contract import Channel
from app.channels.registry import channels
from app.web.api.answers import PageData
from app.web.api.doors import Asked, Noun

noun = Noun("channels", Right.READ_SETTINGS)


class ChannelData(TypedDict):
    """A kind of channel, as a page needs it that draws the forms of its connections and numbers."""

    kind: str
    title: str
    help: str
    settings_schema: Annotated[dict[str, Any], "A JSON Schema."]
    number_settings_schema: Annotated[dict[str, Any], "A JSON Schema."]
    secrets: list[str]
    secrets_in_lines: Annotated[list[str], "Those that are entered as a text of several lines."]
    a_number_is: Annotated[str, "How a number of it is written."]
    lists_numbers: bool


@noun.get("/channels")
def list_channels(_: Asked) -> PageData[ChannelData]:
    """All installed channels: title, the schemas of a connection's and a number's settings, and its secrets."""
    return {"items": [_shown(channel) for channel in channels().values()], "next": None}


def _shown(channel: Channel) -> ChannelData:
    return {
        "kind": channel.kind,
        "title": channel.title,
        "help": " ".join((channel.__doc__ or "").split()),
        "settings_schema": dict(channel.settings_schema),
        "number_settings_schema": dict(channel.number_settings_schema),
        "secrets": list(channel.secret_fields),
        "secrets_in_lines": list(channel.secrets_in_lines),
        "a_number_is": channel.written,
        "lists_numbers": channel.lists_numbers,
    }
