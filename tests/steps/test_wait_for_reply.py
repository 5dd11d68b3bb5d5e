"""Waiting for a reply: what counts as one, what is passed over, and for how long."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from flows.event import Attachment, Event, MessageReceived, TimerFired
from flows.step import Wait
from tests.steps.visits import Visit, context_of, facts_of, step_of

PHOTO = Attachment("image/jpeg")
PDF = Attachment("application/pdf")
VOICE = Attachment("audio/ogg")


@pytest.mark.parametrize(
    ("accepts", "message", "way"),
    [
        ([], MessageReceived("hi"), "reply"),
        ([], MessageReceived(""), "reply"),
        (["text"], MessageReceived("hi"), "reply"),
        (["text"], MessageReceived("", media=(PHOTO,)), None),
        (["text"], MessageReceived("look", media=(PHOTO,)), "reply"),
        (["image"], MessageReceived("look", media=(PHOTO,)), "reply"),
        (["image"], MessageReceived("", media=(PDF,)), None),
        (["document"], MessageReceived("", media=(PDF,)), "reply"),
        (["audio", "video"], MessageReceived("", media=(VOICE,)), "reply"),
        (["button"], MessageReceived("Yes", choice="yes"), "reply"),
        (["button"], MessageReceived("Yes"), None),
    ],
)
def test_a_message_of_a_kind_that_counts_is_the_reply(accepts: list[str], message: MessageReceived, way: Any) -> None:
    config = {"accepts": accepts} if accepts else {}
    assert Visit("wait_for_reply", config).feed(message).left_by == way


def test_what_is_passed_over_gives_no_more_time() -> None:
    visit = Visit("wait_for_reply", {"accepts": ["image"], "time_limit_seconds": 600})
    assert visit.run.waiting is not None
    assert visit.run.waiting.limit_seconds == 600
    visit.feed(MessageReceived("soon"))  # a minute later
    visit.feed(MessageReceived("now"))
    assert visit.run.waiting is not None
    assert visit.run.waiting.limit_seconds == 480
    assert visit.why == {"passed_over": ["text"]}
    assert visit.feed(TimerFired()).left_by == "timed_out"


def test_a_contact_whose_time_began_later_than_the_wait_is_not_cut_off() -> None:
    visit = Visit("wait_for_reply", {"accepts": ["image"], "time_limit_seconds": 100})
    limits = []
    for _ in range(3):  # a minute each, while our own message leaves in the morning only
        visit.feed(MessageReceived("soon"))
        assert visit.run.waiting is not None
        limits.append(visit.run.waiting.limit_seconds)
    assert limits == [40, 100, 40]


@pytest.mark.parametrize(("came_seconds", "limits"), [(90, 0), (100, 100), (130, 100)])
def test_what_came_within_the_limit_and_was_taken_after_it_begins_no_new_one(came_seconds: int, limits: float) -> None:
    config = {"accepts": ["image"], "time_limit_seconds": 100, "joining_seconds": 60}
    entered = context_of(config)
    step = step_of("wait_for_reply")
    began = step.run(entered)
    assert isinstance(began, Wait)
    came = entered.now + timedelta(seconds=came_seconds)
    event = Event(MessageReceived("", media=(PDF,)), came, came + timedelta(seconds=60), facts_of(), "e")
    waits = step.resume(replace(entered, kept=began.keep, event=event), event)
    assert isinstance(waits, Wait)
    assert waits.limit_seconds == limits


def test_messages_are_joined_and_the_text_is_kept_where_the_author_wants() -> None:
    visit = Visit("wait_for_reply", {"joining_seconds": 5, "variable": "said"})
    assert visit.run.waiting is not None
    assert visit.run.waiting.joining_seconds == 5
    assert visit.feed(MessageReceived("one\ntwo")).sets == {"said": "one\ntwo"}
    step = step_of("wait_for_reply")
    assert step.summary({"accepts": ["image", "text"], "variable": "said"}) == "pictures, texts → said"
    assert step.effective_limit({}) == 86_400
