"""Waits for a call's next voice document: a worker writes it, and if none does soon, this process takes the turn."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.channels.contract import CallPlace, Channel, ConnectionInfo, Document
from app.db import DatabaseUnavailable, from_microseconds, now
from app.house import House
from flows import wire
from flows.effect import Pause, Say, Verb

TakeOne = Callable[[House, int], bool]
"""Takes a conversation's due events in this process if its lock is free; whether it did (app.runner.take_one)."""

UNAVAILABLE = (DatabaseUnavailable, DBAPIError, PoolTimeout)
"""What a database that is away, busy or full raises."""

_DOCUMENT = text(
    "SELECT document, media_type FROM call_documents WHERE connection_id = :connection AND provider_id = :id"
)
_HOLD_PROMPT = text("SELECT hold_prompt FROM conversations WHERE id = :id")
_ARRIVED = text("SELECT at FROM inbound_events WHERE connection_id = :connection AND provider_id = :id")
_log = structlog.get_logger("patchbay.calling")


@dataclass(frozen=True)
class Patience:
    """How long a carrier's request waits. The carrier itself waits 15 s in all (TELEPHONY, portable subset)."""

    look_seconds: float = 0.02
    help_after_seconds: float = 0.25  # a worker that is well has answered by then
    help_again_seconds: float = 0.05
    give_up_seconds: float = 10.0
    hold_seconds: int = 2  # the pause of the document that asks the carrier to come back
    hopeless_seconds: float = 60.0  # after so long the caller hears the fallback instead of silence


@dataclass(frozen=True)
class Awaited:
    """A turn whose document a carrier wants. `provider_id` is its event's; `language` the number's."""

    connection_id: int
    conversation_id: int
    provider_id: str
    call_id: str
    turn: int
    number: str
    language: str


class Calling:
    """One process's way to voice documents."""

    def __init__(
        self,
        house: House,
        take_one: TakeOne | None = None,
        patience: Patience = Patience(),
    ) -> None:
        """Without `take_one` only workers take turns."""
        self._house, self._take_one, self._patience = house, take_one, patience

    def _hold_prompt(self, conversation_id: int) -> list[Verb]:
        """What the step under way wants said meanwhile."""
        try:
            with self._house.database.reading() as session:
                prompt = session.execute(_HOLD_PROMPT, {"id": conversation_id}).scalar()
        except UNAVAILABLE:
            prompt = None
        return [wire.read(Say, prompt)] if prompt else []

    def document(self, awaited: Awaited) -> Document | None:
        """The stored document of the turn as soon as it is there; None when it is not ready in time."""
        started_at = time.monotonic()
        helper: threading.Thread | None = None
        help_at = started_at + self._patience.help_after_seconds
        while True:
            if (found := self._stored(awaited)) is not None:
                return found
            present = time.monotonic()
            if present - started_at >= self._patience.give_up_seconds:
                return None
            if self._take_one is not None and present >= help_at and (helper is None or not helper.is_alive()):
                # In a thread of its own: the turn may ask a slow API, and the carrier must be answered in time.
                helper = threading.Thread(target=self._help, args=(self._take_one, awaited), daemon=True, name="turn")
                helper.start()
                help_at = present + self._patience.help_again_seconds
            self._house.lanes.wait(awaited.conversation_id, self._patience.look_seconds)

    def hold(self, channel: Channel, connection: ConnectionInfo, awaited: Awaited) -> Document | None:
        """A short pause and the way back to the same turn; None when the turn is hopelessly late."""
        if self._age_seconds(awaited) >= self._patience.hopeless_seconds:
            return None
        verbs = self._hold_prompt(awaited.conversation_id)
        place = CallPlace(awaited.call_id, awaited.turn, awaited.number, "", awaited.language)
        return channel.render(connection, [*verbs, Pause(self._patience.hold_seconds)], place)

    def _stored(self, awaited: Awaited) -> Document | None:
        try:
            with self._house.database.reading() as session:
                row = session.execute(_DOCUMENT, _event(awaited)).first()
        except UNAVAILABLE:
            return None  # it may come back in time
        return None if row is None else Document(row.document, row.media_type)

    def _age_seconds(self, awaited: Awaited) -> float:
        try:
            with self._house.database.reading() as session:
                arrived_at = session.execute(_ARRIVED, _event(awaited)).scalar()
                return 0.0 if arrived_at is None else (now(session) - from_microseconds(arrived_at)).total_seconds()
        except UNAVAILABLE:
            return 0.0

    def _help(self, take_one: TakeOne, awaited: Awaited) -> None:
        try:
            take_one(self._house, awaited.conversation_id)
        except Exception:  # noqa: BLE001  this thread's door: a worker takes the turn again, and the caller is answered meanwhile
            _log.exception("turn_not_taken", conversation_id=awaited.conversation_id)


def _event(awaited: Awaited) -> dict[str, object]:
    return {"connection": awaited.connection_id, "id": awaited.provider_id}
