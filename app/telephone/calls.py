"""`patchbay call NUMBER`: finds the simulated number and its secret, and makes the call."""

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from app.channels.phone_number import read_phone_number
from app.channels.simulated import Simulated
from app.config import Settings
from app.directory import open_connection
from app.errors import Invalid, NotFound
from app.house import House
from app.telephone.carrier import Carrier
from app.telephone.line import Line
from app.telephone.mailbox import Mailbox
from app.telephone.person import Person
from app.wiring import open_house

CALLER: Final = "+48500100100"
_LISTENS, _LISTEN_SECONDS = 10, 0.3  # after the call, for a message such as “Sorry that we missed your call.”
_NUMBER = text(
    "SELECT numbers.value AS called, connections.id, connections.name, connections.kind, connections.settings,"
    " connections.sealed FROM numbers JOIN connections ON connections.id = numbers.connection_id"
    " WHERE (numbers.name = :number OR numbers.value = :number) AND connections.kind = :kind ORDER BY numbers.id"
)
_KNOWN = text(
    "SELECT numbers.name FROM numbers JOIN connections ON connections.id = numbers.connection_id"
    " WHERE connections.kind = :kind ORDER BY numbers.name"
)


@dataclass(frozen=True)
class Receiver:
    """How the caller hears and answers: by typed lines, or by the words of `script`, such as "1 2# y"."""

    script: str | None = None
    say: Callable[[str], None] = print
    wait: Callable[[float], None] = time.sleep  # passes the time of a pause

    def answers(self) -> Iterator[str]:
        """One answer after the other."""
        yield from sys.stdin if self.script is None else self.script.split()

    def ask(self) -> Callable[[str], None] | None:
        """What prompts somebody who types; None where nobody does."""
        if self.script is not None or not sys.stdin.isatty():
            return None

        def ask(prompt: str) -> None:
            sys.stdout.write(f"  {prompt}")
            sys.stdout.flush()

        return ask


def call(settings: Settings, number: str, caller: str = CALLER, url: str = "", receiver: Receiver = Receiver()) -> int:
    """Telephones a number of a simulated connection, by its name or value; the exit code.

    `url` is where web is reached when that is not its public address. Raises: DomainError, one of START_REFUSALS.
    """
    phone = read_phone_number(caller)
    if not phone:
        raise Invalid(f"{caller!r} is no telephone number: write --from as +48500100100.")
    with open_house(settings) as house:
        line = _line(house, number, phone, url.rstrip("/"))
        mailbox = Mailbox(house.database, phone)
        ask = receiver.ask()
        person = Person(receiver.answers(), receiver.say, ask, receiver.wait, follows_script=ask is None)

        def show_messages() -> None:
            for message in mailbox.new():
                receiver.say(f"✉ to {phone}: {message}")

        receiver.say(f"  Calling {line.called} from {phone}. Ctrl-C or h hangs up.")
        Carrier(line, person, show_messages).run()
        for _ in range(_LISTENS):
            receiver.wait(_LISTEN_SECONDS)
            show_messages()
    return 0


def _line(house: House, number: str, caller: str, url: str) -> Line:
    with house.database.reading() as session:
        row = session.execute(_NUMBER, {"number": number, "kind": Simulated.kind}).first()
        known = session.execute(_KNOWN, {"kind": Simulated.kind}).scalars().all()
    if row is None:
        there = f"there are {', '.join(known)}" if known else "there is none yet"
        raise NotFound(f"No simulated connection has the number {number!r}: {there}.")
    public_url = house.settings.effective_public_url
    info = open_connection(row, house.key, public_url)
    secret = info.secrets.get(Simulated.signing_field, "")
    return Line(secret, info.name, public_url, url or public_url, caller, row.called)
