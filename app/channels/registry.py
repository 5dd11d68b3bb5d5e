"""Finds the channels: the modules of app.channels, and plugins that name theirs as entry points."""

import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import entry_points
from types import MappingProxyType, ModuleType
from typing import Final

import app.channels
from app.channels.contract import Channel, ChannelError

ENTRY_POINTS: Final = "patchbay.channels"


class UnknownChannel(ChannelError):
    """No installed channel has this kind."""


class ChannelsClash(ChannelError):
    """The installed channels do not fit together; the process must not start."""


@cache
def channels() -> Mapping[str, Channel]:
    """Every channel by its kind, built-in ones first. Raises: ChannelsClash."""
    found: dict[str, Channel] = {}
    for origin, kind_of_channel in (*_built_in(), *_plugins()):
        kind = getattr(kind_of_channel, "kind", "")
        if not kind:
            raise ChannelsClash(f"The channel {kind_of_channel.__name__} of {origin} has no kind: give its class one.")
        if kind in found:
            raise ChannelsClash(f"Two channels have the kind {kind!r}; the second is in {origin}: uninstall one.")
        found[kind] = _made(origin, kind_of_channel)
    return MappingProxyType(found)


def channel_of(kind: str) -> Channel:
    """The channel of a connection's kind. Raises: UnknownChannel."""
    channel = channels().get(kind)
    if channel is None:
        raise UnknownChannel(f"No channel {kind!r} is installed: install the plugin that brings it.")
    return channel


def _built_in() -> Iterator[tuple[str, type[Channel]]]:
    for module in sorted(pkgutil.iter_modules(app.channels.__path__), key=lambda entry: entry.name):
        yield from _channels_in(importlib.import_module(f"{app.channels.__name__}.{module.name}"))


def _channels_in(module: ModuleType) -> Iterator[tuple[str, type[Channel]]]:
    for thing in vars(module).values():
        if (
            isinstance(thing, type)
            and issubclass(thing, Channel)
            and thing is not Channel
            and thing.__module__ == module.__name__
        ):
            yield module.__name__, thing


def _made(origin: str, kind_of_channel: type[Channel]) -> Channel:
    try:
        return kind_of_channel()
    except Exception as problem:  # a door to strangers, as where their module is read
        name = kind_of_channel.__name__
        raise ChannelsClash(f"The channel {name} of {origin} cannot be made ({problem!r}): mend it.") from problem


def _plugins() -> Iterator[tuple[str, type[Channel]]]:
    for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda entry: entry.name):
        origin = f"the plugin {point.dist.name if point.dist else point.name}"
        try:
            thing = point.load()
        except (Exception, SystemExit) as problem:  # a door to strangers: their module may raise anything
            raise ChannelsClash(f"{origin} cannot be loaded ({problem}): mend or uninstall it.") from problem
        if not isinstance(thing, type) or not issubclass(thing, Channel):
            raise ChannelsClash(f"{origin} names {point.value}, which is no Channel class: mend or uninstall it.")
        yield origin, thing
