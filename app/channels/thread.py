"""What goes on in a thread of mails."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final


@dataclass(frozen=True)
class Thread:
    """What a message goes on with, for channels with threads: the conversation's reference and its latest message."""

    reference: str = ""
    subject: str = ""
    in_reply_to: str = ""  # the contact's latest message id
    references: str = ""  # those before it
    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)  # when our message leaves


NO_THREAD: Final = Thread()
