"""Commands that read what the database holds: consistency."""

import argparse

from app.config import Settings
from app.consistency import breaches
from app.wiring import open_house


def _consistency(settings: Settings, _: argparse.Namespace) -> int:
    with open_house(settings) as house, house.database.reading() as session:
        found = breaches(session)
    print(*(map(str, found) if found else ["No breach was found."]), sep="\n", flush=True)
    return 1 if found else 0


COMMANDS = {"consistency": _consistency}
