"""Brings a database to the tables this Patchbay knows, and refuses to work on others."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Database

MIGRATIONS_FOLDER: Final = Path(__file__).resolve().parents[1] / "migrations"
_LOCK: Final = 7_283_461  # any number of our own: who migrates or seeds holds it until the commit

_CLOCK: Final = "INSERT INTO clock (id, offset_microseconds) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"


class WrongSchema(Exception):
    """The database has other tables than this Patchbay knows; the message says what to do."""


def migrate(settings: Settings) -> None:
    """Makes or changes the tables, all in one transaction. Raises: WrongSchema when a newer Patchbay made them."""
    database = Database.connect(settings)
    try:
        with database.transaction() as session:
            hold_alone(session)
            _refuse_newer(stored_schema(session))
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS_FOLDER).replace("%", "%%"))
            config.attributes["connection"] = session.connection()
            command.upgrade(config, "head")
            session.execute(text(_CLOCK))
    finally:
        database.close()


def require_current_schema(database: Database) -> None:
    """Nothing, if the database has exactly the tables of this Patchbay. Raises: WrongSchema."""
    with database.reading() as session:
        stored = stored_schema(session)
    if stored == known_schemas()[0]:
        return
    _refuse_newer(stored)
    if not stored:
        raise WrongSchema("The database is empty: run `patchbay migrate` once, or start everything by `patchbay run`.")
    raise WrongSchema(
        f"The database has the tables of an older Patchbay ({stored}, needed is {known_schemas()[0]}): "
        "stop all its processes and run `patchbay migrate`."
    )


def stored_schema(session: Session) -> str:
    """The number of the last migration this database has had; empty when it never had one."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return ""
    return session.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def known_schemas() -> list[str]:
    """The numbers of all migrations, the newest first."""
    scripts = ScriptDirectory(str(MIGRATIONS_FOLDER))
    return [script.revision for script in scripts.walk_revisions()]


def hold_alone(session: Session) -> None:
    """Lets nobody else migrate or seed until this transaction ends (on SQLite every write transaction does)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})


def _refuse_newer(stored: str) -> None:
    if stored and stored not in known_schemas():
        raise WrongSchema(
            f"The database has the tables of a newer Patchbay ({stored}), which this one does not know: "
            "update Patchbay, or restore the backup made before its update."
        )
