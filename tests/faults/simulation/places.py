"""Where a seed's world stands: one database in memory, undone after each, and one web application over it."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, ClassVar, Final, cast

import pysqlite3
from sqlalchemy import Engine, Result, TextClause, create_engine
from sqlalchemy.engine.result import IteratorResult, SimpleResultMetaData
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from app import publishing
from app.calling import Calling
from app.config import Settings
from app.db import Database, now
from app.directory import seal_secrets
from app.house import House
from app.lanes import Lanes
from app.machine import Machine
from app.models import Connection, Constant, Number
from app.seeding import prepare
from app.web import create_app, hooks
from app.web.hook_memory import HookMemory
from app.web.rates import Rates
from app.web.refused_hooks import RefusedHooks
from app.web.wakes import Wakes
from app.wiring import build_house, leave_house
from flows.values import canonical_json, encode
from tests.faults.simulation.flows_of_worlds import API, echo, question

SECRET: Final = "the account's auth token"
ACCOUNT: Final = "AC" + "7" * 32
PROVIDER_URL: Final = "https://provider.example"
API_URL: Final = "https://customers.example"
OURS: Final = {("key", "echo"): "+15005550010", ("key", "question"): "+15005550011",
               ("lookup", "echo"): "+15005550012", ("lookup", "question"): "+15005550013"}  # fmt: skip
BEGINNING: Final = 1_800_000_000_000_000  # microseconds since 1970: when every world begins

_NEVER_BACK: Final = {
    "a fence fell or jumped": ("conversations", "fence", "NEW.fence NOT IN (OLD.fence, OLD.fence + 1)"),
    "a seq fell": ("conversations", "next_seq", "NEW.next_seq < OLD.next_seq"),
    "a turn fell": ("runs", "turn", "NEW.turn < OLD.turn"),
    "a run rose from its end": ("runs", "status", "OLD.status = 'ended' AND NEW.status <> 'ended'"),
    "a message went back": ("messages", "rank", "NEW.rank < OLD.rank AND NOT (OLD.rank = 2 AND NEW.rank = 1)"),
    "a message settled left again": (
        "effects", "state",
        "OLD.state IN ('sent', 'dead', 'cancelled') AND NEW.state IN ('queued', 'sending')"),
    "an event done came back": ("inbound_events", "state",
                                "OLD.state IN ('done', 'dropped') AND NEW.state NOT IN (OLD.state, 'dropped')"),
}  # fmt: skip
"""What must never happen in a table: its column, and the condition of the update that breaks it."""


class QuickSession:
    """What the runtime needs of a session, without SQLAlchemy's way of executing a text, which takes most of the time
    of a seed. The statements are the product's, and so is what their results can do."""

    _TUPLES: ClassVar[dict[tuple[str, ...], SimpleResultMetaData]] = {}

    def __init__(self, connection: Any, engine: Engine) -> None:
        self._connection, self._engine = connection, engine

    def execute(self, statement: TextClause, values: Mapping[str, Any] | None = None) -> Result[Any]:
        cursor = self._connection.execute(statement.text, values or {})
        names = tuple(column[0] for column in cursor.description or ())
        known = self._TUPLES.get(names)
        if known is None:
            known = self._TUPLES[names] = SimpleResultMetaData(names)
        return IteratorResult(known, iter(cursor.fetchall()))

    def get_bind(self) -> Engine:
        return self._engine


class WatchedDatabase(Database):
    """The product's database; it tells whether a write transaction is open, in which nobody else may go on."""

    def __init__(self, engine: Engine, connection: Any) -> None:
        super().__init__(engine)
        self.open_transactions, self._is_busy = 0, False
        self._connection, self._session = connection, cast("Session", QuickSession(connection, engine))

    def renew(self) -> None:
        """Undoes all that was done since the first call."""
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO world")
        else:
            self._connection.execute("SAVEPOINT world")
        self.open_transactions, self._is_busy = 0, False

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        with self._part():
            self.open_transactions += 1
            try:
                yield self._session
            except BaseException:
                self._connection.execute("ROLLBACK TO part")
                raise
            finally:
                self.open_transactions -= 1

    @contextmanager
    def reading(self) -> Iterator[Session]:
        with self._part():
            try:
                yield self._session
            finally:
                self._connection.execute("ROLLBACK TO part")

    @contextmanager
    def _part(self) -> Iterator[None]:
        """A transaction; a savepoint inside of the world's, that nothing need be copied and prepared again for the
        next world."""
        if self._is_busy:
            raise RuntimeError("Somebody else's transaction is open.")
        self._is_busy = True
        self._connection.execute("SAVEPOINT part")
        try:
            yield
        finally:
            self._connection.execute("RELEASE part")
            self._is_busy = False


class SharedLanes(Lanes):
    """Wake-ups of whatever world is under way."""

    def __init__(self) -> None:
        super().__init__(None)
        self.world: Any = None

    def is_up(self) -> bool:
        return bool(self.world.redis_is_up)

    def wake(self, lane: str) -> None:
        self.world.wake_up(lane)

    def lower_flag(self, lane: str) -> None:
        self.world.lower_flag(lane)


@dataclass
class Place:
    """What is used again for every seed of this process."""

    house: House
    database: WatchedDatabase
    lanes: SharedLanes
    app: Any
    connection: Any  # pysqlite3's
    now: list[Any]
    breaches: list[str]

    def renew(self) -> None:
        """The database as it was when the world began."""
        self.database.renew()
        self.breaches.clear()

    def begin_web(self, machine: Machine) -> None:
        """The application as a process has it that has just begun: it remembers nothing."""
        house = replace(self.house, machine=machine)
        memory, calling, rates = HookMemory(house), Calling(house, None), Rates(1_000_000, 1_000_000)
        wakes = Wakes(self.lanes, apart_seconds=0)
        self.app.extensions["patchbay.hooks"] = hooks.HookState(
            house, memory, calling, rates, wakes, RefusedHooks(house)
        )


@cache
def the_place() -> Place:
    """Made once in a process, from nothing."""
    with tempfile.TemporaryDirectory() as folder:
        settings = _settings(Path(folder))
        prepare(settings)
        house = build_house(settings)
        try:
            _furnish(house)
        finally:
            leave_house(house)
        source = pysqlite3.connect(str(Path(folder, "patchbay.db")))
        connection = pysqlite3.connect(":memory:", check_same_thread=False, cached_statements=1_000)
        source.backup(connection)
        source.close()
    return _over(settings, house, connection)


def _over(settings: Settings, house: House, connection: Any) -> Place:
    clock: list[Any] = [lambda: BEGINNING]
    breaches: list[str] = []
    connection.isolation_level = None
    connection.create_function("unix_microseconds", 0, lambda: clock[0]())  # noqa: PLW0108  another world, another clock
    connection.create_function("breach", 2, lambda what, id_: breaches.append(f"{what} ({id_})"))
    for what, (table, column, condition) in _NEVER_BACK.items():
        name = what.replace(" ", "_")
        connection.execute(
            f"CREATE TRIGGER {name} AFTER UPDATE OF {column} ON {table} WHEN {condition}"
            f" BEGIN SELECT breach('{what}', NEW.id); END"
        )
    connection.execute("PRAGMA foreign_keys=ON")
    engine = create_engine("sqlite://", module=pysqlite3, creator=lambda: connection, poolclass=StaticPool)
    database, lanes = WatchedDatabase(engine, connection), SharedLanes()
    house = replace(house, settings=settings, database=database, lanes=lanes)
    app = create_app(house)
    return Place(house, database, lanes, app, connection, clock, breaches)


def _settings(folder: Path) -> Settings:
    return Settings.from_environment(
        {"PATCHBAY_DATA": str(folder), "MESSAGES_PER_MINUTE": "0", "PUBLIC_URL": "https://patchbay.example"}
    )


def _furnish(house: House) -> None:
    """Two connections, one whose provider has keys and one that only looks up, each with a number for each flow."""
    with house.database.transaction() as session:
        at = now(session)
        for mode in ("key", "lookup"):
            connection = Connection(
                name=mode,
                kind="twilio",
                settings=canonical_json({"api_base": PROVIDER_URL, "has_keys": mode == "key"}),
                sealed=seal_secrets(mode, {"account_sid": ACCOUNT, "auth_token": SECRET}, house.key),
                created_at=at,
            )
            session.add(connection)
            session.flush()
            for kind in ("echo", "question"):
                value = OURS[mode, kind]
                session.add(Number(name=f"{kind}-{mode}", connection_id=connection.id, value=value, created_at=at))
        session.add(Constant(name=API, value=canonical_json(encode(API_URL)), changed_at=at))
    for flow in (echo(), question()):
        with house.database.transaction() as session:
            draft = publishing.create(session, flow, "simulation")
            row = publishing.find_flow(session, draft.name, locked=True)
            publishing.publish(session, house, row, draft.revision, publishing.Order("simulation"))
    with house.database.transaction() as session:  # telling the carrier is another matter
        session.connection().exec_driver_sql("UPDATE effects SET state = 'cancelled'")
