"""A page's doors: the route, the right it needs, and one function that makes the page."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from flask import Blueprint, Response, g, redirect, request
from werkzeug.wrappers import Response as BaseResponse

from app.accounts.people import Actor
from app.accounts.roles import Rights
from app.accounts.sign_in_sessions import SignedIn
from app.house import House
from app.web.api.doors import Needs, needed
from app.web.callers import Caller
from app.web.refusals import Refusal
from app.web.this_house import this_house
from flows.values import clean_text, in_one_line

_LONGEST_NUMBER: Final = 16  # digits: what fits every database, as ROW_ID of the API


@dataclass(frozen=True)
class Visit:
    """One request of somebody who is signed in and has the page's right."""

    house: House
    caller: Caller

    @property
    def signed_in(self) -> SignedIn:
        """The sign-in session."""
        if self.caller.signed_in is None:
            raise Refusal(403, "not_a_person", "A token has no pages: sign in in a browser.")
        return self.caller.signed_in

    @property
    def actor(self) -> Actor:
        """Who changes something about people."""
        return Actor(self.caller.who, self.caller.rights)

    def field(self, name: str) -> str:
        """What was entered; empty when nothing was."""
        return entered(name)


View = Callable[..., BaseResponse]


class Screens:
    """The pages of one noun. Its methods decorate `view(visit, **path) -> Response`."""

    def __init__(self, name: str) -> None:
        self.blueprint = Blueprint(f"screens_{name}", __name__, template_folder="../templates")
        self.needs: dict[str, Rights] = {}

    def get(self, path: str, right: Needs) -> Callable[[View], View]:
        """A page."""
        return self._door("GET", path, right)

    def post(self, path: str, right: Needs) -> Callable[[View], View]:
        """What a form of it does."""
        return self._door("POST", path, right)

    def _door(self, method: str, path: str, right: Needs) -> Callable[[View], View]:
        def decorate(view: View) -> View:
            def enter(**path_values: int | str) -> BaseResponse:
                return view(Visit(this_house(), g.caller), **path_values)

            endpoint = f"{method.lower()}_{view.__name__}"
            self.blueprint.add_url_rule(path, endpoint, enter, methods=[method], provide_automatic_options=False)
            self.needs[f"{self.blueprint.name}.{endpoint}"] = needed(right)
            return view

        return decorate


def entered(name: str) -> str:
    """A field of the form that was sent; each is one line. Raises: Refusal (422)."""
    given = clean_text(request.form.get(name, ""))
    if in_one_line(given) != given:  # no browser sends one of those, and nobody could type it again
        sentence = "A field of this form holds a line break or another control character: go back and type it again."
        raise Refusal(422, "control_character", sentence)
    return given


def asked_for(name: str) -> str:
    """A field of the address; empty when it is not there."""
    return clean_text(request.args.get(name, ""))


def last_seen() -> int:
    """The last row of the page before, after which a list goes on; 0 where the address names none."""
    given = request.args.get("after", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < _LONGEST_NUMBER else 0


def back_to(address: str, done: str = "") -> BaseResponse:
    """Leads on to a page after something was done, so that reloading it repeats nothing."""
    response: Response = redirect(f"{address}?done={done}" if done else address, code=303)  # type: ignore[assignment]  # Flask's own class
    return response
