"""What every built-in step must be besides its contract: explained in a line, robust while it is being filled in."""

import re
from pathlib import Path

import pytest

import steps
from flows.failing import ENGINE_ERRORS
from flows.step import Step
from tests.steps.visits import STEPS

ALL = [step for step in STEPS if not STEPS.is_plugin(step.type)]
KINDS = [step.type for step in ALL]


def test_every_file_of_the_folder_is_a_step_and_none_is_missing() -> None:
    files = [path.stem for folder in steps.__path__ for path in Path(folder).glob("*.py") if path.stem != "__init__"]
    assert sorted(files) == KINDS
    assert len(KINDS) >= 30


@pytest.mark.parametrize("step", ALL, ids=KINDS)
def test_every_example_error_is_one_the_step_explains(step: Step) -> None:
    assert {example.error for example in step.examples if example.error} <= set(step.errors) | set(ENGINE_ERRORS)
    assert all(sentence.endswith(".") for sentence in step.errors.values())


def test_every_error_kind_of_every_step_is_expected_by_an_example_or_a_test() -> None:
    """By its name in quotation marks: a kind that nothing names could be misspelt, or come no more."""
    tests = Path(__file__).parents[1]
    texts = (
        path.read_text(encoding="utf-8") for part in ("steps", "app", "flows") for path in (tests / part).glob("*.py")
    )
    named = {kind for text in texts for kind in re.findall('"([a-z][a-z0-9_]*)"', text)}
    named |= {example.error for step in ALL for example in step.examples if example.error}
    assert {step.type: kinds for step in ALL if (kinds := sorted(set(step.errors) - named))} == {}


@pytest.mark.parametrize("step", ALL, ids=KINDS)
def test_help_is_one_paragraph_and_the_summary_one_line(step: Step) -> None:
    assert step.__doc__
    assert "\n\n" not in step.__doc__
    assert step.title
    assert step.icon
    for example in step.examples:
        summary = step.summary(example.config)
        assert summary
        assert "\n" not in summary


@pytest.mark.parametrize("step", ALL, ids=KINDS)
def test_an_unfinished_config_breaks_neither_exits_nor_summary(step: Step) -> None:
    assert isinstance(step.summary({}), str)
    assert [way.id for way in step.exits({})] == list(dict.fromkeys(way.id for way in step.exits({})))
    limit = step.effective_limit({})
    assert limit is None or limit > 0
    assert list(step.variables({})) == []


@pytest.mark.parametrize("step", ALL, ids=KINDS)
def test_a_step_that_waits_says_for_how_long(step: Step) -> None:
    assert step.waits == any(step.effective_limit(example.config) is not None for example in step.examples)
