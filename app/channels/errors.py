"""What a channel may raise, whoever wrote it."""


class ChannelError(Exception):
    """The root of what a channel may raise.

    ChannelError
    ├── Unsigned        a webhook whose signature is missing or wrong
    ├── Unreadable      a webhook that is signed but cannot be understood
    ├── FetchFailed     the provider did not let us fetch
    └── SendFailed      the provider refused a message
    """


class Unsigned(ChannelError):
    """The webhook is not from the provider; nothing of it may be used."""


class Unreadable(ChannelError):
    """The webhook is signed, but something in it is missing or wrong; the message says what."""


class FetchFailed(ChannelError):
    """The provider refuses us, or cannot be understood; the message is for the operator."""


class SendFailed(ChannelError):
    """The provider answered that it does not take the message.

    `kind` is an error kind of send_message; a final failure is not repeated; `retry_after_seconds` is the provider's
    wish (429), which holds for the whole number when `whole_number` is True.
    """

    def __init__(
        self, kind: str, message: str, *, final: bool, retry_after_seconds: float = 0, whole_number: bool = False
    ) -> None:
        """An error kind, a sentence, and whether another attempt makes sense."""
        super().__init__(message)
        self.kind, self.final = kind, final
        self.retry_after_seconds, self.whole_number = retry_after_seconds, whole_number
