"""Commands for the machine's own operator: tokens, and links of one use for owners and for forgotten passwords."""

import argparse

from app.accounts.first_link import make_first_link
from app.accounts.password_links import make_password_link
from app.accounts.people import Actor, find_person, read_email
from app.accounts.roles import SCOPES, Role, rights_of
from app.accounts.tokens import create_token
from app.config import Settings
from app.errors import NotFound
from app.wiring import open_house

_WHO = "command line"


def _token(settings: Settings, given: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.transaction() as session:
        text = create_token(session, given.name, _WHO, given.scope or SCOPES)
    print(text, flush=True)
    return 0


def _owner_link(settings: Settings, _: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.transaction() as session:
        secret = make_first_link(session, _WHO)
    print(f"{settings.effective_public_url}/first/{secret}", flush=True)
    return 0


def _password_link(settings: Settings, given: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.transaction() as session:
        email = read_email(given.email)
        person = find_person(session, email)
        if person is None:
            raise NotFound(f"Nobody here has the address {email}: `patchbay owner-link` makes an owner.")
        secret = make_password_link(session, person, Actor(_WHO, rights_of(Role.OWNER)))
    print(f"{settings.effective_public_url}/password/{secret}", flush=True)
    return 0


COMMANDS = {"token": _token, "owner-link": _owner_link, "password-link": _password_link}
