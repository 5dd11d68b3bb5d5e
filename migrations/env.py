"""How Alembic runs our migrations: inside the transaction that app.migrating opens, or on a database of its own.

The first migration is made anew by

    rm migrations/versions/*.py
    PATCHBAY_DATA=$(mktemp -d) .venv/bin/alembic -c migrations/alembic.ini \\
        revision --autogenerate --rev-id 0001 -m "first tables"
    .venv/bin/ruff format migrations
"""

import os
from typing import Any

from alembic import context
from alembic.autogenerate.api import AutogenContext

import app.models  # noqa: F401  makes all tables known
from app.config import Settings
from app.db import Base, Database, Instant


def render_item(kind: str, thing: Any, _: AutogenContext) -> str | bool:
    """A migration names what the database stores, so that it stays true when our own classes change."""
    return "sa.BigInteger()" if kind == "type" and isinstance(thing, Instant) else False


def run(connection: Any) -> None:
    """All migrations on this connection."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        render_item=render_item,
        render_as_batch=True,  # SQLite cannot alter a table in place
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    database = Database.connect(Settings.from_environment(os.environ))
    with database.transaction() as session:
        run(session.connection())
    database.close()
