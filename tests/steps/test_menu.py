from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from flows.effect import Gather, Say
from flows.event import CallerHungUp, Happening, KeysPressed, TimerFired
from tests.steps.visits import Visit, step_of

MENU: Mapping[str, Any] = {
    "prompt": {"en": "For sales press 1."},
    "choices": [
        {"key": "1", "label": "Sales", "phrases": ["sales", "buy something"]},
        {"key": "0"},
        {"key": "*"},
        {"key": "#"},
        {"id": "invoice", "label": "Invoices", "phrases": ["invoice"]},
    ],
    "attempts": 2,
    "no_input_text": {"en": "Are you there?"},
    "invalid_text": {"en": "That is not possible."},
}
NINE, SILENCE = KeysPressed(digits="9"), KeysPressed()

LEAVES: list[tuple[Sequence[Happening], str | None]] = [
    ([KeysPressed("1")], "key_1"),
    ([KeysPressed("0")], "key_0"),
    ([KeysPressed("*")], "key_star"),
    ([KeysPressed("#")], "key_hash"),
    ([KeysPressed(speech="I want to buy something!")], "key_1"),
    ([KeysPressed(speech="about my invoice")], "invoice"),
    ([NINE], None),
    ([NINE, KeysPressed("1")], "key_1"),
    ([NINE, NINE], "invalid"),
    ([NINE, SILENCE], "no_input"),
    ([SILENCE, SILENCE], "no_input"),
    ([SILENCE, KeysPressed(speech="pizza")], "invalid"),
    ([TimerFired()], "no_input"),
]


@pytest.mark.parametrize(("turns", "left_by"), LEAVES)
def test_a_menu_leaves_by_what_was_chosen(turns: Sequence[Happening], left_by: str | None) -> None:
    assert Visit("menu", MENU, on_call=True).feed_all(turns).left_by == left_by


def test_a_menu_gathers_one_key_or_a_phrase_while_it_speaks() -> None:
    visit = Visit("menu", MENU, on_call=True)
    assert visit.effects == [
        Gather(
            prompts=(Say("For sales press 1.", language="en"),),
            speech=True,
            maximum_digits=1,
            finish_key="",
            hints=("sales", "buy something", "invoice"),
            language="en",
        )
    ]
    waiting = visit.run.waiting
    assert waiting is not None
    assert waiting.accepts == ("keys",)
    assert waiting.until is not None


@pytest.mark.parametrize(("heard", "words"), [(SILENCE, "Are you there?"), (NINE, "That is not possible.")])
def test_the_second_prompt_says_first_what_was_wrong(heard: KeysPressed, words: str) -> None:
    gather = Visit("menu", MENU, on_call=True).feed(heard).effects[-1]
    assert isinstance(gather, Gather)
    assert [verb.text for verb in gather.prompts if isinstance(verb, Say)] == [words, "For sales press 1."]


def test_keys_alone_listen_to_no_speech_and_phrases_alone_to_no_keys() -> None:
    keys = Visit("menu", {**MENU, "choices": [{"key": "1"}]}, on_call=True).effects[0]
    words = Visit("menu", {**MENU, "choices": [{"id": "a", "phrases": ["a"]}]}, on_call=True).effects[0]
    assert isinstance(keys, Gather)
    assert isinstance(words, Gather)
    assert (keys.keys, keys.speech, words.keys, words.speech) == (True, False, False, True)


def test_a_caller_who_hangs_up_in_a_menu_ends_the_run() -> None:
    assert Visit("menu", MENU, on_call=True).feed(CallerHungUp()).run.outcome == "caller_hung_up"


@pytest.mark.parametrize(
    ("choices", "codes"),
    [
        ([{"key": "1"}], []),
        ([{"id": "sales", "phrases": ["sales"]}], []),
        ([{"label": "Nothing"}], ["choice_unreachable"]),
        ([{"id": "sales"}], ["choice_unreachable"]),
        ([{"key": "1"}, {"key": "1"}], ["exit_twice"]),
        ([{"id": "invalid", "phrases": ["x"]}], ["exit_twice"]),
    ],
)
def test_choices_that_cannot_work_are_findings(choices: list[dict[str, Any]], codes: list[str]) -> None:
    assert [problem.code for problem in step_of("menu").problems({"choices": choices})] == codes


def test_phrases_match_in_any_form_on_wish() -> None:
    heard = KeysPressed(speech="about two invoices")
    assert Visit("menu", {**MENU, "mode": "inflected"}, on_call=True).feed(heard).left_by == "invoice"
    assert Visit("menu", MENU, on_call=True).feed(heard).left_by is None


def test_a_phrase_that_nobody_is_sure_of_is_asked_again_and_fails_in_the_end() -> None:
    config = {**MENU, "minimum_confidence": 0.6}
    sure, unsure = KeysPressed(speech="my invoice", confidence=0.7), KeysPressed(speech="my invoice", confidence=0.5)
    assert Visit("menu", config, on_call=True).feed_all([unsure, sure]).left_by == "invoice"
    assert Visit("menu", config, on_call=True).feed_all([unsure, KeysPressed("1")]).left_by == "key_1"
    assert Visit("menu", config, on_call=True).feed_all([unsure, unsure]).error == "asr_failed"
