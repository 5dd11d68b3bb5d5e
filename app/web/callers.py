"""Who makes a request: an API token, or a person by the cookie of a sign-in session."""

from dataclasses import dataclass
from typing import Final

from flask import Request

from app.accounts.roles import Rights
from app.accounts.sign_in_sessions import SignedIn, find_session, note_seen
from app.accounts.tokens import Maker, find_token, is_use_old, note_use
from app.house import House
from app.web.refusals import UNAVAILABLE, Refusal


@dataclass(frozen=True)
class Caller:
    """Who asks, what this one may do, and the sign-in session unless it is a token."""

    who: str  # a person's e-mail address or a token's name, as versions and the audit log have it
    rights: Rights
    signed_in: SignedIn | None = None

    @property
    def maker(self) -> Maker:
        """Who makes tokens."""
        return Maker(self.who, self.rights, self.signed_in.person.id if self.signed_in else None)


def cookie_name(public_url: str) -> str:
    """Under https the name itself keeps other hosts of the domain from setting it: RFC 6265bis §4.1.3.2."""
    return "__Host-patchbay" if public_url.startswith("https:") else "patchbay"


def signed_in_of(house: House, request: Request) -> SignedIn | None:
    """Whose sign-in session the request's cookie names, if any."""
    secret = request.cookies.get(cookie_name(house.settings.effective_public_url), "")
    if not secret:
        return None
    with house.database.reading() as session:
        found = find_session(session, secret)
    if found is not None and found.is_seen_old:
        _note(house, secret=secret)
    return found


def caller_of(house: House, request: Request) -> Caller | None:
    """Who asks a door of the API; None where neither a token nor a cookie comes. Raises: Refusal (401)."""
    if "Authorization" in request.headers:
        return _by_token(house, request)
    signed_in = signed_in_of(house, request)
    return None if signed_in is None else of_session(signed_in)


def of_session(signed_in: SignedIn) -> Caller:
    """The person who is signed in, as one who asks."""
    return Caller(signed_in.person.email, signed_in.rights, signed_in)


def token_missing() -> Refusal:
    """A door of the API that nobody opened."""
    sentence = "This door needs an API token, sent as “Authorization: Bearer …”, or somebody who is signed in."
    return Refusal(401, "token_missing", sentence)


_REFUSED: Final = "This API token is unknown or revoked: make another with `patchbay token NAME`."


def _by_token(house: House, request: Request) -> Caller:
    scheme, _, text = request.headers["Authorization"].partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise token_missing()
    with house.database.reading() as session:
        found = find_token(session, text.strip())
        is_old = found is not None and is_use_old(session, found[0])
    if found is None:
        raise Refusal(401, "token_refused", _REFUSED)
    token, rights = found
    if is_old:
        _note(house, token_id=token.id)
    return Caller(token.name, rights)


def _note(house: House, *, secret: str = "", token_id: int = 0) -> None:
    """Notes the last use, best effort: a full disk keeps nobody from reading."""
    try:
        with house.database.transaction() as session:
            if secret:
                note_seen(session, secret)
            else:
                note_use(session, token_id)
    except UNAVAILABLE:
        return
