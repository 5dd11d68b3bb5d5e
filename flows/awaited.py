"""The words by which a wait says what it accepts."""

from typing import Final

from flows.event import (
    CallerHungUp,
    CallPolled,
    DialEnded,
    Happening,
    KeysPressed,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    Recorded,
    RecordingLost,
    RecordingStored,
    WebhookReceived,
)

# One for each happening a step may wait for. TimerFired belongs to every wait with a limit; FlowCalled and FlowEnded
# come from inside: none of them stands here. Whoever accepts CallerHungUp holds the end of the call back: what the flow
# does after it begins when the run next waits for something else.
ACCEPTABLE: Final[dict[str, type]] = {
    "message": MessageReceived,
    "keys": KeysPressed,
    "poll": CallPolled,
    "dial": DialEnded,
    "recorded": Recorded,
    "stored": RecordingStored,
    "lost": RecordingLost,
    "hang_up": CallerHungUp,
    "accepted": MessageAccepted,
    "delivered": MessageDelivered,
    "failed": MessageFailed,
    "queue": QueueLeft,
    "webhook": WebhookReceived,
}


def wait_word(happened: Happening) -> str | None:
    """The word a Wait would accept this happening by, or None when no wait can name it."""
    return next((word for word, kind in ACCEPTABLE.items() if isinstance(happened, kind)), None)
