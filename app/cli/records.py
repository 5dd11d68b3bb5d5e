"""Commands that read or write what the database holds: token and consistency."""

import argparse

from app.accounts.tokens import create_token
from app.config import Settings
from app.consistency import breaches
from app.wiring import open_house


def _token(settings: Settings, given: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.transaction() as session:
        text = create_token(session, given.name, "command line")
    print(text, flush=True)
    return 0


def _consistency(settings: Settings, _: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.reading() as session:
        found = breaches(session)
    print(*(map(str, found) if found else ["No breach was found."]), sep="\n", flush=True)
    return 1 if found else 0


COMMANDS = {"token": _token, "consistency": _consistency}
