"""record_message: what is recorded is kept, however the call ends."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from flows.effect import Pause, Record, SendEmail
from flows.event import (
    Attachment,
    CallerHungUp,
    CallPolled,
    Happening,
    Recorded,
    RecordingLost,
    RecordingStored,
    TimerFired,
)
from flows.hanging_up import must_hang_up
from flows.step import Wait
from tests.steps.visits import Visit, context_of, facts_of, step_of

KEY = "example/0/0"
SAID = Recorded(KEY, "https://api.example.com/RE1", 6)
STORED = RecordingStored(KEY, Attachment("audio/wav", "recording-PB-10001.wav", "a1" * 32, size_bytes=96_044), 6)
LOST = RecordingLost(KEY, "The provider answered with status 404.")
GONE = CallerHungUp()


def visit(*turns: Happening, **config: Any) -> Visit:
    seen = Visit("record_message", {"variable": "voicemail", **config}, on_call=True)
    seen.feed_all(turns)
    return seen


LEAVES: list[tuple[Sequence[Happening], str | None, str | None]] = [
    ([SAID], None, None),
    ([SAID, CallPolled(), STORED], "recorded", None),
    ([STORED], "recorded", None),
    ([SAID, LOST], "failure", "storage_failed"),
    ([SAID, TimerFired()], "failure", "storage_failed"),
    ([Recorded(KEY)], "too_short", None),
    ([Recorded(KEY, "https://api.example.com/RE1", 1)], "too_short", None),
    ([RecordingStored(KEY, STORED.attachment, 1)], "too_short", None),
    ([Recorded(KEY, "https://api.example.com/RE1", 2)], None, None),  # exactly the shortest
    ([RecordingStored(KEY, STORED.attachment, 2)], "recorded", None),
    ([TimerFired()], "too_short", None),
    ([GONE], None, None),
    ([GONE, SAID], None, None),
    ([GONE, SAID, STORED], "recorded", None),
    ([GONE, STORED], "recorded", None),
    ([SAID, GONE, STORED], "recorded", None),
    ([SAID, GONE, LOST], "failure", "storage_failed"),
    ([SAID, GONE, TimerFired()], "failure", "storage_failed"),
    ([GONE, Recorded(KEY)], "too_short", None),
    ([GONE, TimerFired()], "too_short", None),
]


@pytest.mark.parametrize(("turns", "left_by", "error"), LEAVES)
def test_it_leaves_when_the_recording_is_kept_or_is_none(
    turns: Sequence[Happening], left_by: str | None, error: str | None
) -> None:
    seen = visit(*turns, minimum_seconds=2)
    assert (seen.left_by, seen.error) == (left_by, error)
    assert bool(seen.sets) == (left_by == "recorded")


def test_the_carrier_is_told_how_to_record() -> None:
    seen = visit(maximum_seconds=30, silence_seconds=3, finish_key="none", beep=False)
    assert seen.effects == [Record(KEY, maximum_seconds=30, silence_seconds=3, finish_key="", beep=False)]
    assert seen.run.waiting is not None
    assert seen.run.waiting.keep["effect"] == KEY


def test_the_variable_is_a_file_that_a_later_step_can_attach() -> None:
    assert visit(SAID, STORED).sets == {
        "voicemail": {
            "type": "audio/wav",
            "name": "recording-PB-10001.wav",
            "file": "a1" * 32,
            "size_bytes": Decimal(96_044),
            "seconds": Decimal(6),
        }
    }


def test_a_caller_on_the_line_hears_nothing_while_the_recording_is_kept() -> None:
    assert visit(SAID, CallPolled()).effects[1:] == [Pause(1), Pause(1)]
    assert visit(SAID, GONE).effects[1:] == [Pause(1)]


def test_nobody_on_the_line_gives_the_carrier_more_time() -> None:
    waits = [visit(*turns).run.waiting for turns in ([SAID], [SAID, GONE])]
    limits = [one.until for one in waits if one is not None and one.until is not None]
    assert (limits[1] - limits[0]).total_seconds() > 600


def test_the_call_ends_for_the_flow_only_when_the_recording_has_come() -> None:
    seen = visit(GONE)
    assert not seen.run.call_ended
    assert not must_hang_up(seen.run)
    assert seen.feed(SAID).feed(STORED).left_by == "recorded"


def test_the_end_of_a_call_is_told_once() -> None:
    seen = visit(GONE)
    turn = seen.run.turn
    assert seen.feed(GONE).run.turn == turn


NOTIFY = {"credential": "mail", "to": ["team@example.com", "{{ boss }}"]}


def test_people_get_the_recording_by_e_mail_on_wish() -> None:
    seen = Visit("record_message", {"notify": NOTIFY}, on_call=True, variables={"boss": "ewa@example.com"})
    seen.feed_all([SAID, STORED])
    email = seen.effects[-1]
    assert isinstance(email, SendEmail)
    assert (seen.left_by, email.to, email.media) == (
        "recorded",
        ("team@example.com", "ewa@example.com"),
        (STORED.attachment,),
    )


LOST_NOTICES: list[tuple[dict[str, Any], str]] = [
    ({"to": ["{{ nobody }}"]}, "expression_error"),
    ({"to": ["no address"]}, "invalid_recipient"),
    ({"to": ["team@example.com"], "subject": "{{ 1 / 0 }}"}, "expression_error"),
    ({"to": ["team@example.com"], "text": "{{ long }}{{ long }}"}, "too_large"),
]


@pytest.mark.parametrize(("notify", "kind"), LOST_NOTICES)
def test_whatever_is_wrong_with_the_e_mail_the_recording_is_kept(notify: dict[str, Any], kind: str) -> None:
    config = {"notify": {"credential": "mail", **notify}, "variable": "voicemail"}
    seen = Visit("record_message", config, on_call=True, variables={"long": "x" * 6_000})
    seen.feed_all([SAID, STORED])
    assert (seen.error, "voicemail" in seen.sets) == (kind, True)
    assert not [effect for effect in seen.effects if isinstance(effect, SendEmail)]


def test_a_value_in_the_subject_makes_no_second_line() -> None:
    notify = {"credential": "mail", "to": ["team@example.com"], "subject": "From {{ who }}"}
    seen = Visit("record_message", {"notify": notify}, on_call=True, variables={"who": "Ewa\r\nBcc: a@b.pl\x1b"})
    email = seen.feed_all([SAID, STORED]).effects[-1]
    assert isinstance(email, SendEmail)
    assert email.subject == "From Ewa Bcc: a@b.pl"


def test_without_a_variable_nothing_is_set() -> None:
    seen = Visit("record_message", {}, on_call=True).feed_all([SAID, STORED])
    assert (seen.left_by, seen.sets) == ("recorded", {})


@pytest.mark.parametrize(("left", "seconds"), [(600, 120), (45, 45), (0, 2)])
def test_a_recording_lasts_no_longer_than_the_call_may(left: int, seconds: int) -> None:
    context = context_of({}, CallPolled(), facts_of(on_call=True))
    context.run = replace(context.run, call={"ends_at": context.now + timedelta(seconds=left)})
    outcome = step_of("record_message").run(context)
    assert isinstance(outcome, Wait)
    (verb,) = outcome.effects
    assert isinstance(verb, Record)
    assert verb.maximum_seconds == seconds
