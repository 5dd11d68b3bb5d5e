"""The cookie of a sign-in session, and forms that come before there is one."""

from flask import request
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.sign_in_sessions import LIFETIME
from app.house import House
from app.web.callers import cookie_name
from app.web.origins import may_post
from app.web.refusals import Refusal


def set_cookie(house: House, response: BaseResponse, secret: str) -> None:
    """Puts the secret into the browser, where no script reads it and no other site's form sends it."""
    address = house.settings.effective_public_url
    response.set_cookie(
        cookie_name(address),
        secret,
        max_age=int(LIFETIME.total_seconds()),
        secure=address.startswith("https:"),
        httponly=True,
        samesite="Lax",
    )


def drop_cookie(house: House, response: BaseResponse) -> None:
    """Takes it away."""
    address = house.settings.effective_public_url
    response.delete_cookie(cookie_name(address), secure=address.startswith("https:"), httponly=True, samesite="Lax")


def refuse_other_sites(house: House) -> None:
    """Keeps another site from signing somebody in as somebody else. Raises: Refusal (403)."""
    if not may_post(request, house.settings.effective_public_url, ()):
        sentence = "This form was sent by another site: open the page here and fill it in yourself."
        raise Refusal(403, "other_site", sentence)
