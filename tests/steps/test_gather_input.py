"""gather_input: what fits, what is asked again, what is read back."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from flows.effect import Gather, Say
from flows.event import CallerHungUp, Happening, KeysPressed, TimerFired
from flows.values import Value
from tests.steps.visits import Visit, step_of

SILENCE = KeysPressed()
ORDER: Mapping[str, Any] = {
    "prompt": {"en": "Your order number?"},
    "minimum_digits": 4,
    "maximum_digits": 6,
    "variable": "order",
    "attempts": 2,
    "no_input_text": {"en": "Are you there?"},
    "invalid_text": {"en": "That is no order number."},
}
BACK = {**ORDER, "read_back": {"text": {"en": "You typed {{ entered }}."}, "again_key": "*"}}
YES, AGAIN, OTHER = KeysPressed("1"), KeysPressed("*"), KeysPressed("7")


def said(text: str, confidence: float = 0.9) -> KeysPressed:
    return KeysPressed(speech=text, confidence=confidence)


def visit(config: Mapping[str, Any], *turns: Happening, **more: Any) -> Visit:
    seen = Visit("gather_input", config, on_call=True, **more)
    seen.feed_all(turns)
    return seen


def answering(kind: str, heard: KeysPressed, **rules: Any) -> Visit:
    config = {"prompt": {"en": "?"}, "by": "both", "answer": {"kind": kind, **rules}, "variable": "it", "attempts": 1}
    return visit(config, heard, contact={"phone": "+48600100200"})


LEAVES: list[tuple[Sequence[Happening], str | None]] = [
    ([KeysPressed("1234")], "valid"),
    ([KeysPressed("123")], None),
    ([KeysPressed("123"), KeysPressed("1234")], "valid"),
    ([KeysPressed("123"), KeysPressed("12")], "invalid"),
    ([KeysPressed("123"), SILENCE], "no_input"),
    ([SILENCE, SILENCE], "no_input"),
    ([SILENCE, KeysPressed("1")], "invalid"),
    ([TimerFired()], "no_input"),
]


@pytest.mark.parametrize(("turns", "left_by"), LEAVES)
def test_it_leaves_by_what_came(turns: Sequence[Happening], left_by: str | None) -> None:
    assert visit(ORDER, *turns).left_by == left_by


VALUES: list[tuple[str, KeysPressed, dict[str, Any], Value]] = [
    ("digits", KeysPressed("0012"), {}, "0012"),
    ("digits", said("0 0 1 2."), {}, "0012"),
    ("digits", said("12-34"), {"pattern": "[0-9]{4}"}, "1234"),
    ("text", said("Anna Nowak"), {}, "Anna Nowak"),
    ("number", KeysPressed("12*50"), {}, Decimal("12.50")),
    ("number", said("1,250"), {}, Decimal(1250)),
    ("date", KeysPressed("21112026"), {}, date(2026, 11, 21)),
    ("date", KeysPressed("11212026"), {"order": "month"}, date(2026, 11, 21)),
    ("date", said("21.11.2026"), {}, date(2026, 11, 21)),
    ("phone", KeysPressed("500100100"), {}, "+48500100100"),
    ("phone", KeysPressed("0048500100100"), {"country": "PL"}, "+48500100100"),
    ("phone", said("1125550123"), {"country": "US"}, None),
]


@pytest.mark.parametrize(("kind", "heard", "rules", "value"), VALUES)
def test_an_answer_of_each_kind_is_kept_with_its_type(
    kind: str, heard: KeysPressed, rules: dict[str, Any], value: Value
) -> None:
    seen = answering(kind, heard, **rules)
    assert seen.left_by == ("invalid" if value is None else "valid")
    assert seen.sets == ({} if value is None else {"it": value})


@pytest.mark.parametrize(
    ("kind", "heard", "rules"),
    [
        ("digits", said("twelve"), {}),
        ("digits", KeysPressed("12"), {"pattern": "[0-9]{4}"}),
        ("text", said("Anna"), {"pattern": "[0-9]+"}),
        ("number", KeysPressed("7"), {"minimum": 10}),
        ("date", KeysPressed("31022026"), {}),
        ("date", KeysPressed("2111"), {}),
        ("phone", KeysPressed("12"), {}),
    ],
)
def test_what_does_not_fit_is_invalid(kind: str, heard: KeysPressed, rules: dict[str, Any]) -> None:
    assert answering(kind, heard, **rules).left_by == "invalid"


READ_BACK: list[tuple[Sequence[Happening], str | None, Mapping[str, Value]]] = [
    ([KeysPressed("1234"), YES], "valid", {"order": "1234"}),
    ([KeysPressed("1234")], None, {}),
    ([KeysPressed("1234"), OTHER, YES], "valid", {"order": "1234"}),
    ([KeysPressed("1234"), SILENCE, SILENCE], "no_input", {}),
    ([KeysPressed("1234"), OTHER, OTHER], "invalid", {}),
    ([KeysPressed("1234"), AGAIN, KeysPressed("5678"), YES], "valid", {"order": "5678"}),
    ([KeysPressed("1234"), AGAIN, KeysPressed("5678"), AGAIN], "invalid", {}),
    ([KeysPressed("1234"), TimerFired()], "no_input", {}),
]


@pytest.mark.parametrize(("turns", "left_by", "sets"), READ_BACK)
def test_what_is_read_back_counts_when_it_is_confirmed(
    turns: Sequence[Happening], left_by: str | None, sets: Mapping[str, Value]
) -> None:
    seen = visit(BACK, *turns)
    assert (seen.left_by, seen.sets) == (left_by, sets)


def test_digits_are_read_back_one_by_one_and_one_key_answers() -> None:
    gather = visit(BACK, KeysPressed("1234")).effects[-1]
    words = Say("You typed 1 2 3 4.", language="en")
    assert gather == Gather((words,), maximum_digits=1, finish_key="", language="en")


def test_the_carrier_is_told_what_ends_the_input() -> None:
    assert visit({**ORDER, "finish_key": "none", "by": "both", "timeout_seconds": 9}).effects == [
        Gather(
            (Say("Your order number?", language="en"),),
            speech=True,
            maximum_digits=6,
            finish_key="",
            timeout_seconds=9,
            language="en",
        )
    ]


@pytest.mark.parametrize(
    ("heard", "words"), [(SILENCE, "Are you there?"), (KeysPressed("1"), "That is no order number.")]
)
def test_the_second_prompt_says_first_what_was_wrong(heard: KeysPressed, words: str) -> None:
    gather = visit(ORDER, heard).effects[-1]
    assert isinstance(gather, Gather)
    assert [verb.text for verb in gather.prompts if isinstance(verb, Say)] == [words, "Your order number?"]


def test_speech_that_nobody_is_sure_of_is_asked_again_and_fails_in_the_end() -> None:
    config = {**ORDER, "by": "both", "minimum_confidence": 0.6}
    seen = visit(config, said("1234", 0.5))
    assert seen.left_by is None
    assert seen.feed(said("1234", 0.59)).error == "asr_failed"
    assert visit(config, said("1234", 0.5), said("1234", 0.7)).left_by == "valid"
    assert visit(config, said("1234", 0.5), KeysPressed("1234")).left_by == "valid"


def test_a_pattern_that_cannot_be_checked_fails() -> None:
    assert answering("digits", KeysPressed("12"), pattern="(").error == "parse_failed"


def test_the_trace_keeps_quiet_about_a_private_input() -> None:
    assert "digits" not in visit(ORDER, KeysPressed("1234"), private=["order"]).why
    assert visit(ORDER, KeysPressed("1234")).why["digits"] == "1234"


def test_a_caller_who_hangs_up_meanwhile_ends_the_run() -> None:
    assert visit(BACK, KeysPressed("1234"), CallerHungUp()).run.outcome == "caller_hung_up"


@pytest.mark.parametrize(
    ("changes", "codes"),
    [
        ({}, []),
        ({"minimum_digits": 6}, []),  # exactly six
        ({"minimum_digits": 7}, ["never_valid"]),
        ({"answer": {"kind": "digits", "pattern": "["}}, ["bad_pattern"]),
        ({"read_back": {"text": {"en": "x"}, "confirm_key": "2"}}, ["key_twice"]),
    ],
)
def test_settings_that_cannot_work_are_findings(changes: Mapping[str, Any], codes: list[str]) -> None:
    assert [problem.code for problem in step_of("gather_input").problems({**ORDER, **changes})] == codes
