"""The sweeper: once a second it looks only at the database and wakes whoever has something to do.

Two sweepers do no harm: everything it writes is idempotent, and a wake-up too many only looks in vain.
"""

import logging
import signal
from collections.abc import Callable
from functools import partial

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import schedules
from app.config import Settings
from app.db import DatabaseUnavailable, now_microseconds, sql
from app.house import House
from app.roster import any_silent, take_away_locks
from app.stopping import Stopping
from app.store import webhooks
from app.store.claims import any_due
from app.store.entries import show_kept
from app.store.events import repair_instants
from app.wiring import build_house

logger = logging.getLogger("patchbay.sweeper")

_EVERY_SECONDS = 1.0
_SHOW_KEPT_SECONDS = 300  # a message no step has taken for so long is shown to people too
_FORGETS_EVERY = 3_600 * 1_000_000  # microseconds
_LONGEST_STEP = 10 * 1_000_000  # microseconds; two sweeps further apart mean that the clock was set, or a long pause
_FIND_KEPT = "SELECT 1 FROM inbound_events WHERE state = 'kept' AND shown_at IS NULL AND at < {now} - :pause LIMIT 1"


def main(settings: Settings) -> int:
    """Sweeps until told to stop."""
    stopping = Stopping.by(signal.SIGTERM, signal.SIGINT)
    sweeper = Sweeper(build_house(settings))
    while not stopping.is_set:
        try:
            sweeper.sweep()
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            logger.warning("The database cannot be reached, sweeping goes on: %s", error)
        stopping.wait(_EVERY_SECONDS)
    return 0


class Sweeper:
    """Looks each second; it remembers nothing but instants: by the last it saw it notices a clock that was set."""

    def __init__(self, house: House) -> None:
        """Nothing was seen yet."""
        self._house = house
        self._last: int | None = None
        self._forgot_at: int | None = None

    def sweep(self) -> None:
        """One sweep: reads first, and writes only what it has found."""
        with self._house.database.reading() as session:
            now = now_microseconds(session)
            pause = {"pause": _SHOW_KEPT_SECONDS * 1_000_000}
            kept = session.execute(sql(session, _FIND_KEPT), pause).first() is not None
            late = any_due(session)
            todo = schedules.look(session)
        # A clock set forward makes everybody look silent, once: nobody loses locks in that sweep.
        jumped = self._last is not None and not 0 <= now - self._last < _LONGEST_STEP
        if self._last is not None and now < self._last:
            with self._house.database.transaction() as session:
                repair_instants(session, self._last)
        if not jumped:
            self._take_away_locks()
        if kept:
            with self._house.database.transaction() as session:
                show_kept(session, _SHOW_KEPT_SECONDS)
        late = self._keep_schedules(todo) or late
        self._forget_webhooks(now)
        self._last = now
        if late:
            for lane in ("turns", "calls"):
                self._house.lanes.wake(lane)

    def _forget_webhooks(self, now: int) -> None:
        """Once an hour, those that nobody will ask for any more, however many these are: some in each sweep."""
        if self._forgot_at is None or not 0 <= now - self._forgot_at < _FORGETS_EVERY:
            with self._house.database.transaction() as session:
                more = webhooks.forget_old(session)
            self._forgot_at = None if more else now

    def _keep_schedules(self, todo: schedules.Todo) -> bool:
        """Each piece is a transaction of its own; whether a run is to begin."""
        database = self._house.database
        if todo.plans:
            with database.transaction() as session:
                schedules.plan(session)
        for occurrence_id in todo.fills:
            self._keep_one(partial(schedules.fill, occurrence_id=occurrence_id), occurrence_id)
        begun = False
        for occurrence_id, contact_id in todo.starts:
            start = partial(schedules.begin_for, occurrence_id=occurrence_id, contact_id=contact_id)
            begun = bool(self._keep_one(start, occurrence_id, contact_id)) or begun
        return begun

    def _keep_one(self, piece: Callable[[Session], object], occurrence_id: int, contact_id: int = 0) -> object:
        database = self._house.database
        try:
            with database.transaction() as session:
                return piece(session)
        except (SQLAlchemyError, DatabaseUnavailable):
            raise
        except Exception as error:  # a door: what one schedule needs may be gone, the others and the sweeps go on
            logger.exception("The occurrence %d of a schedule cannot go on.", occurrence_id)
            with database.transaction() as session:
                schedules.give_up(session, occurrence_id, contact_id, f"{type(error).__name__}: {error}")
            return False

    def _take_away_locks(self) -> None:
        with self._house.database.reading() as session:
            silent = any_silent(session)
        if silent:
            with self._house.database.transaction() as session:
                gone = take_away_locks(session)
            logger.warning("%d silent processes have lost their locks.", gone)
