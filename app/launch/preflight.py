"""Everything that can make a start impossible, found before anything is started and said in one sentence."""

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pysqlite3

from app.config import Settings

OLDEST_SQLITE = (3, 51, 3)
"""Earlier versions can corrupt a database in WAL mode when two connections reset the log at once:
https://sqlite.org/wal.html#walresetbug"""


class CannotStart(Exception):
    """Patchbay cannot start; the message is the one sentence to print."""


def check_sqlite(settings: Settings, version: tuple[int, ...] = pysqlite3.sqlite_version_info) -> None:
    """Raises: CannotStart when the database is SQLite and this SQLite is too old to be trusted with it."""
    if settings.effective_database_url.startswith("sqlite") and version < OLDEST_SQLITE:
        raise CannotStart(
            f"SQLite {_dotted(version)} is too old: it can damage its own files, and {_dotted(OLDEST_SQLITE)} or newer "
            "is needed. Run `make clean run` to install the packaged one, or set DATABASE_URL to a PostgreSQL."
        )


def check_port(host: str, port: int, setting: str) -> None:
    """Raises: CannotStart when nobody could listen on this port now."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise CannotStart(f"The address {host!r} does not exist on this machine: set HOST to one that does.") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen()
        except PermissionError:
            raise CannotStart(f"Port {port} needs rights this user lacks: set {setting} to one above 1023.") from None
        except OSError as error:
            raise CannotStart(
                f"Port {port} on {host} is not free ({(error.strerror or str(error)).lower()}): stop the program that "
                f"uses it, or set {setting} to another port."
            ) from None


def make_data_folder(folder: Path) -> None:
    """Create the data folder for its owner only, unless it exists. Raises: CannotStart when it cannot be written."""
    trial = folder / f".write-test-{os.getpid()}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            trial.write_bytes(b"An empty file would fit on a full disk.")
        finally:
            trial.unlink(missing_ok=True)
    except OSError as error:
        raise CannotStart(
            f"The data folder {folder} cannot be written ({(error.strerror or str(error)).lower()}): mend its rights, "
            "make room, or set PATCHBAY_DATA to another folder."
        ) from None


@contextmanager
def only_launcher(folder: Path) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it however the process ends.

    Raises: CannotStart when another launcher runs on this folder.
    """
    with (folder / "launcher.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise CannotStart(
                f"Patchbay runs already on the data folder {folder} (process {lock.read().strip() or 'unknown'}): stop "
                "it first, or set PATCHBAY_DATA and PORT for a second one."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()
        yield
        with suppress(OSError):
            lock.truncate(0)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(str(part) for part in version)
