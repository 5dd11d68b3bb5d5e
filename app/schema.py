"""Which tables a database has, and whether they are those that this Patchbay knows."""

from pathlib import Path
from typing import Final

from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

from app.db import Database

MIGRATIONS_FOLDER: Final = Path(__file__).resolve().parents[1] / "migrations"


class WrongSchema(Exception):
    """The database has other tables than this Patchbay knows; the message says what to do."""


def require_current_schema(database: Database) -> None:
    """Nothing, if the database has exactly the tables of this Patchbay. Raises: WrongSchema."""
    with database.reading() as session:
        stored = stored_schema(session)
    if stored == known_schemas()[0]:
        return
    refuse_newer(stored)
    if not stored:
        raise WrongSchema("The database is empty: run `patchbay migrate` once, or start everything by `patchbay run`.")
    raise WrongSchema(
        f"The database has the tables of an older Patchbay ({stored}, needed is {known_schemas()[0]}): "
        "stop all its processes and run `patchbay migrate`."
    )


def refuse_newer(stored: str) -> None:
    """Raises: WrongSchema when a newer Patchbay made these tables."""
    if stored and stored not in known_schemas():
        raise WrongSchema(
            f"The database has the tables of a newer Patchbay ({stored}), which this one does not know: "
            "update Patchbay, or restore the backup made before its update."
        )


def stored_schema(session: Session) -> str:
    """The number of the last migration this database has had; empty when it never had one."""
    if not inspect(session.connection()).has_table("alembic_version"):
        return ""
    return session.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""


def known_schemas() -> list[str]:
    """The numbers of all migrations, the newest first: their files begin with them, which is quicker than alembic."""
    return sorted((file.name.partition("_")[0] for file in (MIGRATIONS_FOLDER / "versions").glob("*.py")), reverse=True)
