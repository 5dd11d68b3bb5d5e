"""Tells carriers which addresses to call after a flow was published, beside the runner's rounds.

It may be told twice without harm, so a crash only costs a repetition; the outbox row is the promise that it happens.
"""

import json
import logging
import queue

from app import outbox
from app.directory import Directory
from app.house import House
from app.machine import Mailbox
from app.store import carriers, setbacks
from app.store.marks import mark_sending
from app.store.sends import Settled, settle

logger = logging.getLogger("patchbay.runner")

_EVERY_SECONDS = 1.0
_RECHECK_SECONDS = 60.0  # after a crash in the middle


class Carriers:
    """Looks once a second; one thread does the telling."""

    def __init__(self, house: House, directory: Directory) -> None:
        """Nothing is told yet."""
        self._house, self._directory = house, directory
        self._machine = house.machine
        self._thread = house.machine.pool(1, "carrier")
        self._told: Mailbox = house.machine.mailbox()  # of Settled
        self._looked_at = 0.0

    def look(self) -> None:
        """Settles what was told, and tells what is due."""
        if self._machine.monotonic() - self._looked_at < _EVERY_SECONDS:
            return
        self._looked_at = self._machine.monotonic()
        while (settled := self._told_now()) is not None:
            self._settle(settled)
        with self._house.database.reading() as session:
            found = carriers.due(session)
        if not found:
            return
        with self._house.database.transaction() as session:
            carriers.drop_old(session)
            marked = mark_sending(session, [(one, _RECHECK_SECONDS) for one in found])
            attempts = [
                outbox.Attempt(
                    one,
                    self._directory.connection(session, one.connection_id),
                    self._directory.number(session, one.number_id).value,
                )
                for one in marked.values()
            ]
        for attempt in attempts:
            self._thread.submit(self._tell, attempt)

    def close(self) -> None:
        """Starts no more; what was marked is repeated by another process."""
        self._thread.shutdown(wait=False)

    def _told_now(self) -> Settled | None:
        try:
            settled: Settled = self._told.get_nowait()
        except queue.Empty:
            return None
        return settled

    def _tell(self, attempt: outbox.Attempt) -> None:
        """In the thread."""
        try:
            addresses = json.loads(attempt.unsent.payload)["addresses"]
            settled = outbox.tell_carrier(attempt, addresses, self._house.http)
        except Exception as error:  # a door: a plugin channel's bug is a failed attempt, not a dead thread
            logger.exception("The channel broke while %s was told.", attempt.unsent.key)
            settled = Settled(attempt.unsent, "dead", error=f"The channel broke: {type(error).__name__}.")
        self._told.put(settled)

    def _settle(self, settled: Settled) -> None:
        with self._house.database.transaction() as session:
            if settled.outcome == "dead":
                why = f"The addresses could not be entered at the carrier: {settled.error} Enter them there by hand."
                setbacks.bury(session, settled.unsent, why)
            else:
                settle(session, [settled])
