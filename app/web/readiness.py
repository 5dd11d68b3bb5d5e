"""Whether a process can do its work: database, tables, key and disk; without Redis it can, only later."""

import shutil
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.db import DatabaseUnavailable
from app.house import House
from app.schema import WrongSchema, require_current_schema
from app.sealing import KeyUnusable
from app.wiring import load_key

LEAST_FREE_BYTES: Final = 64 * 1024 * 1024  # a write-ahead log and some files; below it the next minute may fail


@dataclass(frozen=True)
class Check:
    """One thing that was looked at. A warning does not keep the process from its work."""

    name: str
    state: str  # ok, warning, failed
    sentence: str


@dataclass(frozen=True)
class Readiness:
    """All checks."""

    checks: tuple[Check, ...]

    @property
    def is_ready(self) -> bool:
        """Whether none failed."""
        return all(check.state != "failed" for check in self.checks)


def readiness(house: House) -> Readiness:
    """Looks at everything now; the sentences name no folder, host or secret."""
    database = _database(house)
    checks = [database]
    if database.state == "ok":
        checks += [_tables(house), _key(house)]
    return Readiness((*checks, _disk(house), _redis(house)))


def _database(house: House) -> Check:
    try:
        with house.database.reading() as session:
            session.execute(text("SELECT 1"))
    except (SQLAlchemyError, DatabaseUnavailable):
        return Check("database", "failed", "The database cannot be reached.")
    return Check("database", "ok", "The database answers.")


def _tables(house: House) -> Check:
    try:
        require_current_schema(house.database)
    except WrongSchema as problem:
        return Check("tables", "failed", str(problem))
    except SQLAlchemyError:
        return Check("tables", "failed", "The database went away while its tables were looked at.")
    return Check("tables", "ok", "The tables are those of this Patchbay.")


def _key(house: House) -> Check:
    try:
        load_key(house.settings, house.database)
    except (KeyUnusable, WrongSchema, SQLAlchemyError):
        return Check("key", "failed", "The key file is missing, unreadable or not this database's; the log says more.")
    return Check("key", "ok", "The key is this database's.")


def _disk(house: House) -> Check:
    try:
        free = shutil.disk_usage(house.settings.data_folder).free
    except OSError:
        return Check("disk", "failed", "The data folder cannot be looked at.")
    if free < LEAST_FREE_BYTES:
        return Check("disk", "failed", f"Only {free >> 20} MiB are free where the data lies: make room.")
    return Check("disk", "ok", f"{free >> 20} MiB are free.")


def _redis(house: House) -> Check:
    if not house.settings.redis_url:
        return Check("redis", "warning", "No Redis is set: everything works by polling, up to a second later.")
    if not house.lanes.is_up():
        return Check("redis", "warning", "Redis cannot be reached: everything works by polling, up to a second later.")
    return Check("redis", "ok", "Redis was there when it was last needed.")
