"""What happened in earnest is told again in the words of a test, and such a test may hold it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from flows.event import (
    ApiCalled,
    Attachment,
    CallerHungUp,
    CallPolled,
    CallStarted,
    DialEnded,
    Happening,
    KeysPressed,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    MessageReceived,
    QueueLeft,
    Recorded,
    ScheduleDue,
    TimerFired,
    WebhookReceived,
)
from flows.testing import EVENT_WORDS, retold
from flows.testing.words import the_word

PHOTO = Attachment("image/png", "a.png", file="12")
TOLD: list[tuple[Happening, dict[str, Any] | None]] = [
    (MessageReceived("hello"), {"message": "hello"}),
    (MessageReceived("Yes", choice="yes"), {"message": "Yes", "choice": "yes"}),
    (MessageReceived("", (PHOTO,)), {"message": "", "media": [{"media_type": "image/png", "name": "a.png"}]}),
    (CallStarted("CA1", "+48600100200", "+48221234567"), {"call": "+48600100200"}),
    (KeysPressed(digits="12#"), {"keys": "12#"}),
    (KeysPressed(speech="sales", confidence=0.5), {"speech": "sales"}),
    (KeysPressed(), {"no_input": True}),
    (Recorded("1/0/2", "https://carrier.example/r", 12), {"records": 12}),
    (Recorded("1/0/2"), {"records": 0}),
    (CallerHungUp(31), {"hang_up": True}),
    (DialEnded("busy", 486), {"dial": "busy", "sip_status": 486, "seconds": 0}),
    (TimerFired(), {"passes": "to the time limit"}),
    (MessageFailed("1/0/0", "invalid_recipient"), {"failed": "invalid_recipient"}),
    (QueueLeft("assigned"), {"agent_takes": True}),
    (QueueLeft("closed", "sold"), {"agent_closes": "sold"}),
    (QueueLeft("timed_out"), {"happening": {"kind": "queue_left", "outcome": "timed_out", "result": ""}}),
    (WebhookReceived("A-17", {"paid": True}, "shop"), {"webhook": {"paid": True}}),
    (ApiCalled(3, {"total": Decimal("12.5")}), {"api_call": {"total": 12.5}}),
    (ScheduleDue(3, "every_monday", datetime(2026, 1, 5, 9, tzinfo=UTC)), {"schedule": "every_monday"}),
    (MessageAccepted("1/0/0"), None),
    (MessageDelivered("1/0/0"), None),
    (CallPolled(), None),
]


@pytest.mark.parametrize(("happened", "told"), TOLD)
def test_what_happened_is_told_in_the_words_of_a_test(happened: Happening, told: dict[str, Any] | None) -> None:
    assert retold(happened) == told
    if told is not None:
        assert the_word(EVENT_WORDS, told, "event", "An event")[0] in told
