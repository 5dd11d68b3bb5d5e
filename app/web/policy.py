"""Every route's policy, in one table: which doors are open, and what opens the others.

Which right a door behind a token or session needs stands beside the door: `right=` of app/web/api and app/web/pages.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Policy(Enum):
    """What a request needs."""

    OPEN = "nothing"
    SIGNED = "a signature over the request or in its address"
    TICKET = "a ticket of 60 seconds"
    ONE_TIME = "the secret of a one-time link"
    TOKEN = "an API token or a sign-in session that has the door's right"  # noqa: S105  a policy's words
    SESSION = "a sign-in session that has the page's right"


_WHOLE: Final[Mapping[str, Policy]] = {
    "/": Policy.OPEN,
    "/live": Policy.OPEN,
    "/ready": Policy.OPEN,
    "/chat": Policy.OPEN,
    "/sign-in": Policy.OPEN,
    "/sign-out": Policy.SESSION,
    "/people": Policy.SESSION,
    "/tokens": Policy.SESSION,
    "/api": Policy.SESSION,
    "/audit": Policy.SESSION,
    "/account": Policy.SESSION,
    "/updates": Policy.TICKET,
}
_BELOW: Final[Mapping[str, Policy]] = {
    "/chat/": Policy.OPEN,  # its doors that act ask for a visitor's token
    "/forms/": Policy.OPEN,  # whoever posts comes from our page or an allowed site
    "/static/": Policy.OPEN,
    "/hooks/": Policy.SIGNED,
    "/files/": Policy.SIGNED,
    "/first/": Policy.ONE_TIME,
    "/invitation/": Policy.ONE_TIME,
    "/password/": Policy.ONE_TIME,
    "/people/": Policy.SESSION,
    "/runs/": Policy.SESSION,
    "/tokens/": Policy.SESSION,
    "/account/": Policy.SESSION,
    "/api/v1/": Policy.TOKEN,
}


def policy_of(path: str) -> Policy | None:
    """The policy of a path or of a route's rule; None for what stands in no table, which nobody may enter."""
    return _WHOLE.get(path) or next((policy for start, policy in _BELOW.items() if path.startswith(start)), None)
