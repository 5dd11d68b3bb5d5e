"""The tables: migrations and models agree, and a process works on no others than those it knows."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

import app.models  # noqa: F401  makes all tables known
from app.config import Settings
from app.db import Base, Database
from app.migrating import migrate
from app.schema import MIGRATIONS_FOLDER, WrongSchema, known_schemas, require_current_schema


def test_the_migrations_make_the_tables_of_the_models(settings: Settings) -> None:
    database = Database.connect(settings)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    database.close()


def test_a_migrated_database_is_current_and_migrating_again_changes_nothing(settings: Settings) -> None:
    migrate(settings)
    database = Database.connect(settings)
    require_current_schema(database)
    database.close()


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [("0000", "newer Patchbay (0000)"), ("", "is empty: run `patchbay migrate`")],
)
def test_another_schema_is_refused_in_one_sentence(settings: Settings, stored: str, sentence: str) -> None:
    database = _with_schema(settings, stored)
    with pytest.raises(WrongSchema) as refused:
        require_current_schema(database)
    assert sentence in str(refused.value)
    database.close()


def test_an_older_schema_is_refused_by_all_but_migrate(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.schema.known_schemas", lambda: ["9999", *known_schemas()])
    database = Database.connect(settings)
    with pytest.raises(WrongSchema, match=r"older Patchbay \(0001, needed is 9999\)"):
        require_current_schema(database)
    database.close()


def test_the_files_are_named_by_the_migrations_numbers() -> None:
    scripts = ScriptDirectory(str(MIGRATIONS_FOLDER))
    assert known_schemas() == [script.revision for script in scripts.walk_revisions()]


def test_a_newer_schema_is_not_touched(settings: Settings) -> None:
    database = _with_schema(settings, "7777")
    with pytest.raises(WrongSchema, match="update Patchbay"):
        migrate(settings)
    database.close()


def _with_schema(settings: Settings, stored: str) -> Database:
    database = Database.connect(settings)
    with database.transaction() as session:
        session.execute(text("DELETE FROM alembic_version"))
        if stored:
            session.execute(text("INSERT INTO alembic_version VALUES (:stored)"), {"stored": stored})
    return database
