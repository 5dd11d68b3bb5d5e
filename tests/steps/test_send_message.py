from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flows.ask import Answer, Way, WaysToContact, WaysToContactAnswer
from flows.composing import SEND_ERRORS
from flows.effect import CancelMessage, Choice, Pause, SendMessage
from flows.event import (
    Attachment,
    CallPolled,
    Happening,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    TimerFired,
)
from tests.steps.visits import NOW, Visit, step_of

HELLO: Mapping[str, Any] = {"text": {"en": "Hello", "pl": "Cześć"}}
DELIVERED = {**HELLO, "wait_for": "delivered"}
UNFILLED = {"name": "t", "variables": [{"name": "1", "value": "{{ nobody }}"}]}
OURS, OTHERS = "example/0/0", "other/0/0"

LEAVES: list[tuple[Mapping[str, Any], Sequence[Happening], str | None, str | None]] = [
    (HELLO, [], None, None),
    (HELLO, [MessageAccepted(OURS)], "success", None),
    (HELLO, [MessageDelivered(OURS)], "success", None),  # callbacks come in any order
    (HELLO, [MessageAccepted(OTHERS)], None, None),
    (HELLO, [MessageFailed(OTHERS, "opted_out")], None, None),
    (HELLO, [MessageAccepted(OTHERS), MessageAccepted(OURS)], "success", None),
    (HELLO, [TimerFired()], "failure", "send_timeout"),
    ({**HELLO, "wait_for": "nothing"}, [], "success", None),
    (DELIVERED, [MessageAccepted(OURS)], None, None),
    (DELIVERED, [MessageAccepted(OURS), MessageDelivered(OURS)], "success", None),
    (DELIVERED, [MessageDelivered(OURS)], "success", None),
    (DELIVERED, [MessageAccepted(OURS), MessageFailed(OURS, "invalid_recipient")], "not_delivered", None),
    (DELIVERED, [MessageAccepted(OURS), TimerFired()], "not_delivered", None),
    (DELIVERED, [MessageFailed(OURS, "invalid_recipient")], "failure", "invalid_recipient"),
    (DELIVERED, [TimerFired()], "failure", "send_timeout"),
    ({"text": {"en": "{{ contact.nickname }}"}}, [], "failure", "empty_text"),
    ({}, [], "failure", "empty_text"),
    ({"text": {"en": "{{ long }}{{ long }}"}}, [], "failure", "too_large"),
    ({**HELLO, "media": [{"url": "map.png", "media_type": "image/png"}]}, [], "failure", "media_unreachable"),
    ({**HELLO, "template": UNFILLED}, [], "failure", "expression_error"),
    *[(HELLO, [MessageFailed(OURS, kind)], "failure", kind) for kind in SEND_ERRORS],
    (HELLO, [MessageFailed(OURS, "63016", "Outside")], "failure", "provider_code"),
]


@pytest.mark.parametrize(("config", "turns", "left_by", "kind"), LEAVES)
def test_a_message_leaves_by_its_fate(
    config: Mapping[str, Any], turns: Sequence[Happening], left_by: str | None, kind: str | None
) -> None:
    visit = Visit("send_message", config, variables={"long": "x" * 6_000}).feed_all(turns)
    assert (visit.left_by, visit.error) == (left_by, kind)


def test_a_message_the_provider_did_not_take_in_time_is_cancelled_with_the_failure() -> None:
    visit = Visit("send_message", HELLO).feed(TimerFired())
    assert visit.effects == [SendMessage("Hello", language="en"), CancelMessage(OURS)]
    assert visit.run.error["retryable"] is True


def test_nothing_is_sent_by_half() -> None:
    assert (
        Visit("send_message", {"text": {"en": "{{ long }}{{ long }}"}}, variables={"long": "x" * 6_000}).effects == []
    )


def test_everything_a_message_can_carry_goes_with_it() -> None:
    config = {
        "text": {"en": "Hello {{ contact.name }}"},
        "wait_for": "nothing",
        "buttons": [{"id": "yes", "label": {"en": "Yes, {{ contact.name }}"}}],
        "media": [{"url": "https://example.com/{{ contact.name }}.png", "media_type": "image/png", "name": "a.png"}],
        "template": {
            "name": "welcome",
            "language": "en_GB",
            "variables": [{"name": "1", "value": "{{ contact.name }}"}],
        },
    }
    assert Visit("send_message", config, {"name": "Anna"}).effects == [
        SendMessage(
            "Hello Anna",
            media=(Attachment("image/png", "a.png", url="https://example.com/Anna.png"),),
            choices=(Choice("yes", "Yes, Anna"),),
            template="welcome",
            template_variables={"1": "Anna"},
            language="en_GB",
        )
    ]


def test_a_caller_hears_silence_while_the_message_goes_out_and_the_limit_stays() -> None:
    visit = Visit("send_message", HELLO, on_call=True)
    first = visit.run.waiting
    assert first is not None
    assert "poll" in first.accepts
    again = visit.feed(CallPolled()).run.waiting
    assert again is not None
    assert again.until == first.until
    assert visit.effects == [SendMessage("Hello", language="en"), Pause(1), Pause(1)]
    assert visit.feed(MessageAccepted(OURS)).left_by == "success"


LISTED = {**HELLO, "channel": "listed", "numbers": ["chat", "sms", "whatsapp"]}
NOT_BY_CHAT = Way("chat", "invalid_recipient", "They never were there.")
OPEN = WaysToContactAnswer((NOT_BY_CHAT, Way("sms"), Way("whatsapp")))
NONE = WaysToContactAnswer((NOT_BY_CHAT, Way("sms", "opted_out", "They said STOP.")))
SECOND = "example/1/0"
GOES_BY: list[tuple[Mapping[str, Any], Sequence[Happening | Answer], list[str], str | None, str | None]] = [
    (LISTED, [OPEN], ["sms"], None, None),
    (LISTED, [OPEN, MessageAccepted(OURS)], ["sms"], "success", None),
    (LISTED, [OPEN, MessageFailed(OURS, "outside_24h_window")], ["sms", "whatsapp"], None, None),
    (LISTED, [OPEN, MessageFailed(OURS, "x"), MessageAccepted(SECOND)], ["sms", "whatsapp"], "success", None),
    (
        LISTED,
        [OPEN, MessageFailed(OURS, "x"), MessageFailed(SECOND, "opted_out")],
        ["sms", "whatsapp"],
        "failure",
        "opted_out",
    ),
    (LISTED, [OPEN, TimerFired(), MessageAccepted(SECOND)], ["sms", "whatsapp"], "success", None),
    (LISTED, [OPEN, TimerFired(), TimerFired()], ["sms", "whatsapp"], "failure", "send_timeout"),
    (LISTED, [NONE], [], "failure", "invalid_recipient"),
    ({**LISTED, "numbers": []}, [WaysToContactAnswer()], [], "failure", "channel_disconnected"),
    ({**LISTED, "wait_for": "nothing"}, [OPEN], ["sms"], "success", None),
    (
        {**LISTED, "wait_for": "delivered"},
        [OPEN, MessageAccepted(OURS), MessageFailed(OURS, "provider_code")],
        ["sms", "whatsapp"],
        None,
        None,
    ),
    (
        {**LISTED, "wait_for": "delivered"},
        [OPEN, MessageAccepted(OURS), TimerFired(), MessageAccepted("example/2/0"), TimerFired()],
        ["sms", "whatsapp"],
        "not_delivered",
        None,
    ),
    ({**HELLO, "channel": "preferred"}, [OPEN, MessageFailed(OURS, "x")], ["sms"], "failure", "provider_code"),
    ({**HELLO, "channel": "preferred"}, [NONE, MessageAccepted(OURS)], [""], "success", None),
    ({**HELLO, "channel": "preferred"}, [WaysToContactAnswer(), MessageAccepted(OURS)], [""], "success", None),
]


@pytest.mark.parametrize(("config", "turns", "numbers", "left_by", "kind"), GOES_BY)
def test_a_message_goes_by_the_first_number_that_reaches_the_contact_then_by_the_next(
    config: Mapping[str, Any],
    turns: Sequence[Happening | Answer],
    numbers: list[str],
    left_by: str | None,
    kind: str | None,
) -> None:
    visit = Visit("send_message", config).feed_all(turns)
    assert [effect.number for effect in visit.effects if isinstance(effect, SendMessage)] == numbers
    assert (visit.left_by, visit.error) == (left_by, kind)


def test_a_number_given_up_is_told_in_the_trace_and_its_message_taken_back() -> None:
    visit = Visit("send_message", LISTED).feed_all([OPEN, TimerFired()])
    assert visit.why["goes_on_because"]["kind"] == "send_timeout"
    assert CancelMessage(OURS) in visit.effects
    visit = Visit("send_message", LISTED).feed_all([OPEN, MessageFailed(OURS, "opted_out", "STOP")])
    assert visit.why["goes_on_because"] == {"kind": "opted_out", "message": "STOP"}


def test_what_was_asked_about_the_numbers_and_told_is_in_the_trace() -> None:
    visit = Visit("send_message", LISTED)
    assert visit.asked == WaysToContact("", ("chat", "sms", "whatsapp"))
    ((asked,),) = [entry["asks"] for entry in [visit.feed(NONE).entry]]
    assert asked["answer"]["ways"][1] == {"number": "sms", "error": "opted_out", "message": "They said STOP."}
    assert visit.message == "They never were there. They said STOP."


@pytest.mark.parametrize(
    ("config", "codes"),
    [
        (HELLO, []),
        (LISTED, []),
        ({**HELLO, "channel": "listed"}, ["numbers_missing"]),
        ({**HELLO, "numbers": ["sms"]}, ["numbers_unused"]),
    ],
)
@pytest.mark.parametrize("kind", ["send_message", "ask_question"])
def test_a_list_of_numbers_that_cannot_work_is_a_finding(
    kind: str, config: Mapping[str, Any], codes: list[str]
) -> None:
    assert [problem.code for problem in step_of(kind).problems(config)] == codes


@pytest.mark.parametrize(
    ("config", "seconds"),
    [
        ({"wait_for": "nothing"}, None),
        ({}, 600),
        ({"wait_for": "delivered"}, 4_200),
        ({"send_timeout_seconds": 30}, 30),
        ({"wait_for": "accepted", "channel": "listed", "numbers": ["a", "b"]}, 1_200),
    ],
)
def test_the_longest_wait_is_known_beforehand(config: Mapping[str, Any], seconds: float | None) -> None:
    assert step_of("send_message").effective_limit({**HELLO, **config}) == seconds
    if seconds is not None and "wait_for" not in config:
        waiting = Visit("send_message", {**HELLO, **config}).run.waiting
        assert waiting is not None
        assert waiting.until is not None
        assert (waiting.until - NOW).total_seconds() == seconds
