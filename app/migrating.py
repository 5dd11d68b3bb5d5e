"""Brings a database to the tables this Patchbay knows."""

from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import Database
from app.schema import MIGRATIONS_FOLDER, refuse_newer, stored_schema

_LOCK: Final = 7_283_461  # any number of our own: who migrates or seeds holds it until the commit

_CLOCK: Final = "INSERT INTO clock (id, offset_microseconds) VALUES (1, 0) ON CONFLICT (id) DO NOTHING"


def migrate(settings: Settings) -> None:
    """Makes or changes the tables, all in one transaction. Raises: WrongSchema when a newer Patchbay made them."""
    database = Database.connect(settings)
    try:
        with database.transaction() as session:
            hold_alone(session)
            refuse_newer(stored_schema(session))
            config = Config()
            config.set_main_option("script_location", str(MIGRATIONS_FOLDER).replace("%", "%%"))
            config.attributes["connection"] = session.connection()
            command.upgrade(config, "head")
            session.execute(text(_CLOCK))
    finally:
        database.close()


def hold_alone(session: Session) -> None:
    """Lets nobody else migrate or seed until this transaction ends (on SQLite every write transaction does)."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK})
