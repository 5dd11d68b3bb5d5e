"""Looks into mailboxes, beside the runner's rounds: a worker does it, since every installation has one.

Each mail is in the inbox, committed, before it is marked as seen. A lease in the table `mailboxes` keeps other workers
away meanwhile; a worker that dies costs nothing but the rest of its lease.
"""

import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from sqlalchemy.exc import OperationalError, SQLAlchemyError

from app import fetched
from app.channels.arrival import Fetched
from app.channels.contract import ConnectionInfo, FetchFailed
from app.channels.registry import channel_of, channels
from app.db import DatabaseUnavailable
from app.directory import Directory
from app.house import House
from app.mail.imap import LOOK_SECONDS
from app.outgoing import OutgoingError
from app.points import point
from app.runner.threads import Threads
from app.store import mailboxes
from app.store.new_arrival import UnknownNumber

logger = logging.getLogger("patchbay.runner")

_AT_ONCE: Final = 2
_LEASE_SECONDS: Final = 2 * LOOK_SECONDS


class Mailboxes:
    """Looks once a second for mailboxes that are due; its threads do the fetching and the keeping."""

    def __init__(self, house: House, directory: Directory, wake: Callable[[], None]) -> None:
        """`wake` is called in the threads when something came."""
        self._house, self._directory, self._wake = house, directory, wake
        self._kinds = [kind for kind, channel in channels().items() if channel.fetches]
        self._threads = Threads(house.machine, _AT_ONCE, "mailbox")

    def look(self) -> None:
        """Begins to look into what is due, as far as threads are free."""
        if not self._kinds or not (free := self._threads.free()):
            return
        with self._house.database.reading() as session:
            due = mailboxes.due(session, self._kinds)
        for connection_id in due[:free]:
            with self._house.database.transaction() as session:
                numbers = mailboxes.take(session, connection_id, _LEASE_SECONDS)
                connection = self._directory.connection(session, connection_id)
            if numbers is not None:
                self._threads.begin(partial(self._fetch, connection, numbers))

    def close(self) -> None:
        """Starts no more."""
        self._threads.close()

    def _fetch(self, connection: ConnectionInfo, numbers: Sequence[str]) -> None:
        """In a thread."""
        why = ""
        try:
            if not numbers:
                raise FetchFailed("it has no number: add its address under numbers.")
            channel = channel_of(connection.kind)
            channel.fetch(connection, numbers, lambda one: self._keep(connection, one), self._house.http)
        except (FetchFailed, OutgoingError) as error:
            why = str(error)
        except (SQLAlchemyError, DatabaseUnavailable) as error:
            logger.warning("Mail of %s was fetched, but not kept; it is fetched again: %s", connection.name, error)
            return  # the lease ends by itself
        except Exception as error:  # a door: a channel's bug is a failed look, not a dead thread
            logger.exception("The channel broke while %s was looked into.", connection.name)
            why = f"The channel broke: {type(error).__name__}."
        try:
            with self._house.database.transaction() as session:
                if why:
                    before = mailboxes.failures(session, connection.id)
                    mailboxes.failed(session, connection.id, connection.name, why, before)
                else:
                    mailboxes.looked(session, connection.id)
        except (SQLAlchemyError, DatabaseUnavailable):
            logger.warning("That %s was looked into could not be stored.", connection.name)

    def _keep(self, connection: ConnectionInfo, one: Fetched) -> bool:
        """Whether the mail is kept. Raises: what a database raises that is away, and then nothing is marked."""
        channel, limits = channel_of(connection.kind), self._house.limits
        point("mail:before")
        try:
            put = self._house.database.retried(
                lambda session: fetched.keep(session, connection.id, channel, one, limits)
            )
        except (OperationalError, DatabaseUnavailable, UnknownNumber):
            raise
        except Exception as error:  # a door: one mail that cannot be stored must not keep the others out
            logger.exception("The mail %s of %s could not be kept.", one.arrival.provider_id, connection.name)
            with self._house.database.transaction() as session:
                mailboxes.note_unreadable(session, connection.name, type(error).__name__)
            return False
        point("mail:kept")
        if put is not None:
            self._house.lanes.announce(put.conversation_id)
        self._wake()
        return True
