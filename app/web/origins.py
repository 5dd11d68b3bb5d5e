"""Which sites may show a chat, from what a browser says about where a request comes from."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from flask import Request

from app.web_address import BadWebAddress, read_origin

_FRAMES = ("iframe", "frame", "embed", "object", "fencedframe")


def may_post(request: Request, public_url: str, allowed: Sequence[str]) -> bool:
    """Whether a request that does something comes from our own pages or an allowed site.

    A program that is no browser sends neither header and needs none: its token says who it is.
    """
    origin = request.headers.get("Origin") or request.headers.get("Referer")
    return origin is None or _is_ours_or_allowed(origin, request.host, public_url, allowed)


def may_frame(request: Request, public_url: str, allowed: Sequence[str]) -> bool:
    """Whether the page that frames us may. What a browser does not say here, the policy frame-ancestors decides."""
    if request.headers.get("Sec-Fetch-Dest") not in _FRAMES:
        return True
    referer = request.headers.get("Referer")
    return referer is None or _is_ours_or_allowed(referer, request.host, public_url, allowed)


def frame_ancestors(allowed: Sequence[str]) -> str:
    """The directive that keeps other sites from framing the page."""
    return " ".join(["frame-ancestors 'self'", *allowed])


def _is_ours_or_allowed(address: str, host: str, public_url: str, allowed: Sequence[str]) -> bool:
    parts = urlsplit(address)
    try:
        origin = read_origin(f"{parts.scheme}://{parts.netloc}")
        ours = {read_origin(public_url), read_origin(f"{parts.scheme}://{host}")}
    except BadWebAddress:
        return False
    # The host alone is compared with the one we were called by: behind a proxy only that one knows of https.
    return origin in ours or origin in allowed
