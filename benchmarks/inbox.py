"""What putting one arrival into the inbox costs: `python -m benchmarks.inbox` prints it for both databases.

One process, no web and no network but the database's socket; PostgreSQL with syncs to disk.
"""

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from app import inbox
from app.channels.arrival import Arrival
from app.config import Settings
from app.db import Database, now
from app.migrating import migrate
from app.models import Connection, Number
from benchmarks.meter import cpu_seconds_of
from flows.event import CallStarted, MessageReceived
from tests.app.statements import heard
from tests.postgres import PostgresServer

_OURS = "+48221000000"
_KNOWN = 20  # contacts who write again and again
_WARM_UP = 100


@dataclass(frozen=True)
class Cost:
    """Of one put: its statements, the middle of its durations, and processor time of ours and of the server."""

    statements: float
    median_ms: float
    own_ms: float
    server_ms: float


def main() -> int:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--puts", type=int, default=2_000, help="of each kind")
    puts = parser.parse_args().puts
    print("| database | what arrives | statements | ms, median | our processor, ms | the server's, ms |")
    print("|---|---|---|---|---|---|")
    for name, opened in (("PostgreSQL", _postgresql), ("SQLite", _sqlite)):
        with opened() as (database, server_pid):
            connection_id = _furnish(database)
            for what, made in _KINDS.items():
                cost = _measure(database, connection_id, [made(n) for n in range(_WARM_UP + puts)], server_pid)
                figures = f"{cost.statements:g} | {cost.median_ms:.2f} | {cost.own_ms:.2f}"
                server = f"{cost.server_ms:.2f}" if server_pid else "–"
                print(f"| {name} | {what} | {figures} | {server} |", flush=True)
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors", file=sys.stderr)
    return 0


_KINDS: dict[str, Callable[[int], Arrival]] = {
    "a message of a known contact": lambda n: _message(f"known-{n}", n % _KNOWN),
    "the same webhook again": lambda n: _message(f"known-{n}", n % _KNOWN),
    "a contact's first message": lambda n: _message(f"first-{n}", 100_000 + n),
    "a call of a known contact": lambda n: Arrival(
        f"CA{n}:0", CallStarted(f"CA{n}", _phone(n % _KNOWN), _OURS), _phone(n % _KNOWN), number=_OURS, call_id=f"CA{n}"
    ),
}


def _message(provider_id: str, contact: int) -> Arrival:
    return Arrival(provider_id, MessageReceived("Where is my parcel?"), _phone(contact), number=_OURS)


def _phone(contact: int) -> str:
    return f"+48{500_000_000 + contact}"


def _measure(database: Database, connection_id: int, arrivals: Sequence[Arrival], server_pid: int) -> Cost:
    for arrival in arrivals[:_WARM_UP]:
        _put(database, connection_id, arrival)
    seconds = []
    with heard(database.engine) as statements:
        own, server = time.process_time(), cpu_seconds_of(server_pid)
        for arrival in arrivals[_WARM_UP:]:
            started = time.perf_counter()
            _put(database, connection_id, arrival)
            seconds.append(time.perf_counter() - started)
        own, server = time.process_time() - own, cpu_seconds_of(server_pid) - server
    median = sorted(seconds)[len(seconds) // 2]
    puts = len(seconds)
    return Cost(len(statements) / puts, 1_000 * median, 1_000 * own / puts, 1_000 * server / puts)


def _put(database: Database, connection_id: int, arrival: Arrival) -> None:
    with database.transaction() as session:
        inbox.put(session, connection_id, arrival)


def _furnish(database: Database) -> int:
    with database.transaction() as session:
        at = now(session)
        connection = Connection(name="provider", kind="twilio", created_at=at)
        session.add(connection)
        session.flush()
        session.add(Number(name="support", connection_id=connection.id, value=_OURS, answers_calls=True, created_at=at))
        return connection.id


@contextmanager
def _postgresql() -> Iterator[tuple[Database, int]]:
    server = PostgresServer(durable=True)
    try:
        server.start()
        server.execute("CREATE DATABASE inbox")
        with _migrated({"DATABASE_URL": server.url("inbox")}) as database:
            with database.reading() as session:  # its connection stays in the pool, and all puts take it
                pid = session.connection().exec_driver_sql("SELECT pg_backend_pid()").scalar_one()
            yield database, int(pid)
    finally:
        server.remove()


@contextmanager
def _sqlite() -> Iterator[tuple[Database, int]]:
    folder = Path(tempfile.mkdtemp(prefix="patchbay-inbox-"))
    try:
        with _migrated({"PATCHBAY_DATA": str(folder)}) as database:
            yield database, 0
    finally:
        shutil.rmtree(folder)


@contextmanager
def _migrated(environment: dict[str, str]) -> Iterator[Database]:
    settings = Settings.from_environment(environment)
    migrate(settings)
    database = Database.connect(settings, pool_size=1)
    try:
        yield database
    finally:
        database.close()


if __name__ == "__main__":
    sys.exit(main())
