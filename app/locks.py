"""Conversation locks: at most one process works on a conversation, and a killed process's locks are free at once."""

import fcntl
import os
import select
import threading
from pathlib import Path
from typing import ClassVar, Final, Protocol

import psycopg
from sqlalchemy.engine import make_url

from app.config import Settings

_CLASS: Final = 7301  # our class of advisory locks, so that others' locks in the same database never meet ours


class LocksLost(Exception):
    """The connection that held the locks is gone: every turn under way must be abandoned before its next commit."""


class Locks(Protocol):
    """Locks of one process; ids are conversations'."""

    def try_lock(self, conversation_id: int) -> bool:
        """Takes the lock if nobody has it, this process included. Raises LocksLost."""
        ...

    def unlock(self, conversation_id: int) -> None:
        """Gives the lock back. Raises LocksLost."""
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
        """One id a call: a lock inside a WHERE clause also locks rows that LIMIT then drops (RELIABILITY §2)."""
        with self._guard:
            if conversation_id in self._held:  # a session would re-enter its own lock
                return False
            if self._ask("SELECT pg_try_advisory_lock(%s, %s)", conversation_id):
                self._held.add(conversation_id)
                return True
            return False

    def unlock(self, conversation_id: int) -> None:
        """Gives the lock back."""
        with self._guard:
            self._held.discard(conversation_id)
            self._ask("SELECT pg_advisory_unlock(%s, %s)", conversation_id)

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

    def _ask(self, statement: str, conversation_id: int) -> bool:
        # The two-key form takes 32-bit keys; conversations beyond that share a lock, which is slower and still right.
        try:
            row = self._connection.execute(statement, (_CLASS, conversation_id % 2**31)).fetchone()
        except psycopg.Error as error:
            raise _lost(error) from error
        return bool(row and row[0])


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

    def unlock(self, conversation_id: int) -> None:
        """Frees the byte."""
        with self._guard:
            if conversation_id in self._mine:
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
        for conversation_id in tuple(self._mine):
            self.unlock(conversation_id)


_held_sets: dict[Path, set[int]] = {}
_guards: dict[Path, threading.Lock] = {}


def _held_in(path: Path) -> set[int]:
    return _held_sets.setdefault(path, set())


def _guard_of(path: Path) -> threading.Lock:
    return _guards.setdefault(path, threading.Lock())
