"""Conversation locks: at most one process works on a conversation, and a killed process's locks are free at once."""

import fcntl
import os
import select
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Final, Protocol

import psycopg
from psycopg import sql
from sqlalchemy.engine import make_url

from app.config import Settings

_FOR_EACH: Final = sql.SQL(
    "SELECT {}(%s, key) FROM unnest(%s::int[]) WITH ORDINALITY AS keys (key, place) ORDER BY place"
)
_CLASS: Final = 7301  # our class of advisory locks, so that others' locks in the same database never meet ours


class LocksLost(Exception):
    """The connection that held the locks is gone: every turn under way must be abandoned before its next commit."""


class Locks(Protocol):
    """Locks of one process; ids are conversations'."""

    def try_lock(self, conversation_id: int) -> bool:
        """Takes the lock if nobody has it, this process included. Raises LocksLost."""
        ...

    def try_locks(self, conversation_ids: Sequence[int]) -> list[int]:
        """The same for many at once; those that were taken. Raises LocksLost."""
        ...

    def unlock(self, *conversation_ids: int) -> None:
        """Gives the locks back. Raises LocksLost."""
        ...

    def require(self) -> None:
        """Raises LocksLost when they are gone; asked before everything that others could see."""
        ...

    def server_pid(self) -> int | None:
        """PostgreSQL's process that holds the locks, so that the sweeper can end it."""
        ...

    def close(self) -> None:
        """Gives all locks back."""
        ...


def open_locks(settings: Settings) -> Locks:
    """The locks for these settings' database."""
    url = settings.effective_database_url
    if url.startswith("sqlite"):
        database = make_url(url).database or ""
        return FileLocks(Path(database + ".locks"))
    return AdvisoryLocks(url.replace("postgresql+psycopg://", "postgresql://", 1))


class AdvisoryLocks:
    """PostgreSQL session locks on one connection of their own, outside every pool and never through a pooler."""

    def __init__(self, dsn: str) -> None:
        """Connects now."""
        self._held: set[int] = set()
        self._guard = threading.Lock()
        self._connection = psycopg.connect(
            dsn, autocommit=True, keepalives=1, keepalives_idle=5, keepalives_interval=2, keepalives_count=3
        )

    def try_lock(self, conversation_id: int) -> bool:
        """Takes the lock."""
        return bool(self.try_locks([conversation_id]))

    def try_locks(self, conversation_ids: Sequence[int]) -> list[int]:
        """One statement, and never one that chooses: beside a LIMIT also the rows that it drops are locked."""
        with self._guard:
            free = [one for one in conversation_ids if one not in self._held]  # a session would re-enter its own lock
            taken = [
                id_ for id_, is_taken in zip(free, self._ask("pg_try_advisory_lock", free), strict=True) if is_taken
            ]
            self._held.update(taken)
            return taken

    def unlock(self, *conversation_ids: int) -> None:
        """Gives the locks back."""
        with self._guard:
            self._held.difference_update(conversation_ids)
            self._ask("pg_advisory_unlock", conversation_ids)

    def require(self) -> None:
        """Asks the server only when it has said something unasked, which is mostly the end of the connection."""
        with self._guard:
            try:
                unasked = select.poll()
                unasked.register(self._connection.fileno(), select.POLLIN)
                if unasked.poll(0):
                    self._connection.execute("SELECT 1")
            except psycopg.Error as error:
                raise _lost(error) from error

    def server_pid(self) -> int | None:
        """The server process of the lock connection."""
        return self._connection.info.backend_pid

    def close(self) -> None:
        """Closes the connection; the server frees the locks."""
        self._connection.close()

    def _ask(self, function: str, conversation_ids: Sequence[int]) -> list[bool]:
        """The function's answer for each id."""
        if not conversation_ids:
            return []
        # The two-key form takes 32-bit keys; conversations beyond that share a lock, which is slower and still right.
        keys = [one % 2**31 for one in conversation_ids]
        statement = _FOR_EACH.format(sql.Identifier(function))
        try:
            return [bool(row[0]) for row in self._connection.execute(statement, (_CLASS, keys))]
        except psycopg.Error as error:
            raise _lost(error) from error


def _lost(error: psycopg.Error) -> LocksLost:
    return LocksLost(f"The connection that held the conversation locks is gone: {str(error).strip()}")


class FileLocks:
    """POSIX byte-range locks on one file: offset = conversation id.

    The file is opened once and never closed while the process lives: closing any descriptor of it would free all of
    the process's locks. `flock` would survive in a forked child (RELIABILITY §2).
    """

    _open: ClassVar[dict[Path, int]] = {}
    _open_guard: ClassVar = threading.Lock()

    def __init__(self, path: Path) -> None:
        """Opens the file, or takes the descriptor this process has already."""
        with self._open_guard:
            key = path.absolute()
            if key not in self._open:
                self._open[key] = os.open(key, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file = self._open[key]
        self._held = _held_in(key)
        self._mine: set[int] = set()
        self._guard = _guard_of(key)

    def try_lock(self, conversation_id: int) -> bool:
        """Takes the byte of the conversation."""
        with self._guard:
            if conversation_id in self._held:
                return False
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, conversation_id)
            except (BlockingIOError, PermissionError):
                return False
            self._held.add(conversation_id)
            self._mine.add(conversation_id)
            return True

    def try_locks(self, conversation_ids: Sequence[int]) -> list[int]:
        """Each for itself."""
        return [one for one in conversation_ids if self.try_lock(one)]

    def unlock(self, *conversation_ids: int) -> None:
        """Frees the bytes."""
        with self._guard:
            for conversation_id in self._mine.intersection(conversation_ids):
                self._mine.discard(conversation_id)
                self._held.discard(conversation_id)
                fcntl.lockf(self._file, fcntl.LOCK_UN, 1, conversation_id)

    def require(self) -> None:
        """The kernel takes them only from a process that has ended."""

    def server_pid(self) -> int | None:
        """SQLite has no server."""
        return None

    def close(self) -> None:
        """Frees all bytes of this object; the file stays open."""
        self.unlock(*self._mine)


_held_sets: dict[Path, set[int]] = {}
_guards: dict[Path, threading.Lock] = {}


def _held_in(path: Path) -> set[int]:
    return _held_sets.setdefault(path, set())


def _guard_of(path: Path) -> threading.Lock:
    return _guards.setdefault(path, threading.Lock())
