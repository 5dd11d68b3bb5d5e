"""Uploaded sounds in say, menu and gather_input: which one is heard, and what becomes of one that is gone."""

from collections.abc import Mapping
from typing import Any

import pytest

from flows.ask import FileState, FileStateAnswer
from flows.document import Flow, PlacedStep
from flows.effect import Gather, Play, Say
from flows.event import KeysPressed
from flows.named import names_in, renamed
from flows.player import Player
from flows.testing import run_tests
from flows.testing.running import Given
from tests.steps.visits import NOW, STEPS, Visit, step_of

A, B, C = "0a" * 32, "0b" * 32, "0c" * 32
THERE = FileStateAnswer("7", "audio/mpeg", "hello.mp3")
SAY: Mapping[str, Any] = {"sounds": [{"file": A}]}
MENU: Mapping[str, Any] = {
    "prompt_sounds": [{"file": A}],
    "choices": [{"key": "1"}],
    "attempts": 2,
    "no_input_text": {"en": "Are you there?"},
}
INPUT: Mapping[str, Any] = {
    "prompt_sounds": [{"file": A}],
    "variable": "order",
    "attempts": 2,
    "no_input_text": {"en": "Are you there?"},
}
STEPS_WITH_SOUNDS = [("say", SAY), ("menu", MENU), ("gather_input", INPUT)]

CHOSEN: list[tuple[list[dict[str, str]], str, str]] = [
    ([{"file": A}], "pl", A),
    ([{"file": A, "language": "en"}, {"file": B, "language": "pl"}], "pl", B),
    ([{"file": A, "language": "en"}, {"file": B, "language": "pl"}], "en", A),
    ([{"file": A}, {"file": B, "language": "pl"}], "pl", B),
    ([{"file": A}, {"file": B, "language": "pl"}], "en", A),
    ([{"file": B, "language": "pl"}, {"file": A, "language": "en"}], "ru", A),  # the flow speaks no Russian
    ([{"file": C, "language": "ru"}, {"file": B, "language": "pl"}], "en", C),  # any sound is better than none
]


@pytest.mark.parametrize(("sounds", "language", "heard"), CHOSEN)
def test_the_sound_of_the_language_is_heard_else_the_one_for_all(
    sounds: list[dict[str, str]], language: str, heard: str
) -> None:
    visit = Visit("say", {"sounds": sounds, "repeat": 2}, variables={"language": language}, on_call=True)
    assert visit.asked == FileState(heard)
    visit.feed(THERE)
    played = Play(file=heard, file_id="7", name="hello.mp3", repeat=2)
    assert (visit.left_by, visit.effects) == ("next", [played])


GONE = [
    (FileStateAnswer(), "not stored here any more"),
    (FileStateAnswer("7", "image/png", "logo.png"), "“logo.png” is image/png"),
    (FileStateAnswer("7", "audio/amr", "note.amr"), "“note.amr” is audio/amr"),  # no carrier plays it
]


@pytest.mark.parametrize(("kind", "config"), STEPS_WITH_SOUNDS)
@pytest.mark.parametrize(("answer", "told"), GONE)
def test_a_sound_that_cannot_be_played_is_a_failure_with_a_sentence(
    kind: str, config: Mapping[str, Any], answer: FileStateAnswer, told: str
) -> None:
    visit = Visit(kind, config, on_call=True).feed(answer)
    assert (visit.left_by, visit.error, visit.effects) == ("failure", "audio_unreachable", [])
    assert told in visit.message


@pytest.mark.parametrize(("kind", "config"), STEPS_WITH_SOUNDS)
def test_nobody_hears_a_sound_in_a_chat(kind: str, config: Mapping[str, Any]) -> None:
    visit = Visit(kind, config)
    assert (visit.error, visit.asked) == ("call_ended", None)


@pytest.mark.parametrize(("kind", "config", "way"), [("menu", MENU, "key_1"), ("gather_input", INPUT, "valid")])
def test_a_prompt_is_looked_for_each_time_it_is_heard(kind: str, config: Mapping[str, Any], way: str) -> None:
    visit = Visit(kind, config, on_call=True).feed_all([THERE, KeysPressed()])
    assert visit.asked == FileState(A)
    visit.feed_all([THERE, KeysPressed("1")])
    prompts = [effect.prompts for effect in visit.effects if isinstance(effect, Gather)]
    sound = Play(file=A, file_id="7", name="hello.mp3")
    assert prompts == [(sound,), (Say("Are you there?", language="en"), sound)]
    assert visit.left_by == way
    deleted = Visit(kind, config, on_call=True).feed_all([THERE, KeysPressed(), FileStateAnswer()])
    assert deleted.error == "audio_unreachable"


@pytest.mark.parametrize(
    ("kind", "field"), [("say", "sounds"), ("menu", "prompt_sounds"), ("gather_input", "prompt_sounds")]
)
def test_two_sounds_of_one_language_are_a_finding(kind: str, field: str) -> None:
    step = step_of(kind)
    rows = [{"file": A}, {"file": B, "language": "pl"}, {"file": C, "language": "pl"}, {"file": C}]
    found = [(one.code, one.field) for one in step.problems({field: rows})]
    assert found == [("sound_twice", f"{field}.2"), ("sound_twice", f"{field}.3")]
    assert list(step.problems({field: rows[:2]})) == []


def drawn(**more: Any) -> Flow:
    steps = {
        "in": PlacedStep("in", "incoming_call", {"numbers": ["line"]}, {"next": "hello"}),
        "hello": PlacedStep("hello", "say", SAY, {"next": "menu"}),
        "menu": PlacedStep(
            "menu",
            "menu",
            {**MENU, "prompt_sounds": [{"file": B, "language": "en"}]},
            {"key_1": "end", "no_input": "end", "invalid": "end"},
        ),
    }
    return Flow("Sounds", steps, **more)


def test_the_player_shows_which_sound_is_heard() -> None:
    lines = Player(drawn(), STEPS, NOW).open()
    assert f"plays: {A}" in lines
    assert f"plays: {B}" in lines


def test_a_flows_test_expects_sounds_by_their_hash() -> None:
    test = {
        "id": "t1",
        "name": "Heard",
        "turns": [{"event": {"call": "line"}, "expect": [{"played": A}, {"played": B}]}],
    }
    wrong = {**test, "id": "t2", "turns": [{"event": {"call": "line"}, "expect": [{"played": C}]}]}
    flow = drawn(tests=(test, wrong))
    assert [one.difference is None for one in run_tests(flow, Given(STEPS))] == [True, False]


def test_sounds_are_among_the_files_that_a_flow_needs_elsewhere() -> None:
    assert names_in(drawn(), STEPS)["file"] == {A, B}
    assert names_in(renamed(drawn(), STEPS, {"file": {B: C}}), STEPS)["file"] == {A, C}
