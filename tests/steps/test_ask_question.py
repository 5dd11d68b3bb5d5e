from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flows.ask import Way, WaysToContactAnswer
from flows.composing import SEND_ERRORS
from flows.effect import CancelMessage, Choice, SendMessage
from flows.event import Attachment, Happening, MessageFailed, MessageReceived, TimerFired
from flows.values import Value
from tests.steps.visits import Visit, step_of

QUESTION = {"en": "What is it?"}
CHOICES = {
    "kind": "choice",
    "choices": [
        {"id": "buy", "label": {"en": "Buying", "pl": "Zakup"}},
        {"id": "repair", "label": {"en": "A repair"}, "phrases": ["broken", "nie działa"]},
    ],
}
PICTURE = Attachment("image/png", "a.png", url="https://example.com/a.png")


def question(answer: Mapping[str, Any], **more: Any) -> Mapping[str, Any]:
    return {"text": QUESTION, "answer": answer, "variable": "x", "attempts": 1, **more}


ACCEPTED: list[tuple[Mapping[str, Any], str | MessageReceived, Value]] = [
    ({"kind": "text"}, " a b ", "a b"),
    ({"kind": "text", "shortest": 2, "longest": 3}, "abc", "abc"),
    ({"kind": "text", "pattern": "[A-Z]{2}\\d+"}, "PB10482", "PB10482"),
    ({"kind": "number"}, "12", Decimal(12)),
    ({"kind": "number"}, "12,50", Decimal("12.50")),
    ({"kind": "number"}, "1,250", Decimal(1250)),
    ({"kind": "number"}, "1 250.75", Decimal("1250.75")),
    ({"kind": "number", "minimum": 0.1, "maximum": 5}, "0.1", Decimal("0.1")),
    ({"kind": "date"}, "2026-11-21", date(2026, 11, 21)),
    ({"kind": "date"}, "21.11.2026", date(2026, 11, 21)),
    ({"kind": "date"}, "3/4/2026", date(2026, 4, 3)),
    ({"kind": "date", "order": "month"}, "3/4/2026", date(2026, 3, 4)),
    ({"kind": "date", "earliest": "{{ now }}"}, "2026-11-21", date(2026, 11, 21)),
    ({"kind": "email"}, "anna@Example.com", "anna@example.com"),
    ({"kind": "phone", "country": "PL"}, "500-100-100", "+48500100100"),
    ({"kind": "phone"}, "+1 212 555 0100", "+12125550100"),
    ({"kind": "phone"}, "500 100 200", "+48500100200"),  # the country of the contact's own number
    ({"kind": "location"}, "52.2297, 21.0122", {"latitude": Decimal("52.2297"), "longitude": Decimal("21.0122")}),
    ({"kind": "location"}, "geo:52.2297,21.0122", {"latitude": Decimal("52.2297"), "longitude": Decimal("21.0122")}),
    (
        {"kind": "location"},
        "https://maps.google.com/?q=52.2297,21.0122",
        {"latitude": Decimal("52.2297"), "longitude": Decimal("21.0122")},
    ),
    (
        {"kind": "media", "files": "image"},
        MessageReceived("", (PICTURE,)),
        [{"type": "image/png", "name": "a.png", "url": "https://example.com/a.png"}],
    ),
]


@pytest.mark.parametrize(("answer", "said", "value"), ACCEPTED)
def test_an_answer_that_fits_is_kept_with_its_type(
    answer: Mapping[str, Any], said: str | MessageReceived, value: Value
) -> None:
    message = said if isinstance(said, MessageReceived) else MessageReceived(said)
    visit = Visit("ask_question", question(answer), {"phone": "+48500100100"}).feed(message)
    assert (visit.left_by, visit.sets) == ("reply", {"x": value})


REFUSED: list[tuple[Mapping[str, Any], str | MessageReceived]] = [
    ({"kind": "text", "shortest": 2}, "a"),
    ({"kind": "text", "longest": 2}, "abc"),
    ({"kind": "text", "pattern": "[a-z]+"}, "abc1"),
    ({"kind": "text"}, "   "),
    ({"kind": "number"}, "twelve"),
    ({"kind": "number"}, "1.2.3"),
    ({"kind": "number"}, "9" * 100),
    ({"kind": "number", "minimum": 1}, "0.99"),
    ({"kind": "number", "maximum": 1}, "1.01"),
    ({"kind": "number", "whole": True}, "1.5"),
    ({"kind": "date"}, "31.02.2026"),
    ({"kind": "date"}, "tomorrow"),
    ({"kind": "date", "earliest": "{{ now }}"}, "2026-11-20"),
    ({"kind": "date", "latest": "2026-12-31"}, "2027-01-01"),
    ({"kind": "email"}, "anna@example"),
    ({"kind": "email"}, "anna example.com"),
    ({"kind": "phone", "country": "PL"}, "12"),
    ({"kind": "phone", "country": "PL"}, "call me"),
    ({"kind": "location"}, "at home"),
    ({"kind": "location"}, "95.0, 10.0"),
    ({"kind": "media"}, "here it is"),
    ({"kind": "media", "files": "audio"}, MessageReceived("", (PICTURE,))),
    (CHOICES, "neither"),
    (CHOICES, "3"),
]


@pytest.mark.parametrize(("answer", "said"), REFUSED)
def test_an_answer_that_does_not_fit_is_invalid(answer: Mapping[str, Any], said: str | MessageReceived) -> None:
    message = said if isinstance(said, MessageReceived) else MessageReceived(said)
    visit = Visit("ask_question", question(answer)).feed(message)
    assert (visit.left_by, visit.sets) == ("invalid", {})
    assert visit.why["not_accepted"]


CHOSEN: list[tuple[MessageReceived, str]] = [
    (MessageReceived("Buying", choice="buy"), "buy"),
    (MessageReceived("whatever", choice="repair"), "repair"),
    (MessageReceived(" BUYING "), "buy"),
    (MessageReceived("zakup"), "buy"),
    (MessageReceived("1"), "buy"),
    (MessageReceived("2"), "repair"),
    (MessageReceived("My printer is broken!"), "repair"),
    (MessageReceived("Drukarka nie działa"), "repair"),
]


@pytest.mark.parametrize(("message", "left_by"), CHOSEN)
def test_a_choice_is_known_by_button_label_position_or_words(message: MessageReceived, left_by: str) -> None:
    visit = Visit("ask_question", question(CHOICES)).feed(message)
    assert (visit.left_by, visit.sets) == (left_by, {"x": left_by})


LEAVES: list[tuple[Sequence[Happening], str | None, str | None]] = [
    ([], None, None),
    ([TimerFired()], "timed_out", None),
    ([MessageFailed("other/0/0", "opted_out")], None, None),
    ([MessageFailed("other/0/0", "opted_out"), MessageReceived("5")], "reply", None),
    *[([MessageFailed("example/0/0", kind)], "failure", kind) for kind in SEND_ERRORS],
    ([MessageReceived("x"), MessageFailed("example/1/0", "opted_out")], "failure", "opted_out"),
    ([MessageReceived("x"), MessageFailed("example/0/0", "opted_out")], None, None),  # the first one is history
    ([MessageReceived("x"), MessageReceived("5")], "reply", None),
    ([MessageReceived("x"), MessageReceived("y"), MessageReceived("z")], "invalid", None),
    ([MessageReceived("x"), MessageReceived("y"), TimerFired()], "timed_out", None),
]


@pytest.mark.parametrize(("turns", "left_by", "kind"), LEAVES)
def test_a_question_leaves_when_it_is_answered_failed_or_over(
    turns: Sequence[Happening], left_by: str | None, kind: str | None
) -> None:
    visit = Visit("ask_question", question({"kind": "number"}, attempts=3)).feed_all(turns)
    assert (visit.left_by, visit.error) == (left_by, kind)


@pytest.mark.parametrize("pattern", ["[", "(a|aa)+$" * 2])
def test_a_pattern_that_cannot_be_checked_is_a_failure_not_a_wrong_answer(pattern: str) -> None:
    visit = Visit("ask_question", question({"kind": "text", "pattern": pattern}))
    visit.feed(MessageReceived("a" * 4_000 + "b"))
    assert (visit.left_by, visit.error) == ("failure", "parse_failed")


def test_a_question_waits_as_long_as_it_says_from_when_it_was_sent_and_joins_messages() -> None:
    visit = Visit("ask_question", question(CHOICES, time_limit_seconds=60, joining_seconds=4, attempts=2))
    for _ in range(2):
        waiting = visit.run.waiting
        assert waiting is not None
        assert (waiting.accepts, waiting.until) == (("message", "failed"), None)
        assert (waiting.limit_seconds, waiting.send_seconds, waiting.joining_seconds) == (60, 600, 4)
        visit.feed(MessageReceived("?"))
    assert visit.left_by == "invalid"
    assert step_of("ask_question").effective_limit(visit.config) == 2 * (600 + 60)


def test_the_retry_text_is_asked_with_the_same_choices() -> None:
    visit = Visit("ask_question", question(CHOICES, attempts=2, retry_text={"en": "One of these, please."}))
    visit.feed(MessageReceived("?"))
    buttons = (Choice("buy", "Buying"), Choice("repair", "A repair"))
    assert visit.effects == [
        SendMessage("What is it?", choices=buttons, language="en"),
        SendMessage("One of these, please.", choices=buttons, language="en"),
    ]


def test_a_question_nobody_got_does_not_reach_the_contact_after_its_time() -> None:
    visit = Visit("ask_question", question({"kind": "text"})).feed(TimerFired())
    assert visit.effects[-1] == CancelMessage("example/0/0")


def test_a_question_is_asked_by_the_next_number_and_asked_again_by_the_same() -> None:
    config = question({"kind": "number"}, channel="listed", numbers=["sms", "whatsapp"], attempts=2)
    visit = Visit("ask_question", config).feed(WaysToContactAnswer((Way("sms"), Way("whatsapp"))))
    visit.feed_all([MessageFailed("example/0/0", "opted_out", "STOP"), MessageReceived("x"), MessageReceived("5")])
    numbers = [effect.number for effect in visit.effects if isinstance(effect, SendMessage)]
    assert numbers == ["sms", "whatsapp", "whatsapp"]
    assert (visit.left_by, visit.sets) == ("reply", {"x": Decimal(5)})


def test_a_question_that_no_number_can_ask_fails_by_name() -> None:
    config = question({"kind": "text"}, channel="listed", numbers=["sms", "whatsapp"])
    gone = Way("sms", "channel_disconnected", "There is no number “sms”.")
    visit = Visit("ask_question", config).feed(WaysToContactAnswer((gone,)))
    assert (visit.left_by, visit.error, visit.effects) == ("failure", "channel_disconnected", [])
    visit = Visit("ask_question", config).feed(WaysToContactAnswer((Way("sms"),)))
    visit.feed(MessageFailed("example/0/0", "opted_out"))
    assert (visit.left_by, visit.error) == ("failure", "opted_out")


def test_a_question_that_was_not_taken_in_time_is_taken_back_with_the_failure() -> None:
    visit = Visit("ask_question", question({"kind": "text"})).feed(MessageFailed("example/0/0", "send_timeout"))
    assert (visit.left_by, visit.error) == ("failure", "send_timeout")
    assert visit.effects[-1] == CancelMessage("example/0/0")


def test_an_empty_question_is_not_asked() -> None:
    visit = Visit("ask_question", {"text": {"en": "{{ nobody }}"}, "answer": {"kind": "text"}})
    assert (visit.left_by, visit.error, visit.effects) == ("failure", "empty_text", [])


def test_the_exits_and_variables_of_choices_are_theirs() -> None:
    step = step_of("ask_question")
    config = question(CHOICES)
    assert [way.id for way in step.exits(config)] == ["buy", "repair", "invalid", "timed_out"]
    assert list(step.variables(config)) == [("x", "text", ["buy", "repair"])]
    assert list(step.variables(question({"kind": "number"}))) == [("x", "number", ["reply"])]
    taken = {"kind": "choice", "choices": [{"id": "invalid", "label": {"en": "a"}}]}
    assert [problem.code for problem in step.problems(question(taken))] == ["exit_twice"]
    for pattern, codes in (("[A-Z]{2}", []), ("[A-Z", ["bad_pattern"])):
        answer = {"kind": "text", "pattern": pattern}
        assert [problem.code for problem in step.problems(question(answer))] == codes
