"""The numbers that an account has at its carrier, whether they are ours already or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit, urlunsplit

Capability = Literal["calls", "messages", "media"]


@dataclass(frozen=True)
class CarrierNumber:
    """A number of the account; `webhooks` are the addresses it calls now, by the names of `webhook_addresses`."""

    value: str
    name: str = ""
    capabilities: Sequence[Capability] = ()
    webhooks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CarrierPage:
    """A part of the account's numbers; `next` is the `after` of the following page, of letters, digits, `.`, `_`
    and `-`, or empty at the end."""

    items: Sequence[CarrierNumber]
    next: str = ""


def shown_address(address: str) -> str:
    """An address without what may be a secret in it: user, password and query."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "•••"
    query = "•••" if parts.query else ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, query, ""))[:2_000]
