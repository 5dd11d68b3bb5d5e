"""The API's view of whoever asks: who that is, what it may do, and where a person is signed in."""

from collections.abc import Sequence
from typing import Annotated, TypedDict

from app.accounts.audit import note_act
from app.accounts.roles import EVERYBODY, Right, Role
from app.accounts.sign_in_sessions import SignedIn, end_all_sessions
from app.web.api.answers import OneOf
from app.web.api.doors import Asked, Noun
from app.web.refusals import Refusal

noun = Noun("me", EVERYBODY, Right.OWN_ACCOUNT)


class AskingPersonData(TypedDict):
    """The person who asks."""

    id: int
    email: str
    name: str
    role: Annotated[str, OneOf(tuple(Role))]


class MeData(TypedDict):
    """Who asks: a token by its name, or a person, who then has a CSRF token."""

    token: str | None
    person: AskingPersonData | None
    rights: Sequence[Annotated[str, OneOf(tuple(Right))]]
    csrf: str | None


class EndedSessionsData(TypedDict):
    """In how many browsers the person was signed out."""

    ended: int


@noun.get("/me")
def read_me(asked: Asked) -> MeData:
    """Who asks, with the rights; for a person also the CSRF token that changing requests of a browser carry."""
    signed_in, rights = asked.caller.signed_in, sorted(asked.caller.rights)
    if signed_in is None:
        return {"token": asked.who, "person": None, "rights": rights, "csrf": None}
    person = signed_in.person
    named: AskingPersonData = {"id": person.id, "email": person.email, "name": person.name, "role": person.role}
    return {"token": None, "person": named, "rights": rights, "csrf": signed_in.csrf}


@noun.delete("/me/sessions")
def sign_out_everywhere(asked: Asked) -> EndedSessionsData:
    """Signs the person out in all other browsers."""
    signed_in = _person_only(asked)
    with asked.house.database.transaction() as session:
        ended = end_all_sessions(session, signed_in.person.id, signed_in.secret)
        note_act(session, asked.who, "sign_out_everywhere", f"{ended} other browsers")
    return {"ended": ended}


def _person_only(asked: Asked) -> SignedIn:
    if asked.caller.signed_in is None:
        raise Refusal(403, "not_a_person", "A token is signed in nowhere: this is for people in a browser.")
    return asked.caller.signed_in
