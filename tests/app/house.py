"""A house with its runner for the tests: contacts write on its numbers, a provider double gets what it sends."""

import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import RowMapping, select, text

from app import inbox
from app.channels.arrival import Arrival, Report
from app.config import Settings
from app.consistency import breaches
from app.db import Database, now
from app.directory import seal_secrets
from app.house import House
from app.inbox import Put
from app.lanes import Lanes
from app.models import Connection, FlowRow, Installation, LiveNumber, Number, Queue, Version
from app.outgoing import Guarded
from app.points import set_hook
from app.publishing.names import live_slot, wanted
from app.sealing import SecretKey
from app.store import claims
from flows import document
from flows.event import MessageReceived
from flows.registry import Registry
from flows.values import canonical_json
from tests.app.processes import Process, until
from tests.app.provider import PROVIDERS, Provider

ANNA = "+48600100200"
APOLOGY = "Sorry, something went wrong."
KINDS = {
    "keys": "double_keys",
    "lookup": "double_lookup",
    "neither": "double_neither",
    "confirming": "double_confirming",
    "chat": "web_chat",
    "calls": "simulated",
    "both": "double_both",
}
"""The numbers, each on a connection of its own of that kind and the same name."""
_SET_CLOCK = "UPDATE clock SET offset_microseconds = offset_microseconds + :by"


@cache
def installed_steps() -> Registry:
    """The real steps."""
    return Registry.discover(("steps",))


@dataclass
class Runtime:
    """The house, its provider, and the processes that tests started."""

    house: House
    provider: Provider
    numbers: dict[str, Number] = field(default_factory=dict)
    processes: list[Process] = field(default_factory=list)
    passed_seconds: float = 0.0
    _passing: threading.Lock = field(default_factory=threading.Lock)
    _written: int = 0

    # what others do

    def publish(self, drawn: dict[str, Any]) -> int:
        """Makes a flow live on the numbers its triggers name, anew when it has the name already; the version's id."""
        flow = document.from_data(drawn)
        with self.house.database.transaction() as session:
            at = now(session)
            row = session.scalar(select(FlowRow).where(FlowRow.name == flow.name))
            if row is None:
                row = FlowRow(name=flow.name, latest_revision=0, created_at=at)
                session.add(row)
                session.flush()
            row.latest_revision += 1
            version = Version(
                flow_id=row.id,
                number=row.latest_revision,
                revision_number=row.latest_revision,
                document=document.write(flow),
                created_at=at,
            )
            session.add(version)
            session.execute(text("DELETE FROM live_numbers WHERE flow_id = :id"), {"id": row.id})
            session.flush()
            for one in wanted(flow, self.house.steps):
                session.add(
                    LiveNumber(
                        number_id=self.numbers[one.number].id,
                        slot=live_slot(row.id, one),
                        kind=one.claim.kind,
                        flow_id=row.id,
                        version_id=version.id,
                        step=one.step,
                        priority=one.claim.priority,
                        interrupts=one.claim.interrupts,
                        created_at=at,
                    )
                )
            return version.id

    def write(self, words: str, number: str = "keys", contact: str = ANNA, **more: Any) -> Put:
        """A contact writes."""
        self._written += 1
        place = self.numbers[number]
        arrival = Arrival(
            provider_id=more.pop("provider_id", f"in-{self._written}"),
            happened=MessageReceived(words, **more),
            address=contact,
            number=place.value,
            address_kind="visitor" if number == "chat" else "phone",
        )
        with self.house.database.transaction() as session:
            return inbox.put(session, place.connection_id, arrival, self.house.limits)

    def act(self, conversation_id: int, kind: str, **happened: Any) -> Put:
        """An agent acts: agent_replied, agent_closed or agent_took_over."""
        self._written += 1
        with self.house.database.transaction() as session:
            return inbox.put_action(session, conversation_id, kind, f"agent-{self._written}", happened)

    def report(self, effect_id: int, rank: int, number: str = "keys", **more: Any) -> Put | None:
        """The provider tells what became of a message."""
        happened = {"rank": rank, "error_kind": "", "error": "", "provider_id": "", **more}
        report = Report(f"{effect_id}:{rank}", "message_status", happened, effect_id=effect_id)
        with self.house.database.transaction() as session:
            return inbox.put_report(session, self.numbers[number].connection_id, report)

    def move_clock(self, seconds: float) -> None:
        """Lets time pass, for the database and for every process at the same moment."""
        # The database first: whoever writes to it may be asking for the time.
        with self.house.database.transaction() as session, self._passing:
            self.passed_seconds += seconds
            session.execute(text(_SET_CLOCK), {"by": int(seconds * 1_000_000)})
            session.commit()

    def monotonic(self) -> float:
        """The processes' own clock."""
        with self._passing:
            return time.monotonic() + self.passed_seconds

    def set_clock(self, seconds: float) -> None:
        """Sets the database's clock forward or back; the processes' own clocks know better."""
        self.execute(_SET_CLOCK, by=int(seconds * 1_000_000))

    # processes

    def start(self) -> Process:
        """A further process begins to work."""
        process = Process(self.house).start()
        self.processes.append(process)
        return process

    def drive(self) -> None:
        """Until nothing is due and nothing under way; a process is started where none lives."""
        living = [one for one in self.processes if one.alive] or [self.start()]

        def idle() -> bool:
            for process in living:
                if not process.alive:
                    raise AssertionError("the process died") from process.died_of
            if any(process.locks.held for process in living):
                return False
            if self.due():
                for process in living:
                    process.runner.wake()
                return False
            return not any(process.locks.held for process in living)

        until(idle, f"nothing was due any more ({self.due()})")

    def due(self) -> list[int]:
        """The conversations that a claim would find now."""
        with self.house.database.reading() as session:
            return list(claims.due(session))

    # what can be seen

    def assert_consistent(self) -> None:
        """No conversation is lost between run, people and inbox."""
        with self.house.database.reading() as session:
            assert [str(breach) for breach in breaches(session)] == []

    def execute(self, statement: str, **values: Any) -> None:
        """One statement, committed."""
        with self.house.database.transaction() as session:
            session.execute(text(statement), values)

    def rows(self, query: str, **values: Any) -> list[RowMapping]:
        """What a query answers."""
        with self.house.database.reading() as session:
            return list(session.execute(text(query), values).mappings())

    def one(self, query: str, **values: Any) -> RowMapping:
        """The one row a query answers."""
        (row,) = self.rows(query, **values)
        return row

    def column(self, query: str, **values: Any) -> list[Any]:
        """The first column of what a query answers."""
        return [next(iter(row.values())) for row in self.rows(query, **values)]

    def conversation(self, conversation_id: int) -> RowMapping:
        """One conversation."""
        return self.one("SELECT * FROM conversations WHERE id = :id", id=conversation_id)

    def said(self, conversation_id: int) -> list[str]:
        """What was said in a conversation, in order; ours begins with `>`."""
        rows = self.rows(
            "SELECT direction, text FROM messages WHERE conversation_id = :id ORDER BY id", id=conversation_id
        )
        return [("> " if row["direction"] == "out" else "") + row["text"] for row in rows]

    def outcomes(self) -> list[str]:
        """How runs ended, in their order; empty for those that have not."""
        return self.column("SELECT outcome FROM runs ORDER BY id")

    def entries(self) -> list[tuple[str, str]]:
        """Queue and state of every entry."""
        query = "SELECT q.name, e.state FROM queue_entries e JOIN queues q ON q.id = e.queue_id ORDER BY e.id"
        return [(row["name"], row["state"]) for row in self.rows(query)]

    def problems(self) -> list[str]:
        """The kinds of what the errors page shows."""
        return self.column("SELECT kind FROM problems ORDER BY id")


@contextmanager
def runtime(settings: Settings, log: Path | None = None, **changes: Any) -> Iterator[Runtime]:
    """A house over a fresh, migrated database; `changes` replaces settings. In the end nothing is due any more.

    log: where the provider of real processes notes what it gets, instead of the one in this process.
    """
    settings = replace(settings, **changes)
    database = Database.connect(settings)
    provider = PROVIDERS[f"p{secrets.token_hex(4)}"] = Provider("SM")
    name = next(key for key, one in PROVIDERS.items() if one is provider)
    house = House(
        settings=settings,
        database=database,
        lanes=Lanes(settings.redis_url or None),
        key=SecretKey.load_or_create(settings.secret_key_file, database_is_empty=True),
        steps=installed_steps(),
        http=Guarded(settings.allowed_private_hosts),
    )
    made = Runtime(house, provider)
    house.machine.monotonic = made.monotonic
    furnish(made, {"log": str(log)} if log else {"provider": name})
    try:
        yield made
        if not log:
            made.drive()
    finally:
        set_hook(None)
        provider.released.set()
        for process in made.processes:
            process.stop() if process.alive else process.kill()
        house.http.close()
        database.close()
        del PROVIDERS[name]


def furnish(made: Runtime, connection_settings: dict[str, str]) -> None:
    """The installation's row, queues, connections and numbers."""
    with made.house.database.transaction() as session:
        at = now(session)
        apology, fingerprint = canonical_json({"en": APOLOGY}), made.house.key.fingerprint()
        session.add(Installation(id=1, apology=apology, key_fingerprint=fingerprint, created_at=at))
        for queue in ("people", "standard", "gold"):
            session.add(Queue(name=queue, title=queue.title(), created_at=at))
        for n, (name, kind) in enumerate(KINDS.items()):
            plain = json.dumps(connection_settings if kind.startswith("double") else {})
            connection = Connection(name=name, kind=kind, settings=plain, created_at=at)
            connection.sealed = seal_secrets(name, {"secret": "a secret"}, made.house.key)
            session.add(connection)
            session.flush()
            made.numbers[name] = Number(
                name=name,
                connection_id=connection.id,
                value="pk_chat" if name == "chat" else f"+4822000000{n}",
                answers_calls=name == "calls",
                created_at=at,
            )
            session.add(made.numbers[name])
