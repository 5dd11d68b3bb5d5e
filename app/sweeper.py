"""The sweeper: once a second it looks only at the database and wakes whoever has something to do.

Two sweepers do no harm: everything it writes is idempotent, and a wake-up too many only looks in vain.
"""

import logging
import signal
import threading
from types import FrameType

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.config import Settings
from app.db import DatabaseUnavailable, sql
from app.house import House
from app.roster import take_away_locks
from app.store.claims import next_due_seconds
from app.store.events import repair_instants
from app.wiring import build_house

logger = logging.getLogger("patchbay.sweeper")

_EVERY_SECONDS = 1.0
_SHOW_KEPT_SECONDS = 300  # a message no step has taken for so long is shown to people too
_LONG_KEPT = "state = 'kept' AND kind = 'message_received' AND shown_at IS NULL AND at < {now} - :pause"
_NOTE_KEPT = """
    INSERT INTO problems (conversation_id, run_id, step, kind, message, created_at)
    SELECT conversation_id, run_id, '', 'message_waits', 'A message waits for a step that takes it.', {now}
    FROM inbound_events WHERE {long kept}
"""
_MARK_SHOWN = "UPDATE inbound_events SET shown_at = {now} WHERE {long kept}"


def main(settings: Settings) -> int:
    """Sweeps until told to stop."""
    stopping = threading.Event()

    def stop(_: int, __: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    house = build_house(settings)
    while not stopping.is_set():
        try:
            sweep(house)
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            logger.warning("The database cannot be reached, sweeping goes on: %s", error)
        stopping.wait(_EVERY_SECONDS)
    return 0


def sweep(house: House) -> None:
    """One sweep."""
    with house.database.transaction() as session:
        silent = take_away_locks(session)
        _show_kept(session)
        repair_instants(session)
        late = next_due_seconds(session) <= 0
    if silent:
        logger.warning("%d silent processes have lost their locks.", silent)
    if late:
        for lane in ("turns", "calls"):
            house.lanes.wake(lane)


def _show_kept(session: Session) -> None:
    """A kept message is noted for people after five minutes, once, and stays kept for the next step that accepts."""
    for statement in (_NOTE_KEPT, _MARK_SHOWN):
        values = {"pause": _SHOW_KEPT_SECONDS * 1_000_000}
        session.execute(sql(session, statement.replace("{long kept}", _LONG_KEPT)), values)
