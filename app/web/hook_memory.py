"""What the webhooks' door remembers: connections, their channels, and what each number says when nothing else works."""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.calling import UNAVAILABLE
from app.channels.contract import Channel, ChannelError, ConnectionInfo, Document
from app.channels.registry import UnknownChannel, channel_of
from app.channels.twilio_documents import fallback
from app.directory import open_connection
from app.house import House
from app.sealing import SealBroken

FRESH_SECONDS: Final = 1.0  # a changed secret is in force everywhere after this long
RENEW_SECONDS: Final = 60.0  # RELIABILITY §2: the fallback documents are renewed each minute
APOLOGY: Final = "Sorry, nobody can answer now. Please call again later."

_log = structlog.get_logger("patchbay.hooks")


@dataclass(frozen=True)
class Known:
    """A connection that takes webhooks. `languages` and `fallbacks` are by the numbers' values."""

    info: ConnectionInfo
    channel: Channel
    enabled: bool
    languages: Mapping[str, str]
    fallbacks: Mapping[str, Document]

    def fallback(self, number: str) -> Document:
        """What a caller of this number hears when nothing else works."""
        return self.fallbacks.get(number) or fallback(APOLOGY, "", "en")


class HookMemory:
    """One process's memory. It stays usable while the database is away; safe for many threads."""

    def __init__(self, house: House) -> None:
        """Nothing is read yet."""
        self._house = house
        self._known: dict[str, Known] = {}
        self._read_at = self._renewed_at = float("-inf")
        self._reading = threading.Lock()
        self._renewing: threading.Thread | None = None
        self._stopped = threading.Event()

    def find(self, name: str) -> Known | None:
        """The connection of this name as the database has it, or had it when it was last there."""
        with self._reading:
            if self._house.machine.monotonic() - self._read_at >= FRESH_SECONDS:
                try:
                    self._read()
                except UNAVAILABLE:
                    if not self._known:
                        raise
        return self._known.get(name)

    def recall(self, name: str) -> Known | None:
        """The connection as it was last seen, without looking."""
        return self._known.get(name)

    def start(self) -> None:
        """Renews the memory each minute from now on, so that a quiet process too knows what to say."""
        if self._renewing is None:
            self._renewing = threading.Thread(target=self._renew, daemon=True, name="hook memory")
            self._renewing.start()

    def stop(self) -> None:
        """Ends the renewing."""
        self._stopped.set()

    def _renew(self) -> None:
        while True:
            try:
                with self._reading:
                    self._read()
            except UNAVAILABLE:
                _log.warning("hook_memory_is_old", seconds=round(self._house.machine.monotonic() - self._read_at))
            if self._stopped.wait(RENEW_SECONDS):
                return

    def _read(self) -> None:
        """Reads all connections; the numbers too when what is known of them is a minute old."""
        now = self._house.machine.monotonic()
        whole = now - self._renewed_at >= RENEW_SECONDS
        with self._house.database.reading() as session:
            rows = session.execute(text("SELECT id, name, kind, settings, sealed, enabled FROM connections")).all()
            whole = whole or any(row.name not in self._known for row in rows)
            numbers = _numbers(session) if whole else {}
        known: dict[str, Known] = {}
        for row in rows:
            try:
                info = open_connection(row, self._house.key, self._house.settings.effective_public_url)
                channel = channel_of(row.kind)
            except (SealBroken, UnknownChannel) as problem:
                _log.error("connection_unusable", connection=row.name, reason=str(problem))
                continue
            before = self._known.get(row.name)
            if whole or before is None:
                mine = numbers.get(row.id, [])
                languages = {number.value: number.language for number in mine}
                known[row.name] = Known(info, channel, bool(row.enabled), languages, _fallbacks(channel, info, mine))
            else:
                known[row.name] = Known(info, channel, bool(row.enabled), before.languages, before.fallbacks)
        self._known, self._read_at = known, now
        if whole:
            self._renewed_at = now


@dataclass(frozen=True)
class _Number:
    value: str
    language: str
    fallback_number: str
    apology: str


def _numbers(session: Session) -> dict[int, list[_Number]]:
    house = session.execute(text("SELECT language, apology FROM installation WHERE id = 1")).first()
    apologies: dict[str, str] = json.loads(house.apology) if house else {}
    default = house.language if house else "en"
    numbers: dict[int, list[_Number]] = {}
    for row in session.execute(text("SELECT connection_id, value, language, fallback_number FROM numbers")):
        language = next((one for one in (row.language, default, "en") if one in apologies), "en")
        apology = apologies.get(language) or APOLOGY
        numbers.setdefault(row.connection_id, []).append(_Number(row.value, language, row.fallback_number, apology))
    return numbers


def _fallbacks(channel: Channel, info: ConnectionInfo, numbers: list[_Number]) -> Mapping[str, Document]:
    documents = {}
    for number in numbers:
        try:
            documents[number.value] = channel.fallback(info, number.apology, number.fallback_number, number.language)
        except ChannelError:
            return {}  # this channel answers no calls
    return documents
