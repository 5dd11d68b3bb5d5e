"""The tests' own ground: a fresh database of each kind, an empty Redis."""

import pytest
from sqlalchemy import text

from app import db
from app.config import Settings
from app.db import Database, DatabaseUnavailable, now
from app.launch.redis_server import RedisServer
from tests.postgres import PostgresServer


def test_each_kind_of_database_is_migrated_and_has_a_clock(settings: Settings) -> None:
    database = Database.connect(settings)
    with database.reading() as session:
        assert now(session).tzinfo is not None
    database.close()


def test_a_connection_that_a_thread_uses_while_all_is_closed_is_closed_when_it_is_done(postgresql_url: str) -> None:
    database = Database.connect(Settings.from_environment({"DATABASE_URL": postgresql_url}))
    with database.reading() as session:
        connection = session.connection().connection.driver_connection
        database.close()
        assert connection is not None
        assert not connection.closed
    assert connection.closed


def test_postgresql_takes_away_what_a_frozen_process_has_locked(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "STILL_SECONDS", 0.5)
    settings = Settings.from_environment({"DATABASE_URL": postgresql_url})
    frozen, other = Database.connect(settings), Database.connect(settings)
    change = text("UPDATE clock SET offset_microseconds = offset_microseconds + :more")

    def stand_still() -> None:
        with frozen.transaction() as session:
            session.execute(change, {"more": 1})
            with other.transaction() as theirs:
                theirs.execute(text("SET LOCAL lock_timeout = '10s'"))
                theirs.execute(change, {"more": 20})

    with pytest.raises(DatabaseUnavailable):
        stand_still()
    for database in (frozen, other):
        with database.transaction() as session:
            assert session.execute(text("SELECT offset_microseconds FROM clock")).scalar_one() == 20
        database.close()


def test_postgresql_runs_in_our_own_folder_and_not_as_root(postgres_server: PostgresServer) -> None:
    assert postgres_server.execute("SHOW data_directory") == [(str(postgres_server.folder / "data"),)]
    assert postgres_server.folder.stat().st_uid != 0
    assert postgres_server.folder.stat().st_mode & 0o077 == 0


def test_redis_is_empty_and_reached_by_its_socket_only(redis_url: str, session_redis: RedisServer) -> None:
    assert redis_url.startswith("unix://")
    assert session_redis.ask("DBSIZE") == ":0"
    assert session_redis.socket_path.stat().st_mode & 0o077 == 0
