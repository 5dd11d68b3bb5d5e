"""The channels that are found: ours, and plugins by entry point; what does not fit stops the start with a sentence."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import pytest

from app.channels import registry
from app.channels.contract import Channel
from app.channels.registry import ChannelsClash, UnknownChannel, channel_of, channels
from app.config import Settings
from app.directory import open_connection
from app.models import Connection
from tests.app.api_client import api


class Pigeon(Channel):
    kind: ClassVar[str] = "pigeon"
    title: ClassVar[str] = "Carrier pigeon"
    secret_fields: ClassVar[tuple[str, ...]] = ("ring", "private_key")
    secrets_in_lines: ClassVar[tuple[str, ...]] = ("private_key",)


class AnotherTwilio(Channel):
    kind: ClassVar[str] = "twilio"


class Nameless(Channel):
    title: ClassVar[str] = "Nobody"


class Clumsy(Channel):
    kind: ClassVar[str] = "clumsy"

    def __init__(self) -> None:
        raise ValueError("boom")


@dataclass
class Distribution:
    name: str = "patchbay-pigeon"


@dataclass
class Point:
    """An installed plugin's entry point."""

    thing: object
    name: str = "pigeon"
    value: str = "patchbay_pigeon:Pigeon"
    dist: Distribution | None = None

    def load(self) -> object:
        """What the plugin names."""
        if isinstance(self.thing, BaseException):
            raise self.thing
        return self.thing


@pytest.fixture(autouse=True)
def _forgetting() -> Iterator[None]:
    channels.cache_clear()
    yield
    channels.cache_clear()


def install(monkeypatch: pytest.MonkeyPatch, thing: object) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda **_: [Point(thing, dist=Distribution())])


def test_the_built_in_channels_are_found_without_a_list() -> None:
    assert {"simulated", "twilio", "web_chat"} <= set(channels())
    assert all(kind == channel.kind for kind, channel in channels().items())
    assert channels() is channels()


@pytest.mark.parametrize("channel", channels().values(), ids=channels().keys())
def test_every_channel_says_what_its_form_needs(channel: Channel) -> None:
    assert channel.title
    assert all(field.isidentifier() for field in channel.secret_fields)
    for field in channel.settings_schema.get("properties", {}).values():
        assert field["title"]
        assert field["description"].endswith(".")


def test_a_plugin_is_a_channel_like_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, Pigeon)
    assert isinstance(channel_of("pigeon"), Pigeon)


MISFITS = [
    (AnotherTwilio, "Two channels have the kind 'twilio'"),
    (Nameless, "has no kind"),
    (str, "is no Channel class"),
    (None, "is no Channel class"),
    (ImportError("no module named feathers"), "cannot be loaded"),
    (RuntimeError("boom"), "cannot be loaded"),
    (SystemExit(3), "cannot be loaded"),
    (Clumsy, "cannot be made"),
]


@pytest.mark.parametrize(("thing", "sentence"), MISFITS)
def test_a_plugin_that_does_not_fit_is_named(monkeypatch: pytest.MonkeyPatch, thing: object, sentence: str) -> None:
    install(monkeypatch, thing)
    with pytest.raises(ChannelsClash, match=sentence) as clash:
        channels()
    assert "patchbay-pigeon" in str(clash.value)


def test_an_unknown_kind_is_told_in_a_sentence() -> None:
    with pytest.raises(UnknownChannel, match="install the plugin"):
        channel_of("fax")


def test_a_plugins_secret_may_have_several_lines_where_it_says_so(
    sqlite_url: str, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(monkeypatch, Pigeon)
    key = "-----BEGIN KEY-----\r\nMIIB\n-----END KEY-----\n"
    new = {"name": "loft", "kind": "pigeon"}
    with api(Settings.from_environment({"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url})) as client:
        for secrets in ({"ring": key}, {"private_key": f"{key}\x1b"}, {"private_key": f"{key}a\x1cb"}):
            assert "as one line" in client.post("/connections", 422, **new, secrets=secrets)["error"]
        client.post("/connections", 201, **new, secrets={"ring": "r", "private_key": key})
        ((id_,),) = client.installation.rows("SELECT id FROM connections WHERE name = 'loft'")
        with client.installation.house.database.reading() as session:
            stored = open_connection(session.get_one(Connection, id_), client.installation.house.key, "")
        assert stored.secrets["private_key"] == key
