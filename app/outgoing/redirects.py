"""Where a redirect leads, what goes along, and which ones are refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from app.outgoing.errors import RedirectRefused
from app.web_address import BadWebAddress, WebAddress

REDIRECTS_AT_MOST: Final = 5  # RFC 9110 §15.4 leaves the number open; a real interface needs one or two
REDIRECT_STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_SECRET_BY_NAME = frozenset({"authorization", "cookie"})
_OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-language", "content-location", "digest"})


@dataclass(frozen=True)
class Leg:
    """One request on the way: what is sent to which address."""

    method: str
    address: WebAddress
    headers: Mapping[str, str]
    secret_headers: Mapping[str, str]
    body: bytes | None


def next_leg(leg: Leg, status: int, location: str, followed: int) -> Leg:
    """The request that the redirect asks for, secrets left behind on another origin. Raises: RedirectRefused."""
    here = leg.address.host_and_port
    if followed >= REDIRECTS_AT_MOST:
        raise RedirectRefused(
            f"{here} redirects once more after {REDIRECTS_AT_MOST} redirects: use the final address in the step."
        )
    try:
        address = leg.address.joined(location)
    except BadWebAddress as error:
        raise RedirectRefused(f"{here} redirects to somewhere that cannot be used. {error}") from None
    if leg.address.scheme == "https" and address.scheme == "http":
        raise RedirectRefused(
            f"{here} redirects from https to http, which would show the request to everyone on the way."
        )
    following = replace(leg, address=address)
    becomes_get = leg.method not in ("GET", "HEAD") if status == 303 else status in (301, 302) and leg.method == "POST"
    if becomes_get:  # RFC 9110 §15.4
        headers = {name: value for name, value in leg.headers.items() if name.lower() not in _OF_THE_BODY}
        following = replace(following, method="GET", headers=headers, body=None)
    if following == leg:
        raise RedirectRefused(f"{here} redirects to itself: use another address in the step.")
    if address.origin != leg.address.origin:
        headers = {name: value for name, value in following.headers.items() if name.lower() not in _SECRET_BY_NAME}
        following = replace(following, headers=headers, secret_headers={})
    return following
