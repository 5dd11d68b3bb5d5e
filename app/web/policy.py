"""Every route's policy, in one table: which doors are open, and what opens the others."""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Policy(Enum):
    """What a request needs."""

    OPEN = "nothing"
    SIGNED = "a signature over the request or in its address"
    TICKET = "a ticket of 60 seconds"
    ONE_TIME = "the secret of a one-time link"
    TOKEN = "an API token"  # noqa: S105  a policy's words


_WHOLE: Final[Mapping[str, Policy]] = {
    "/": Policy.OPEN,
    "/live": Policy.OPEN,
    "/ready": Policy.OPEN,
    "/chat": Policy.OPEN,
    "/updates": Policy.TICKET,
}
_BELOW: Final[Mapping[str, Policy]] = {
    "/chat/": Policy.OPEN,  # its doors that act ask for a visitor's token
    "/static/": Policy.OPEN,
    "/hooks/": Policy.SIGNED,
    "/files/": Policy.SIGNED,
    "/first/": Policy.ONE_TIME,
    "/api/v1/": Policy.TOKEN,
}


def policy_of(path: str) -> Policy | None:
    """The policy of a path or of a route's rule; None for what stands in no table, which nobody may enter."""
    return _WHOLE.get(path) or next((policy for start, policy in _BELOW.items() if path.startswith(start)), None)
