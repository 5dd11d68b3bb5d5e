"""The database: engine, transactions and the only clock, the same on SQLite and PostgreSQL."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, ClassVar, TypeVar

import psycopg
import pysqlite3
from sqlalchemy import URL, BigInteger, Connection, Dialect, Engine, Integer, TextClause, create_engine, event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Session
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeDecorator

from app.config import Settings

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_VICTIM = ("40P01", "40001", "55P03")  # deadlock, serialization failure, lock not available
T = TypeVar("T")
Executor = Session | Connection
"""What executes statements: a transaction's session, or a connection each of whose statements is a transaction."""
_AT_ONCE = 8  # connections, each for a fraction of a millisecond of ours and a commit of the database's
_BUSY_ATTEMPTS = 4  # each waits for the busy time-out of 5 s
STILL_SECONDS = 20.0  # nothing of ours stands still for so long inside a transaction, unless its process is frozen


class DatabaseUnavailable(Exception):
    """The database could not be reached or stayed busy; the caller may try again."""


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, stored as whole microseconds since 1970, so that SQL computes alike on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To microseconds."""
        return None if value is None else to_microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        """From microseconds."""
        return None if value is None else from_microseconds(value)


class Base(DeclarativeBase):
    """The root of all tables."""

    type_annotation_map: ClassVar = {datetime: Instant, int: BigInteger().with_variant(Integer, "sqlite")}


def to_microseconds(instant: datetime) -> int:
    """Microseconds since 1970 of an aware instant."""
    return (instant - _EPOCH) // _MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The aware UTC instant."""
    return _EPOCH + timedelta(microseconds=microseconds)


class Database:
    """One process's way to the database. `transaction()` writes, `reading()` only reads."""

    def __init__(self, engine: Engine) -> None:
        """Use Database.connect."""
        self.engine = engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # A deferred BEGIN on SQLite fails at once in spite of the busy time-out when it later wants to write, and many
        # writers starve each other; one mutex a process and BEGIN IMMEDIATE order them (RELIABILITY §2).
        self._mutex = threading.Lock() if self.is_sqlite else nullcontext()
        self._at_once = None if self.is_sqlite else _committing_each(engine.url)

    @classmethod
    def connect(cls, settings: Settings, pool_size: int = 16) -> "Database":
        """The engine for these settings; connects on first use."""
        url = settings.effective_database_url
        if url.startswith("sqlite"):
            engine = create_engine(url, module=pysqlite3, connect_args={"timeout": 5.0, "check_same_thread": False})
            event.listen(engine, "connect", _prepare_sqlite)
        else:
            # No overflow: each such connection is a new process of the server that plans every statement anew. The one
            # given back last is taken first, so that a few are warm.
            engine = create_engine(
                url, pool_size=pool_size, max_overflow=0, pool_use_lifo=True, pool_pre_ping=False, pool_timeout=10
            )
            event.listen(engine, "connect", _prepare_postgresql)
            event.listen(engine, "handle_error", _stood_still, retval=True)
        return cls(engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """One write transaction: commits at the end, rolls back on any exception."""
        with self._mutex, Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                _begin_immediate(session)
            yield session
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """One read transaction; nothing it does is kept."""
        with Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.execute(text("BEGIN"))
            yield session

    @contextmanager
    def at_once(self) -> Iterator[Connection]:
        """PostgreSQL only: each statement is a transaction of its own, which saves beginning and committing one."""
        if self._at_once is None:
            raise TypeError("SQLite has no transactions of one statement: use transaction().")
        with self._at_once.connect() as connection:
            yield connection

    def retried(self, action: Callable[[Session], T]) -> T:
        """One write transaction, done once more when the database chose it as the victim of a deadlock.

        Raises: what the second attempt raises.
        """
        try:
            with self.transaction() as session:
                return action(session)
        except OperationalError as error:
            if error.connection_invalidated or getattr(error.orig, "sqlstate", None) not in _VICTIM:
                raise
        with self.transaction() as session:
            return action(session)

    def close(self) -> None:
        """Gives all connections back to the operating system; those that a thread still uses, when it is done."""
        for engine in (self.engine, self._at_once):
            if engine is not None:
                event.listen(engine, "checkin", _close)
                engine.dispose()


def _close(_: object, record: ConnectionPoolEntry) -> None:
    record.close()


def _committing_each(url: URL) -> Engine:
    """Connections of their own, for a change of the isolation level at every use costs as much as a short statement.

    The driver reads a pyformat statement of over 4,096 characters anew each time, and a raw one never:
    https://www.psycopg.org/psycopg3/docs/advanced/cursors.html#raw-query-cursors
    """
    return create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        paramstyle="numeric_dollar",
        connect_args={"cursor_factory": psycopg.RawCursor},
        pool_size=_AT_ONCE,
        max_overflow=0,
        pool_use_lifo=True,
        pool_reset_on_return=None,  # nothing is ever left open
        pool_timeout=10,
        skip_autocommit_rollback=True,
    )


def _begin_immediate(session: Session) -> None:
    """Other processes' writers may keep SQLite busy longer than its own time-out: begin again for a while."""
    for attempt in range(_BUSY_ATTEMPTS):
        try:
            session.execute(text("BEGIN IMMEDIATE"))
            return
        except OperationalError as error:
            if "locked" not in str(error) or attempt == _BUSY_ATTEMPTS - 1:
                raise DatabaseUnavailable("The database file stayed locked by another process.") from error
            session.rollback()


NOW = {
    "sqlite": "(unix_microseconds() + (SELECT offset_microseconds FROM clock))",
    "postgresql": (
        "((extract(epoch from clock_timestamp()) * 1000000)::bigint + (SELECT offset_microseconds FROM clock))"
    ),
}


def now(session: Session) -> datetime:
    """The only source of the present: the database's clock."""
    return from_microseconds(now_microseconds(session))


def now_microseconds(session: Session) -> int:
    """The same, as the tables store it."""
    return int(session.execute(sql(session, "SELECT {now}")).scalar_one())


def sql(session: Executor, statement: str) -> TextClause:
    """A statement with what differs between the databases: {now} is the present instant in microseconds, read by the
    statement itself; {for update} locks the rows a SELECT reads, where the whole database is not locked already."""
    bind = session if isinstance(session, Connection) else session.get_bind()
    return _spelled(bind.dialect.name, statement)


@lru_cache(maxsize=1024)  # a statement made anew each time costs as much as running it; there are some hundred
def _spelled(dialect: str, statement: str) -> TextClause:
    spelled = statement.replace("{now}", NOW[dialect])
    if dialect == "sqlite":
        # A bound LIMIT is looked at when SQLite plans, so it plans anew each time, at fifty times the cost of a look
        # for work that finds none; an expression is not.
        return text(spelled.replace("{for update}", "").replace("LIMIT :", "LIMIT +:"))
    return text(spelled.replace("{for update}", "FOR UPDATE"))


def _prepare_postgresql(connection: Any, _: ConnectionPoolEntry) -> None:
    """A process that is frozen inside a transaction keeps its rows locked, and whoever takes over would wait for it."""
    try:
        connection.autocommit = True  # one round trip instead of three
        connection.execute(f"SET idle_in_transaction_session_timeout = {round(STILL_SECONDS * 1_000)}")
        connection.autocommit = False
    except psycopg.Error:
        connection.close()  # the pool does not know it yet
        raise


def _stood_still(context: ExceptionContext) -> DatabaseUnavailable | None:
    """The driver calls it an internal error, as if a statement of ours were to blame."""
    if isinstance(context.original_exception, psycopg.errors.IdleInTransactionSessionTimeout):
        return DatabaseUnavailable("PostgreSQL ended a transaction that had stood still for too long.")
    return None


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # SQLAlchemy's own BEGIN would be deferred; transaction() says BEGIN IMMEDIATE
    connection.create_function("unix_microseconds", 0, lambda: time.time_ns() // 1000)
    # SQLite's own knows only ASCII, so that a search for łódź would miss Łódź: https://www.sqlite.org/lang_corefunc.html
    connection.create_function("lower", 1, _lower, deterministic=True)
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value
