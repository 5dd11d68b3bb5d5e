"""Hands over e-mails and posts to the team, beside the runner's rounds: whoever is slow there delays no contact."""

import logging
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import letters, outbox
from app.credentials import Credential
from app.db import DatabaseUnavailable, now
from app.directory import MESSAGE_IDS, Directory
from app.house import House
from app.runner.threads import Threads
from app.sealing import SealBroken
from app.store import letters as stored
from app.store.letters import Taken
from app.store.sends import Settled

logger = logging.getLogger("patchbay.runner")

_AT_ONCE: Final = 6  # of up to 18 MiB each, in memory
_OF_ONE_CREDENTIAL: Final = 3  # a server that hangs must leave room for the others
_LOOKED_AT: Final = 50
_AGAIN_AFTER_CRASH_SECONDS: Final = 60.0  # longer than a send may take


class Letters:
    """Looks once a second, and at once after a turn that wrote one; its threads do the handing over."""

    def __init__(self, house: House, directory: Directory, wake: Callable[[], None]) -> None:
        """`wake` is called in the threads when a run may have heard of its letter."""
        self._house, self._directory, self._wake = house, directory, wake
        self._secret = house.key.sign(MESSAGE_IDS, b"")
        self._threads = Threads(house.machine, _AT_ONCE, "letter")

    def hurry(self) -> None:
        """A letter was written just now."""
        self._threads.hurry()

    def look(self) -> None:
        """Begins to hand over what is due, as far as threads are free."""
        if not self._threads.free():
            return
        busy = self._threads.busy()
        full = [credential for credential, count in busy.items() if count >= _OF_ONE_CREDENTIAL]
        with self._house.database.reading() as session:
            due = stored.due(session, _LOOKED_AT, full)
        if chosen := self._chosen(due, busy):
            marking_at = self._house.machine.monotonic()  # before: whoever stands still must find it old
            with self._house.database.transaction() as session:
                taken = stored.take(session, chosen, _AGAIN_AFTER_CRASH_SECONDS)
                ready = [(one, self._post(session, one)) for one in taken if isinstance(one, Taken)]
            for one, post in ready:
                self._threads.begin(partial(self._hand_over, one, post, marking_at), of=one.letter.credential)
            self._finish(*(one for one in taken if isinstance(one, Settled)))

    def close(self) -> None:
        """Starts no more."""
        self._threads.close()

    def _chosen(self, due: list[tuple[int, str]], busy: Counter[str]) -> list[int]:
        chosen: list[int] = []
        for id_, credential in due:
            if busy[credential] < _OF_ONE_CREDENTIAL and busy.total() < _AT_ONCE:
                busy[credential] += 1
                chosen.append(id_)
        return chosen

    def _post(self, session: Session, taken: Taken) -> letters.Post:
        credential: Credential | None = None
        try:
            credential = self._directory.credential(session, taken.letter.credential)
        except SealBroken:
            logger.error("The credential %s cannot be opened: enter it again.", taken.letter.credential)
        return letters.Post(credential, self._secret, self._house.settings.effective_public_url, now(session))

    def _hand_over(self, taken: Taken, post: letters.Post, marked_at: float) -> None:
        """In a thread. A mark must be young when the letter leaves: somebody may have taken over since."""
        try:
            if outbox.is_stale(self._house.machine.monotonic() - marked_at):
                settled = Settled(taken.unsent, "retry")
            else:
                settled = letters.hand_over(taken, post, self._house.http)
        except Exception as error:  # a door: a bug of ours is a letter of unknown outcome, not a dead thread
            logger.exception("The letter %s could not be handed over.", taken.unsent.key)
            settled = Settled(taken.unsent, "unknown", error=f"It broke while it was sent: {type(error).__name__}.")
        self._finish(settled)

    def _finish(self, *settled: Settled) -> None:
        for one in settled:
            try:
                self._house.database.retried(partial(stored.finish, settled=one))
            except (SQLAlchemyError, DatabaseUnavailable):
                logger.warning("What came of the letter %s was not stored; it will be unknown.", one.unsent.key)
        if settled:
            self._wake()
