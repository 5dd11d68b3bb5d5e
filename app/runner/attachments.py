"""Fetches the files of contacts' messages, and recordings of calls, from where the provider keeps them, beside the
runner's rounds.

docs/decisions/attachments.md tells why a worker does it, at once, and not the first who looks.
"""

import logging
from collections.abc import Callable
from functools import partial
from typing import Final

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.channels.contract import FILE_SECONDS, ConnectionInfo
from app.channels.registry import channel_of
from app.db import DatabaseUnavailable
from app.directory import Directory
from app.house import House
from app.outbox import PAUSES_SECONDS
from app.outgoing import OutgoingAnswer, OutgoingError
from app.runner.threads import Threads
from app.store import attachments
from app.store.attachments import Wanted

logger = logging.getLogger("patchbay.runner")

_AT_ONCE: Final = 4  # of 16 MiB each, in memory
_AGAIN_AFTER_CRASH_SECONDS: Final = 2 * FILE_SECONDS
_PAUSES_SECONDS: Final = (2, *PAUSES_SECONDS[1:])  # but for the first as messages are sent
_FINAL: Final = frozenset({"bad_address", "bad_request", "blocked_address", "redirect_refused", "too_large"})


class _NotFetched(Exception):
    """No file came; a final reason stays one however often it is tried."""

    def __init__(self, sentence: str, *, is_final: bool) -> None:
        super().__init__(sentence)
        self.is_final = is_final


class Attachments:
    """Looks once a second for files to fetch; its threads do the fetching and the storing."""

    def __init__(self, house: House, directory: Directory) -> None:
        """Nothing is fetched yet."""
        self._house, self._directory = house, directory
        self._threads = Threads(house.machine, _AT_ONCE, "attachment")

    def look(self) -> None:
        """Begins to fetch what is due, as far as threads are free."""
        if not (free := self._threads.free()):
            return
        with self._house.database.reading() as session:
            due = attachments.due(session, free)
        if not due:
            return
        with self._house.database.transaction() as session:
            taken = attachments.take(session, due, _AGAIN_AFTER_CRASH_SECONDS)
            connections = {one.connection_id: self._directory.connection(session, one.connection_id) for one in taken}
        for one in taken:
            self._threads.begin(partial(self._fetch, one, connections[one.connection_id]))

    def close(self) -> None:
        """Starts no more; what was under way is fetched again by another process."""
        self._threads.close()

    def _fetch(self, wanted: Wanted, connection: ConnectionInfo) -> None:
        """In a thread. What cannot be stored now is fetched again."""
        try:
            self._house.database.retried(self._outcome(wanted, connection))
        except (SQLAlchemyError, DatabaseUnavailable):
            logger.warning("File %d of event %d was fetched, but not stored.", wanted.place, wanted.event_id)
            return
        self._house.lanes.announce(wanted.conversation_id)
        if wanted.recording:
            self._house.lanes.wake("calls")

    def _outcome(self, wanted: Wanted, connection: ConnectionInfo) -> Callable[[Session], None]:
        """What is to be stored of one attempt."""
        try:
            channel = channel_of(connection.kind)
            content = self._content(lambda: channel.fetch_file(connection, wanted.attachment.url, self._house.http))
        except _NotFetched as reason:
            why, is_final = str(reason), reason.is_final
        except Exception as error:  # a door: a channel that is gone, or a plugin's bug, is a failed attempt
            logger.exception("The channel broke while file %d of event %d was fetched.", wanted.place, wanted.event_id)
            why, is_final = f"The channel broke: {type(error).__name__}.", False
        else:
            return lambda session: attachments.keep(session, wanted, content, channel.accepted_files)
        if is_final or wanted.failures >= len(_PAUSES_SECONDS):
            return lambda session: attachments.give_up(session, wanted, why)
        pause = _PAUSES_SECONDS[wanted.failures]
        return lambda session: attachments.retry(session, wanted, why, pause)

    def _content(self, fetch: Callable[[], OutgoingAnswer]) -> bytes:
        try:
            answer = fetch()
        except OutgoingError as error:
            raise _NotFetched(str(error), is_final=error.kind in _FINAL) from None
        if answer.status != 200:
            raise _NotFetched(f"The provider answered with status {answer.status}.", is_final=False)
        return answer.body
