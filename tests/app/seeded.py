"""A seeded installation for tests: all of the first start, its house, and a token for the API."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from app.accounts.tokens import create_token
from app.config import Settings
from app.house import House
from app.wiring import build_house, leave_house
from tests.app.seeded_copies import prepared


@dataclass
class Seeded:
    """The house after its first start."""

    house: House
    lines: list[str]
    token: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def rows(self, query: str, **values: Any) -> list[tuple[Any, ...]]:
        """What a query answers."""
        with self.house.database.reading() as session:
            return [tuple(row) for row in session.execute(text(query), values)]

    def write(self, statement: str, **values: Any) -> None:
        """One statement, committed."""
        with self.house.database.transaction() as session:
            session.execute(text(statement), values)

    def move_clock(self, seconds: float) -> None:
        """Moves the house's time."""
        self.write("UPDATE clock SET offset_microseconds = offset_microseconds + :by", by=int(seconds * 1_000_000))


@contextmanager
def seeded(settings: Settings) -> Iterator[Seeded]:
    """Seeds the database of these settings, mostly from a copy; closes what it opened."""
    lines = list(prepared(settings))
    house = build_house(settings)
    try:
        with house.database.transaction() as session:
            token = create_token(session, "tests", "tests")
        yield Seeded(house, lines, token, {"Authorization": f"Bearer {token}"})
    finally:
        leave_house(house)
