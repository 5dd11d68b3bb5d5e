"""The API's kinds of step, filters and limits: all that an editor needs to draw forms and complete names."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from app.accounts.roles import Right
from app.errors import NotFound
from app.web.api.doors import Asked, Noun
from flows.check.variables import SCOPE
from flows.errors import FlowError
from flows.expression import FILTERS, TESTS
from flows.expression_filter import Filter, Test
from flows.failing import ENGINE_ERRORS
from flows.flow_file import NEEDS
from flows.step import FAILURE, Config, Example, Exit, Step
from flows.testing import EVENT_WORDS, EXPECTATION_WORDS
from flows.values import VALUE_TYPES

T = TypeVar("T")

noun = Noun("kinds", Right.READ_FLOWS)


@noun.get("/step-kinds")
def list_step_kinds(asked: Asked) -> dict[str, Any]:
    """All installed kinds of step: title, group, icon, help, the schema of its form, exits, errors and examples."""
    steps = asked.house.steps
    return {
        "items": [_kind(asked, step) for step in sorted(steps, key=lambda one: (one.group, one.title))],
        "next": None,
    }


@noun.get("/step-kinds/<kind>")
def read_step_kind(asked: Asked, kind: str) -> dict[str, Any]:
    """One kind of step."""
    step = asked.house.steps.get(kind)
    if step is None:
        raise NotFound(f"No step of the type “{kind[:80]}” is installed: GET /api/v1/step-kinds lists them.")
    return _kind(asked, step)


@noun.get("/vocabulary")
def read_vocabulary(asked: Asked) -> dict[str, Any]:
    """What expressions may read and say, the words of a flow's tests, the errors of every step, and the limits."""
    return {
        "names": {name: sorted(keys or ()) for name, keys in SCOPE.items()},
        "types": list(VALUE_TYPES),
        "filters": [_word(name, one) for name, one in sorted(FILTERS.items())],
        "tests": [_word(name, one) for name, one in sorted(TESTS.items())],
        "errors": dict(ENGINE_ERRORS),
        "needs": list(NEEDS),
        "test_events": {name: {"says": one.says, "example": one.example} for name, one in EVENT_WORDS.items()},
        "test_expectations": {
            name: {"says": one.says, "example": one.example} for name, one in EXPECTATION_WORDS.items()
        },
        "limits": asdict(asked.house.limits),
    }


def _kind(asked: Asked, step: Step) -> dict[str, Any]:
    return {
        "type": step.type,
        "title": step.title,
        "group": step.group,
        "icon": step.icon,
        "format": step.format,
        "help": " ".join((step.__doc__ or "").split()),
        "schema": dict(step.schema),
        "media": sorted(step.media),
        "waits": step.waits,
        "talks": step.talks,
        "exits": [_exit(way) for way in (*_exits(step, {}), *([FAILURE] if step.fails() else []))],
        "errors": dict(step.errors),
        "examples": [_example(step, one) for one in step.examples],
        "is_plugin": asked.house.steps.is_plugin(step.type),
    }


def _exit(way: Exit) -> dict[str, str]:
    return {"id": way.id, "title": way.title or way.id.replace("_", " ")}


def _exits(step: Step, config: Config) -> Sequence[Exit]:
    return _told(lambda: step.exits(config), ())


def _told(question: Callable[[], T], otherwise: T) -> T:
    """What a kind tells; a plugin's may break at any question, and all others are listed beside it all the same."""
    try:
        return question()
    except FlowError:  # the check of a flow that holds it says what is wrong
        return otherwise


def _example(step: Step, example: Example) -> dict[str, Any]:
    return {
        "title": example.title,
        "config": dict(example.config),
        "exits": [_exit(way) for way in _exits(step, example.config)],
        "summary": _told(lambda: step.summary(example.config), ""),
        "leaves_by": example.leaves_by,
    }


def _word(name: str, word: Filter | Test) -> dict[str, Any]:
    return {
        "name": name,
        "help": word.help,
        "parameters": list(word.parameters),
        "required": word.required,
        "example": word.example,
        "gives": word.gives,
    }
