from collections.abc import Mapping
from typing import Any

import pytest

from flows.effect import Play, Say
from tests.steps.visits import Visit, step_of

SPOKEN: list[tuple[Mapping[str, Any], Any]] = [
    ({"text": {"en": "Hello"}}, Say("Hello", language="en")),
    ({"text": {"pl": "Cześć"}}, Say("Cześć", language="en")),  # a text that is missing falls back to one there is
    ({"text": {"en": "Hi"}, "voice": "Joanna", "repeat": 3}, Say("Hi", language="en", voice="Joanna", repeat=3)),
    ({"text": {"en": "Hi {{ contact.name }} "}}, Say("Hi Anna", language="en")),
    ({"audio": "https://example.com/a.mp3"}, Play("https://example.com/a.mp3")),
    ({"audio": "{{ greeting }}"}, Play("https://example.com/b c.mp3".replace(" ", "%20"))),
    ({"audio": "https://example.com/{{ contact.name }}.mp3"}, Play("https://example.com/Anna.mp3")),
]


@pytest.mark.parametrize(("config", "verb"), SPOKEN)
def test_say_speaks_or_plays_and_goes_on(config: Mapping[str, Any], verb: Say | Play) -> None:
    known = {"greeting": "https://example.com/b%20c.mp3"}
    visit = Visit("say", config, {"name": "Anna"}, known, on_call=True)
    assert (visit.left_by, visit.effects) == ("next", [verb])


FAILURES: list[tuple[Mapping[str, Any], bool, str]] = [
    ({"text": {"en": "{{ contact.nickname }}"}}, True, "tts_failed"),
    ({"audio": "file:///etc/passwd"}, True, "audio_unreachable"),
    ({"audio": "{{ contact.nickname }}"}, True, "expression_error"),
    ({"text": {"en": "{{ 1 / 0 }}"}}, True, "expression_error"),
    ({"text": {"en": "{{ long }}{{ long }}"}}, True, "too_large"),
    ({"text": {"en": "Hello"}}, False, "call_ended"),
]


@pytest.mark.parametrize(("config", "on_call", "kind"), FAILURES)
def test_say_fails_by_name(config: Mapping[str, Any], on_call: bool, kind: str) -> None:
    visit = Visit("say", config, variables={"long": "x" * 6_000}, on_call=on_call)
    assert (visit.left_by, visit.error) == ("failure", kind)
    assert not [effect for effect in visit.effects if isinstance(effect, Say | Play)]


def test_a_text_is_spoken_in_the_language_the_run_has_chosen() -> None:
    visit = Visit("say", {"text": {"en": "Hello", "pl": "Cześć"}}, variables={"language": "pl"}, on_call=True)
    assert visit.effects == [Say("Cześć", language="pl")]


def test_an_address_that_can_never_be_fetched_is_a_finding() -> None:
    assert [problem.code for problem in step_of("say").problems({"audio": "jingle.mp3"})] == ["audio_unreachable"]
    assert list(step_of("say").problems({"audio": "{{ jingle }}"})) == []
