"""What the house knows and seldom changes: numbers, connections, versions, constants; kept for a moment in memory."""

import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.channels.contract import ConnectionInfo
from app.credentials import Credential, open_credential
from app.file_address import file_address
from app.machine import THIS_MACHINE, Machine
from app.sealing import SealBroken, SecretKey
from flows import document
from flows.document import Flow
from flows.values import Value, decode

logger = logging.getLogger("patchbay.directory")

MESSAGE_IDS: Final = "message-id"  # what the installation's key signs for Message-IDs
_FRESH_SECONDS = 1.0  # a changed setting is in force everywhere after this long
T = TypeVar("T")


@dataclass(frozen=True)
class NumberInfo:
    """A number as turns and sends need it."""

    id: int
    name: str
    connection_id: int
    value: str
    language: str
    country: str
    fallback_number: str
    answers_messages: bool


@dataclass(frozen=True)
class InstallationInfo:
    """The installation's own words and ways, as turns need them."""

    language: str
    fallback_queue: str
    apology: Mapping[str, str]
    zone: str = "UTC"


class Directory:
    """One process's memory of settings; safe for many threads. Every method takes the session to read with."""

    def __init__(self, key: SecretKey, public_url: str, machine: Machine = THIS_MACHINE) -> None:
        """`key` opens the connections' secrets."""
        self._key, self._public_url, self._machine = key, public_url, machine
        self._kept: dict[tuple[str, object], tuple[float, Any]] = {}
        self._flows: dict[int, Flow] = {}
        self._lock = threading.Lock()

    def flow(self, session: Session, version_id: int) -> Flow:
        """A published version's flow; versions never change."""
        flow = self._flows.get(version_id)
        if flow is None:
            stored = session.execute(
                text("SELECT document FROM versions WHERE id = :id"), {"id": version_id}
            ).scalar_one()
            flow = self._flows[version_id] = document.read(stored)
        return flow

    def known_flow(self, version_id: int) -> Flow:
        """The flow of a version that this process has read. Raises: KeyError."""
        return self._flows[version_id]

    def number(self, session: Session, number_id: int) -> NumberInfo:
        """The number with this id."""
        numbers = self._fresh("numbers", None, lambda: self._read_numbers(session))
        if number_id not in numbers:  # added a moment ago
            self.forget()
            numbers = self._fresh("numbers", None, lambda: self._read_numbers(session))
        return numbers[number_id]

    def connection(self, session: Session, connection_id: int) -> ConnectionInfo:
        """The connection with its opened secrets."""
        connections = self._fresh("connections", None, lambda: self._read_connections(session))
        if connection_id not in connections:
            self.forget()
            connections = self._fresh("connections", None, lambda: self._read_connections(session))
        return connections[connection_id]

    def installation(self, session: Session) -> InstallationInfo:
        """The installation's row."""
        return self._fresh("installation", None, lambda: self._read_installation(session))

    def constants(self, session: Session) -> Mapping[str, Value]:
        """All constants by name."""
        return self._fresh(
            "constants",
            None,
            lambda: {
                row.name: decode(json.loads(row.value))
                for row in session.execute(text("SELECT name, value FROM constants"))
            },
        )

    def credential(self, session: Session, name: str) -> Credential | None:
        """The opened credential with this name."""
        return self._fresh("credential", name, lambda: self._read_credential(session, name))

    def file_address(self, file_id: int, at: datetime) -> str:
        """Where anybody who is given this reads a stored file; it opens for 12 to 24 hours from then on."""
        return self._public_url + file_address(self._key, file_id, at)

    def forget(self) -> None:
        """Reads everything that may change anew."""
        with self._lock:
            self._kept.clear()

    def _fresh(self, kind: str, key: object, read: Callable[[], T]) -> T:
        with self._lock:
            kept = self._kept.get((kind, key))
        if kept is not None and self._machine.monotonic() - kept[0] < _FRESH_SECONDS:
            value: T = kept[1]
            return value
        value = read()
        with self._lock:
            self._kept[kind, key] = (self._machine.monotonic(), value)
        return value

    def _read_numbers(self, session: Session) -> dict[int, NumberInfo]:
        statement = (
            "SELECT id, name, connection_id, value, language, country, fallback_number, answers_messages FROM numbers"
            " ORDER BY id"
        )
        return {
            row.id: NumberInfo(
                row.id,
                row.name,
                row.connection_id,
                row.value,
                row.language,
                row.country,
                row.fallback_number,
                bool(row.answers_messages),
            )
            for row in session.execute(text(statement))
        }

    def _read_credential(self, session: Session, name: str) -> Credential | None:
        statement = "SELECT name, kind, origins, sealed FROM credentials WHERE name = :name"
        row = session.execute(text(statement), {"name": name}).first()
        if row is None:
            return None
        return open_credential(self._key, row.name, row.kind, json.loads(row.origins), bytes(row.sealed))

    def _read_connections(self, session: Session) -> dict[int, ConnectionInfo]:
        rows = session.execute(text("SELECT id, name, kind, settings, sealed FROM connections"))
        connections = {}
        for row in rows:
            try:
                connections[row.id] = open_connection(row, self._key, self._public_url)
            except (SealBroken, ValueError) as error:  # one that cannot be opened must not close the others
                logger.error("The connection %s cannot be used: %s", row.name, error)
                connections[row.id] = ConnectionInfo(row.id, row.name, row.kind, {}, {}, self._public_url)
        return connections

    def _read_installation(self, session: Session) -> InstallationInfo:
        row = session.execute(
            text("SELECT language, fallback_queue, apology, zone FROM installation WHERE id = 1")
        ).one()
        return InstallationInfo(row.language, row.fallback_queue, json.loads(row.apology), row.zone)


def open_connection(row: Any, key: SecretKey, public_url: str) -> ConnectionInfo:
    """A connection's row with its secrets opened."""
    secrets = json.loads(key.open(f"connection/{row.name}", bytes(row.sealed))) if row.sealed else {}
    own = key.sign(MESSAGE_IDS, b"")
    return ConnectionInfo(row.id, row.name, row.kind, json.loads(row.settings), secrets, public_url, own)


def seal_secrets(name: str, secrets: Mapping[str, str], key: SecretKey) -> bytes:
    """The sealed form of a connection's secrets."""
    return key.seal(f"connection/{name}", json.dumps(dict(secrets), sort_keys=True).encode())
