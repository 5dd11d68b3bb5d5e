"""A look into an installation's tables, and a hand in them where an experiment moves the clock or sets a scene."""

from typing import Any

from sqlalchemy import text

from app.config import Settings
from app.db import Database


def rows(settings: Settings, query: str, **values: Any) -> list[tuple[Any, ...]]:
    """What a query answers."""
    database = Database.connect(settings, pool_size=1)
    try:
        with database.reading() as session:
            return [tuple(row) for row in session.execute(text(query), values)]
    finally:
        database.close()


def number(settings: Settings, query: str, **values: Any) -> int:
    """The one number a query answers."""
    return int(rows(settings, query, **values)[0][0])


def write(settings: Settings, statement: str, **values: Any) -> None:
    """One statement, committed."""
    database = Database.connect(settings, pool_size=1)
    try:
        with database.transaction() as session:
            session.execute(text(statement), values)
    finally:
        database.close()


def move_clock(settings: Settings, seconds: float) -> None:
    """Sets the clock of the whole installation forward or back."""
    by = int(seconds * 1_000_000)
    write(settings, "UPDATE clock SET offset_microseconds = offset_microseconds + :by", by=by)
