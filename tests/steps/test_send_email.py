from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flows.effect import CancelMessage, Pause, SendEmail
from flows.event import Attachment, CallPolled, Happening, MessageAccepted, MessageFailed, TimerFired
from flows.values import Value
from tests.steps.visits import Visit, step_of

MAIL: Mapping[str, Any] = {
    "credential": "mail",
    "to": ["{{ contact.email }}"],
    "subject": {"en": "Order", "pl": "Zamówienie"},
    "text": {"en": "Hello {{ contact.name }}", "pl": "Cześć {{ contact.name }}"},
}
ANNA = {"name": "Anna", "email": "anna@example.com"}
OURS, OTHERS = "example/0/0", "other/0/0"
HASH = "a" * 64
ERRORS = step_of("send_email").errors

LEAVES: list[tuple[Mapping[str, Any], Sequence[Happening], str | None, str | None]] = [
    ({}, [], None, None),
    ({}, [MessageAccepted(OURS)], "success", None),
    ({}, [MessageAccepted(OTHERS)], None, None),
    ({}, [MessageFailed(OTHERS, "bounced")], None, None),
    ({}, [TimerFired()], "failure", "send_timeout"),
    *[({}, [MessageFailed(OURS, kind)], "failure", kind) for kind in ERRORS],
    ({}, [MessageFailed(OURS, "nonsense", "451 Later")], "failure", "provider_code"),
    ({"to": ["anna"]}, [], "failure", "invalid_recipient"),
    ({"to": ["a@example.com, b@example.com"]}, [], "failure", "invalid_recipient"),
    ({"to": ["a@example.com\nBcc: b@example.com"]}, [], "failure", "invalid_recipient"),
    ({"bcc": ["{{ contact.name }}"]}, [], "failure", "invalid_recipient"),
    ({"cc": ["{{ contact.boss }}"]}, [], "failure", "expression_error"),
    ({"subject": {"en": "a\r\nBcc: b@example.com"}}, [], "failure", "header_invalid"),
    ({"subject": {"en": "a\u2028b"}}, [], "failure", "header_invalid"),
    ({"text": {"en": "{{ contact.nickname }}"}}, [], "failure", "empty_text"),
    ({"text": {"en": "{{ long }}{{ long }}"}}, [], "failure", "too_large"),
    ({"files": [{"recording": "{{ recording }}"}]}, [], "failure", "media_unreachable"),
    ({"files": [{"recording": "7"}]}, [], "failure", "media_unreachable"),
    ({"files": [{"recording": "{{ recorded }}"}]}, [MessageAccepted(OURS)], "success", None),
]


def visit(changes: Mapping[str, Any], **more: Any) -> Visit:
    recorded: Value = {"file": HASH, "media_type": "audio/wav"}
    return Visit("send_email", {**MAIL, **changes}, ANNA, {"long": "x" * 6_000, "recorded": recorded}, **more)


@pytest.mark.parametrize(("changes", "turns", "left_by", "kind"), LEAVES)
def test_an_e_mail_leaves_by_its_fate(
    changes: Mapping[str, Any], turns: Sequence[Happening], left_by: str | None, kind: str | None
) -> None:
    made = visit(changes).feed_all(turns)
    assert (made.left_by, made.error) == (left_by, kind)
    if left_by == "failure" and not turns:
        assert made.effects == []  # nothing is sent by half


def test_one_that_is_not_taken_in_time_is_cancelled_with_the_failure() -> None:
    made = visit({}).feed(TimerFired())
    assert made.effects == [SendEmail("mail", ("anna@example.com",), "Order", "Hello Anna"), CancelMessage(OURS)]
    assert made.run.error["retryable"] is True


def test_every_address_gets_it_once_and_files_are_named_by_their_hash() -> None:
    files = [{"file": HASH, "name": "map.png"}, {"recording": "{{ recorded }}", "name": "message.wav"}]
    made = visit({"to": ["Anna@EXAMPLE.com", "Anna@example.com"], "cc": ["bob@example.com"], "files": files})
    (letter,) = made.effects
    assert isinstance(letter, SendEmail)
    assert (letter.to, letter.cc) == (("Anna@example.com",), ("bob@example.com",))
    kind = "application/octet-stream"
    assert letter.media == (Attachment(kind, "map.png", file=HASH), Attachment(kind, "message.wav", file=HASH))


def test_a_value_in_html_is_text_and_the_authors_words_are_not() -> None:
    html = {"en": '<a title="{{ contact.name }}">{{ contact.name }}</a>'}
    made = Visit("send_email", {**MAIL, "html": html}, {**ANNA, "name": "\"><script>'&"})
    (letter,) = made.effects
    assert isinstance(letter, SendEmail)
    assert letter.html == '<a title="&quot;&gt;&lt;script&gt;&#x27;&amp;">&quot;&gt;&lt;script&gt;&#x27;&amp;</a>'


def test_on_a_call_the_carrier_hears_silence_meanwhile() -> None:
    made = visit({}, on_call=True)
    assert made.effects[1:] == [Pause(1)]
    made.feed(CallPolled())
    assert (made.left_by, made.effects[2:]) == (None, [Pause(1)])
    assert made.feed(MessageAccepted(OURS)).left_by == "success"


def test_an_e_mail_without_words_is_found_before_it_is_published() -> None:
    step = step_of("send_email")
    (problem,) = step.problems({"credential": "mail", "to": ["a@example.com"], "subject": {"en": "x"}})
    assert (problem.code, problem.severity) == ("text_missing", "blocking")
    assert list(step.problems({**MAIL, "text": {}, "html": {"en": "<p>x</p>"}})) == []
