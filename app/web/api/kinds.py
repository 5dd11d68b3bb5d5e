"""The API's kinds of step, filters and limits: all that an editor needs to draw forms and complete names."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, TypedDict, TypeVar

from app.accounts.roles import Right
from app.errors import NotFound
from app.web.api.answers import OneOf, PageData
from app.web.api.doors import Asked, Noun
from app.web.api.flow_views import ExitData
from flows.check.variables import SCOPE
from flows.errors import FlowError
from flows.expression import FILTERS, TESTS
from flows.expression_filter import Filter, Test
from flows.failing import ENGINE_ERRORS
from flows.flow_file import NEEDS
from flows.step import FAILURE, Config, Example, Exit, Group, Medium, Step
from flows.testing import EVENT_WORDS, EXPECTATION_WORDS
from flows.values import VALUE_TYPES, ValueType

T = TypeVar("T")

noun = Noun("kinds", Right.READ_FLOWS)


class StepExampleData(TypedDict):
    """A configured step, and what comes of it; `leaves_by` is null where it still waits in the end."""

    title: str
    config: Annotated[dict[str, Any], "Its settings, in the form of the kind's `schema`."]
    exits: list[ExitData]
    summary: str
    leaves_by: str | None


class StepKindData(TypedDict):
    """A kind of step."""

    type: str
    title: str
    group: Group
    icon: Annotated[str, "The name of one of Tabler's icons."]
    format: Annotated[int, "The number of its settings' form; an older one is brought to it."]
    help: str
    schema: Annotated[dict[str, Any], "The JSON Schema of its settings, of which its form is drawn."]
    media: Annotated[list[Medium], "Where it works: on calls, in messages, or both."]
    waits: Annotated[bool, "Whether a run may stop there."]
    talks: Annotated[bool, "Whether it sends to the contact, or hears them."]
    exits: Annotated[list[ExitData], "Those it has before anything is filled in."]
    errors: Annotated[dict[str, str], "The kinds of its failures, and what each means."]
    examples: list[StepExampleData]
    is_plugin: bool


class ExpressionWordData(TypedDict):
    """A filter or a test of expressions; `required` is how many of its parameters have to be given."""

    name: str
    help: str
    parameters: list[str]
    required: int
    example: Annotated[str, "A template."]
    gives: Annotated[str, "The text that the example makes."]


class TestWordData(TypedDict):
    """A word of a flow's tests."""

    says: str
    example: Annotated[dict[str, Any], "The word with what may stand at it."]


class VocabularyData(TypedDict):
    """The words that are the same for every flow of this installation."""

    names: Annotated[dict[str, list[str]], "What every expression may read, and its fields; none where any may stand."]
    types: Annotated[list[ValueType], "Of variables."]
    filters: list[ExpressionWordData]
    tests: Annotated[list[ExpressionWordData], "What may stand after `is` in an expression."]
    errors: Annotated[dict[str, str], "The kinds of failure that every step has, and what each means."]
    needs: Annotated[list[Annotated[str, OneOf(NEEDS)]], "The kinds of things that a flow may name."]
    test_events: Annotated[dict[str, TestWordData], "What may happen in a test, and in a simulated conversation."]
    test_expectations: Annotated[dict[str, TestWordData], "What a test may expect."]
    limits: Annotated[dict[str, float], "This installation's bounds, by their names."]


@noun.get("/step-kinds")
def list_step_kinds(asked: Asked) -> PageData[StepKindData]:
    """All installed kinds of step: title, group, icon, help, the schema of its form, exits, errors and examples."""
    steps = asked.house.steps
    return {
        "items": [_kind(asked, step) for step in sorted(steps, key=lambda one: (one.group, one.title))],
        "next": None,
    }


@noun.get("/step-kinds/<kind>")
def read_step_kind(asked: Asked, kind: str) -> StepKindData:
    """One kind of step."""
    step = asked.house.steps.get(kind)
    if step is None:
        raise NotFound(f"No step of the type “{kind[:80]}” is installed: GET /api/v1/step-kinds lists them.")
    return _kind(asked, step)


@noun.get("/vocabulary")
def read_vocabulary(asked: Asked) -> VocabularyData:
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


def _kind(asked: Asked, step: Step) -> StepKindData:
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


def _exit(way: Exit) -> ExitData:
    return {"id": way.id, "title": way.title or way.id.replace("_", " ")}


def _exits(step: Step, config: Config) -> Sequence[Exit]:
    return _told(lambda: step.exits(config), ())


def _told(question: Callable[[], T], otherwise: T) -> T:
    """What a kind tells; a plugin's may break at any question, and all others are listed beside it all the same."""
    try:
        return question()
    except FlowError:  # the check of a flow that holds it says what is wrong
        return otherwise


def _example(step: Step, example: Example) -> StepExampleData:
    return {
        "title": example.title,
        "config": dict(example.config),
        "exits": [_exit(way) for way in _exits(step, example.config)],
        "summary": _told(lambda: step.summary(example.config), ""),
        "leaves_by": example.leaves_by,
    }


def _word(name: str, word: Filter | Test) -> ExpressionWordData:
    return {
        "name": name,
        "help": word.help,
        "parameters": list(word.parameters),
        "required": word.required,
        "example": word.example,
        "gives": word.gives,
    }
