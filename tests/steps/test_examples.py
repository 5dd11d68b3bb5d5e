"""What every built-in step must be: drawable, explained, its exits and errors reachable, pure."""

import ast
from pathlib import Path

import pytest

import steps
from flows.failing import ENGINE_ERRORS
from flows.form import validate
from flows.step import Example, Step
from tests.steps.visits import STEPS, Visit

KINDS = [
    "ask_question",
    "branch",
    "end",
    "fetch_variable",
    "forward_to_queue",
    "incoming_call",
    "incoming_message",
    "menu",
    "say",
    "send_message",
    "set_variable",
]
ALL = [step for step in STEPS if not STEPS.is_plugin(step.type)]
EXAMPLES = [(step, example) for step in ALL for example in step.examples]
THEIRS = {"jmespath", "phonenumbers"}  # the only ones of other people that steps may use
FOLDER = Path(steps.__path__[0])


def test_the_eleven_steps_are_found() -> None:
    assert [step.type for step in ALL] == KINDS


@pytest.mark.parametrize(("step", "example"), EXAMPLES, ids=[f"{step.type}: {row.title}" for step, row in EXAMPLES])
def test_an_example_does_what_it_says(step: Step, example: Example) -> None:
    assert validate(step.schema, example.config) == []
    visit = Visit(step.type, example.config, example.contact, example.variables, on_call=example.on_call)
    visit.feed_all(example.turns)
    assert (visit.left_by, visit.error) == (example.leaves_by, example.error), visit.message
    if example.sets is not None:
        assert visit.sets == example.sets
    if example.effects is not None:
        assert list(visit.effects) == list(example.effects)


@pytest.mark.parametrize("step", ALL, ids=KINDS)
def test_examples_reach_every_exit(step: Step) -> None:
    reached = {example.leaves_by for example in step.examples}
    assert {way.id for example in step.examples for way in step.exits(example.config)} <= reached
    assert "failure" in reached or not step.fails()


@pytest.mark.parametrize("step", ALL, ids=KINDS)
def test_every_example_error_is_one_the_step_explains(step: Step) -> None:
    assert {example.error for example in step.examples if example.error} <= set(step.errors) | set(ENGINE_ERRORS)
    assert all(sentence.endswith(".") for sentence in step.errors.values())


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


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem)
def test_a_step_asks_neither_clock_nor_chance_nor_network(path: Path) -> None:
    tree = ast.parse(path.read_text())
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            modules.add(str(node.module).split(".")[0])
    assert modules <= {"collections", "dataclasses", "datetime", "decimal", "re", "typing", "flows", *THEIRS}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _reads_a_clock(node)]


def _reads_a_clock(node: ast.Attribute) -> bool:
    named = isinstance(node.value, ast.Name) and node.value.id in {"datetime", "date"}
    return named and node.attr in {"now", "utcnow", "today"}
