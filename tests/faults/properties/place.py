"""Where an example stands: a house over one database, driven in one thread, with nothing of the example before."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app.config import Settings
from app.consistency import breaches
from app.db import Base, now_microseconds
from app.locks import LocksLost
from app.points import set_hook
from app.store import claims
from app.sweeper import Sweeper
from tests.app.house import Runtime, runtime
from tests.app.processes import Killed
from tests.app.provider import PROVIDERS, Provider, install_doubles
from tests.faults.properties.look import Look
from tests.faults.properties.process import Process
from tests.faults.simulation.processes import SimulatedLocks

_STAYS: Final = {"installation", "connections", "numbers", "queues", "clock"}
_MOST_ROUNDS: Final = 200
_TAKES_TIME: Final = "sending_for_long"  # time passes here while nobody works
_CONVERSATIONS: Final = "SELECT id, state, owner, closed_at FROM conversations ORDER BY id"
_EVENTS: Final = """
    SELECT id, conversation_id, provider_id, kind, at, seq, state, now, handled_at, created_at, error
    FROM inbound_events ORDER BY id
"""
_MESSAGES: Final = "SELECT conversation_id, direction, author, text, rank, effect_key FROM messages ORDER BY id"
_EFFECTS: Final = "SELECT key, state, failures, settled_at FROM effects ORDER BY id"


@dataclass
class Recording(Provider):
    """A provider that also knows what it refused."""

    refused: list[str] = field(default_factory=list)

    def receive(self, outgoing: Any, *, has_keys: bool) -> Any:
        """As the double does."""
        if self.plans and self.plans[0] == "refuse":
            self.refused.append(outgoing.key)
        return super().receive(outgoing, has_keys=has_keys)


class Place:
    """The house, its present process, and the clock."""

    def __init__(self, room: Runtime) -> None:
        self.room = room
        self.seen: Callable[[], None] = lambda: None  # called after each round
        tables = [one.name for one in reversed(Base.metadata.sorted_tables) if one.name not in _STAYS]
        self._resets = [
            *(f"DELETE FROM {name}" for name in tables),  # noqa: S608  our own tables
            "UPDATE clock SET offset_microseconds = 0",
            "UPDATE numbers SET blocked_until_at = NULL, paced_until_at = NULL",
        ]
        self._provider_name = next(name for name, one in PROVIDERS.items() if one is room.provider)

    def renew(self) -> None:
        """Nothing has happened yet."""
        statements = self._resets if self.room.house.database.is_sqlite else ["; ".join(self._resets)]
        with self.room.house.database.transaction() as session:
            for statement in statements:
                session.connection().exec_driver_sql(statement)
        self.room.passed_seconds, self.room._written = 0.0, 0
        self.provider = self.room.provider = PROVIDERS[self._provider_name] = Recording("SM")
        self._owners: dict[int, SimulatedLocks] = {}
        self.process = Process(self.room, self._owners)
        self._sweeper = Sweeper(self.room.house)

    # what the processes do

    def round(self) -> None:
        """One round of the present process, and a look at what came of it."""
        self.process.round()
        self.seen()

    def work(self) -> None:
        """Rounds until nothing is due and nothing is under way but late answers."""
        for _ in range(_MOST_ROUNDS):
            self.round()
            if not self.process.has_more and not set(self._due()) - set(self.process.held):
                return
        raise AssertionError(f"not idle after {_MOST_ROUNDS} rounds: {self._due()} is due")

    def replace(self) -> None:
        """The process is gone with all it had in hand; another one takes its place."""
        self.process.locks.close()
        self.process = Process(self.room, self._owners)

    def die(self, passing: int) -> None:
        """The process dies when it passes so many labelled places, or after a few rounds."""
        self._until_passing(passing, "", self._kill)

    def freeze(self, name: str) -> None:
        """The process stands still at that place; another one takes over, and then it wakes."""
        self._until_passing(1, name, self._take_over)

    def sweep(self) -> None:
        """One sweep."""
        self._sweeper.sweep()

    def _until_passing(self, passing: int, name: str, does: Callable[[], None]) -> None:
        left = [passing]

        def hook(passed: str) -> None:
            if name in {"", passed}:
                left[0] -= 1
                if not left[0]:
                    set_hook(None)
                    does()

        process = self.process
        set_hook(hook)
        try:
            for _ in range(4):
                process.round()
                if left[0] > 0:
                    self.seen()
        except (Killed, LocksLost):
            pass
        finally:
            set_hook(None)
        if self.process is process:
            self.replace()
        self.seen()

    def _kill(self) -> None:
        raise Killed

    def _take_over(self) -> None:
        self.replace()
        self.work()

    def _due(self) -> list[int]:
        with self.room.house.database.reading() as session:
            return list(claims.due(session))

    # what can be seen

    def look(self, *, at_rest: bool = False) -> Look:
        """All that the ledger compares; nothing in it is inconsistent."""
        with self.room.house.database.reading() as session:
            found = [str(breach) for breach in breaches(session) if at_rest or breach.code != _TAKES_TIME]
            look = Look(
                now=now_microseconds(session),
                conversations=_rows(session, _CONVERSATIONS),
                events=_rows(session, _EVENTS),
                messages=_rows(session, _MESSAGES),
                effects=_rows(session, _EFFECTS),
                taken=[(one.key, one.message.text) for one in self.provider.taken.values()],
                attempts=[one.key for one in self.provider.attempts],
                refused=self.provider.refused,
            )
        assert not found, found
        return look


def _rows(session: Session, query: str) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(text(query)).mappings()]


@contextmanager
def open_place(settings: Settings) -> Iterator[Place]:
    """A place over a migrated, empty database; in the end it is empty again."""
    with pytest.MonkeyPatch.context() as patch:
        install_doubles(patch)
        with runtime(settings, messages_per_minute=0) as room:
            if room.house.database.is_sqlite:  # no power fails here

                @event.listens_for(room.house.database.engine, "connect")
                def forget(connection: Any, _: Any) -> None:
                    connection.execute("PRAGMA synchronous=OFF")

                room.house.database.engine.dispose()
            place = Place(room)
            place.renew()
            yield place
            place.renew()


def settings_over(folder: Path, database_url: str = "") -> Settings:
    """Settings of a place; without an address SQLite in that folder."""
    return Settings.from_environment({"PATCHBAY_DATA": str(folder), "DATABASE_URL": database_url})
