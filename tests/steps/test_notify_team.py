from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flows.effect import CancelMessage, Pause, PostToTeam, SendEmail
from flows.event import CallPolled, Happening, MessageAccepted, MessageFailed, TimerFired
from tests.steps.visits import Visit, step_of

CHAT: Mapping[str, Any] = {"by": {"means": "chat", "credential": "team"}, "text": "{{ contact.name }} waits"}
MAIL: Mapping[str, Any] = {**CHAT, "by": {"means": "email", "credential": "mail", "to": ["team@example.com"]}}
OURS, OTHERS = "example/0/0", "other/0/0"
ERRORS = step_of("notify_team").errors

LEAVES: list[tuple[Mapping[str, Any], Sequence[Happening], str | None, str | None]] = [
    (CHAT, [], None, None),
    (CHAT, [MessageAccepted(OURS)], "success", None),
    (MAIL, [MessageAccepted(OURS)], "success", None),
    (CHAT, [MessageAccepted(OTHERS)], None, None),
    (CHAT, [TimerFired()], "failure", "send_timeout"),
    *[(MAIL, [MessageFailed(OURS, kind)], "failure", kind) for kind in ERRORS],
    (CHAT, [MessageFailed(OURS, "404")], "failure", "provider_code"),
    ({**CHAT, "text": "{{ contact.nickname }}"}, [], "failure", "empty_text"),
    ({**MAIL, "by": {**MAIL["by"], "to": ["team"]}}, [], "failure", "invalid_recipient"),
    ({**MAIL, "by": {**MAIL["by"], "subject": "a\nb"}}, [], "failure", "header_invalid"),
    ({**MAIL, "by": {**MAIL["by"], "to": ["{{ contact.boss }}"]}}, [], "failure", "expression_error"),
]


@pytest.mark.parametrize(("config", "turns", "left_by", "kind"), LEAVES)
def test_the_team_is_told_or_the_step_fails(
    config: Mapping[str, Any], turns: Sequence[Happening], left_by: str | None, kind: str | None
) -> None:
    made = Visit("notify_team", config, {"name": "Anna"}).feed_all(turns)
    assert (made.left_by, made.error) == (left_by, kind)


def test_the_address_of_the_run_is_added_where_it_is_wanted() -> None:
    assert Visit("notify_team", CHAT, {"name": "Anna"}).effects == [PostToTeam("team", "Anna waits", with_link=True)]
    (letter,) = Visit("notify_team", {**MAIL, "link": False}, {"name": "Anna"}).effects
    assert isinstance(letter, SendEmail)
    assert (letter.with_link, letter.to_team, letter.to) == (False, True, ("team@example.com",))


def test_what_is_not_taken_in_time_is_cancelled_and_a_caller_hears_silence() -> None:
    made = Visit("notify_team", CHAT, {"name": "Anna"}, on_call=True).feed(CallPolled()).feed(TimerFired())
    assert made.effects[1:] == [Pause(1), Pause(1), CancelMessage(OURS)]
    assert made.run.error["retryable"] is True
