"""The test of a connection: all that its channel can look at, within 20 seconds, and no secret in what is told."""

import logging
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from app.channels.checks import Check, OwnNumber
from app.channels.contract import ChannelError, ConnectionInfo
from app.channels.registry import channel_of
from app.outgoing import Deadline, Guarded, OutgoingAnswer, OutgoingError, OutgoingRequest, TimedOut, TimedSocket
from app.scrubbing import Scrubber

logger = logging.getLogger("patchbay.connections")

TEST_SECONDS: Final = 20.0  # whoever pressed the button waits for it
_MOST_CHECKS: Final = 200


def checked(connection: ConnectionInfo, numbers: Sequence[OwnNumber], http: Guarded) -> list[Check]:
    """All checks of a connection, in the order in which they were made. Never raises for what others do."""
    found: list[Check] = []
    try:
        for check in channel_of(connection.kind).checks(connection, numbers, InTime(http, TEST_SECONDS)):
            found.append(check)
            if len(found) == _MOST_CHECKS:
                break
    except (ChannelError, OutgoingError) as error:
        found.append(Check("rest", "unknown", f"{error} So the rest was not looked at.", "Test again in a minute."))
    except Exception as error:  # a door: a plugin channel's bug is a sentence here, not a broken page
        logger.exception("The checks of %s broke.", connection.name)
        sentence = f"The channel {connection.kind} broke while it looked: {type(error).__name__}."
        found.append(Check("rest", "unknown", sentence, "Tell whoever wrote the channel; the log has more."))
    hide = Scrubber(connection.secrets.values()).scrub
    return [replace(one, sentence=hide(one.sentence), mend=hide(one.mend)) for one in found]


class InTime:
    """The guarded client, all of whose requests together end in time."""

    def __init__(self, http: Guarded, seconds: float) -> None:
        self._http, self._ends_at = http, time.monotonic() + seconds

    def send(self, request: OutgoingRequest) -> OutgoingAnswer:
        """Performs one request in what is left of the time. Raises: OutgoingError."""
        return self._http.send(replace(request, timeout_seconds=min(request.timeout_seconds, self._left())))

    def open_line(self, host: str, port: int, deadline: Deadline, *, tls: bool) -> TimedSocket:
        """A line, opened in what is left of the time. Raises: OutgoingError."""
        self._left()
        return self._http.open_line(host, port, deadline, tls=tls)

    def secure(self, line: TimedSocket, host: str) -> None:
        """As the client."""
        self._http.secure(line, host)

    def is_allowed(self, host: str, port: int) -> bool:
        """As the client."""
        return self._http.is_allowed(host, port)

    def _left(self) -> float:
        left = self._ends_at - time.monotonic()
        if left <= 0:
            raise TimedOut("The time for all of it was over.")
        return left
