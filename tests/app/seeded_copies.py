"""Copies of a seeded database: the first start takes half a second, and a thousand tests begin after one."""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from app.config import Settings
from app.seeding import prepare

_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_PLACES = "SELECT sequencename, last_value FROM pg_sequences WHERE last_value IS NOT NULL"
_READ_BY_US_ALONE = 0o600


@dataclass(frozen=True)
class _Copy:
    """What a first start leaves: what it says, its secret key, and the file or all the tables' rows."""

    lines: Sequence[str]
    key: bytes
    file: bytes = b""
    rows: Mapping[str, bytes] = field(default_factory=dict)
    places: Sequence[tuple[str, int]] = ()


_copies: dict[tuple[str, Settings], _Copy] = {}  # of this process, by kind of database and what seeding reads


def prepared(settings: Settings) -> Sequence[str]:
    """What `prepare` does and answers, from a copy when there is one and nothing is at that place yet."""
    kind = make_url(settings.effective_database_url).get_backend_name()
    wanted = (kind, replace(settings, data_folder=Path(), database_url="", redis_url="", secret_key_file=Path()))
    if not _is_untouched(settings):
        return prepare(settings)
    if (copy := _copies.get(wanted)) is None:
        lines = prepare(settings)
        _copies[wanted] = _taken(settings, lines)
        return lines
    _put_back(settings, copy)
    return copy.lines


def _is_untouched(settings: Settings) -> bool:
    """No key, nobody's installation, and the clock as it was."""
    if settings.secret_key_file.exists():
        return False
    looks = "SELECT (SELECT count(*) FROM installation) + (SELECT abs(offset_microseconds) FROM clock)"
    if (file := _sqlite_file(settings)) is None:
        with psycopg.connect(_plain_url(settings)) as connection:
            row = connection.execute(looks.encode()).fetchone()
    elif not file.exists():
        return False
    else:
        with sqlite3.connect(file) as reading:
            row = reading.execute(looks).fetchone()
        reading.close()
    return row == (0,)


def _taken(settings: Settings, lines: Sequence[str]) -> _Copy:
    key = settings.secret_key_file.read_bytes()
    if (file := _sqlite_file(settings)) is not None:
        reading = sqlite3.connect(file)
        try:
            return _Copy(lines, key, file=reading.serialize())
        finally:
            reading.close()
    with psycopg.connect(_plain_url(settings)) as connection:
        names = [str(row[0]) for row in connection.execute(_TABLES)]
        places = [(str(name), int(value)) for name, value in connection.execute(_PLACES)]
        return _Copy(lines, key, rows={name: _rows(connection, name) for name in names}, places=places)


def _put_back(settings: Settings, copy: _Copy) -> None:
    settings.secret_key_file.touch(_READ_BY_US_ALONE, exist_ok=False)
    settings.secret_key_file.write_bytes(copy.key)
    if (file := _sqlite_file(settings)) is not None:
        for beside in ("-wal", "-shm"):
            file.with_name(file.name + beside).unlink(missing_ok=True)
        file.write_bytes(copy.file)
        return
    with psycopg.connect(_plain_url(settings), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        for table, rows in copy.rows.items():
            name = sql.Identifier(table)
            connection.execute(sql.SQL("DELETE FROM {}").format(name))
            with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(name)) as writing:
                writing.write(rows)
        for sequence, value in copy.places:
            connection.execute("SELECT setval(%s::regclass, %s)", (sequence, value))


def _rows(connection: psycopg.Connection[Any], table: str) -> bytes:
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as reading:
        return b"".join(bytes(part) for part in reading)


def _sqlite_file(settings: Settings) -> Path | None:
    url = make_url(settings.effective_database_url)
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _plain_url(settings: Settings) -> str:
    return settings.effective_database_url.replace("postgresql+psycopg://", "postgresql://")
