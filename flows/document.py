"""A flow's document: Flow and PlacedStep, and the only reader and writer of flow JSON."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows import plain_json
from flows.document_keys import Keys, identifier, typed
from flows.errors import DocumentError
from flows.form import LANGUAGE_PATTERN
from flows.limits import Limits
from flows.upgrade import CURRENT_FORMAT, upgrade
from flows.values import VALUE_TYPES

END = "end"  # the target that ends the run; no step may have it as its id
DIRECTIONS = ("down", "right")  # the ways the canvas may grow

_FLOW_KEYS = (
    "format", "name", "description", "languages", "on_failure", "on_hang_up", "variables", "steps", "layout", "groups",
    "notes", "tests",
)  # fmt: skip
_LANGUAGE = re.compile(LANGUAGE_PATTERN.removesuffix("$"))
_LONGEST_NAME = 200  # characters; more does not fit any list of flows


@dataclass(frozen=True)
class PlacedStep:
    """One step of a flow: its kind, its configuration and where its exits lead (a step id or "end")."""

    id: str
    type: str
    config: Mapping[str, Any] = field(default_factory=dict)
    exits: Mapping[str, str] = field(default_factory=dict)
    name: str = ""
    format: int = 1


@dataclass(frozen=True)
class Flow:
    """A flow document of format 1, read and checked for shape; `flows.check` says what else may be wrong with it."""

    name: str
    steps: Mapping[str, PlacedStep]
    description: str = ""
    languages: tuple[str, ...] = ("en",)
    on_failure: str = ""
    on_hang_up: str = ""
    variables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    layout: Mapping[str, Any] = field(default_factory=dict)
    groups: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[Mapping[str, Any]] = ()
    tests: Sequence[Mapping[str, Any]] = ()


_DEFAULT_LIMITS = Limits()


def read(source: bytes | str, limits: Limits = _DEFAULT_LIMITS) -> Flow:
    """The flow in a JSON text.

    Raises: DocumentError, with the place and a sentence, for everything that format 1 does not allow.
    """
    return from_data(plain_json.parse(source, limits), limits)


def write(flow: Flow) -> str:
    """The flow as canonical text: read and written again it is the same bytes, and a small edit is a small diff."""
    return json.dumps(to_data(flow), sort_keys=True, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_data(data: Any, limits: Limits = _DEFAULT_LIMITS) -> Flow:
    """The flow in parsed JSON of any known format.

    Raises: DocumentError, as `read`.
    """
    document = typed(plain_json.normalised(data, limits), dict, "")
    keys = Keys(upgrade(document), "", _FLOW_KEYS)
    flow = Flow(
        name=keys.text("name", longest=_LONGEST_NAME),
        steps=_steps(keys, limits),
        description=keys.text("description", ""),
        languages=_languages(keys),
        on_failure=keys.identifier("on_failure", ""),
        on_hang_up=keys.identifier("on_hang_up", ""),
        variables=_variables(keys),
        layout=_layout(keys),
        groups=_listed(keys, "groups", ("id", "title", "steps")),
        notes=_listed(keys, "notes", ("id", "text", "at")),
        tests=_listed(keys, "tests", ("id", "name", "at", "contact", "answers", "turns")),
    )
    if len(write(flow).encode()) > limits.document_bytes:  # what is stored must be readable again
        raise plain_json.too_large(limits)
    return flow


def to_data(flow: Flow) -> dict[str, Any]:
    """The flow as plain JSON data of the current format."""
    data: dict[str, Any] = {
        "format": CURRENT_FORMAT,
        "name": flow.name,
        "description": flow.description,
        "languages": list(flow.languages),
        "variables": {name: dict(declared) for name, declared in flow.variables.items()},
        "steps": {id: _step_data(step) for id, step in flow.steps.items()},
        "layout": dict(flow.layout),
        "groups": [dict(group) for group in flow.groups],
        "notes": [dict(note) for note in flow.notes],
        "tests": [dict(test) for test in flow.tests],
    }
    roots = {"on_failure": flow.on_failure, "on_hang_up": flow.on_hang_up}
    return data | {key: step for key, step in roots.items() if step}


def _step_data(step: PlacedStep) -> dict[str, Any]:
    data: dict[str, Any] = {"type": step.type, "config": dict(step.config), "exits": dict(step.exits)}
    return data | ({"name": step.name} if step.name else {}) | ({"format": step.format} if step.format != 1 else {})


def _steps(keys: Keys, limits: Limits) -> Mapping[str, PlacedStep]:
    keys.take("steps", dict)
    found = keys.objects("steps")
    if len(found) > limits.steps_per_flow:
        sentence = (
            f"The flow has {len(found)} steps; {limits.steps_per_flow} are allowed. Move a part into its own flow."
        )
        raise DocumentError("steps", sentence, "too_many_steps")
    if END in found:
        raise DocumentError("steps.end", "“end” is the target that ends a run; give this step another id.")
    return {id: _placed_step(id, data, limits) for id, data in found.items()}


def _placed_step(id: str, data: Any, limits: Limits) -> PlacedStep:
    keys = Keys(data, f"steps.{id}", ("type", "name", "config", "exits", "format"))
    exits = keys.objects("exits")
    if len(exits) > limits.exits_per_step:
        sentence = f"The step has {len(exits)} exits; {limits.exits_per_step} are allowed."
        raise DocumentError(keys.place("exits"), sentence, "too_many_exits")
    number = keys.take("format", int, 1)
    if number < 1:
        raise DocumentError(keys.place("format"), "A format is 1 or more.")
    return PlacedStep(
        id=id,
        type=keys.identifier("type"),
        config=keys.take("config", dict, {}),
        exits={way: identifier(target, f"{keys.place('exits')}.{way}") for way, target in exits.items()},
        name=keys.text("name", "", longest=_LONGEST_NAME),
        format=number,
    )


def _languages(keys: Keys) -> tuple[str, ...]:
    found = keys.take("languages", list)
    for index, language in enumerate(found):
        if not _LANGUAGE.fullmatch(typed(language, str, f"languages.{index}")):
            raise DocumentError(f"languages.{index}", 'A language is a code such as "en" or "pt-BR".')
    if not found or len(set(found)) != len(found):
        raise DocumentError("languages", "A flow has at least one language, and none of them twice.")
    return tuple(found)


def _variables(keys: Keys) -> Mapping[str, Mapping[str, Any]]:
    found = keys.objects("variables")
    for name, declared in found.items():
        variable = Keys(declared, f"variables.{name}", ("type", "private", "note"))
        if variable.take("type", str) not in VALUE_TYPES:
            raise DocumentError(variable.place("type"), f"A variable's type is one of {', '.join(VALUE_TYPES)}.")
        variable.take("private", bool, False)
        variable.text("note", "")
    return found


def _layout(keys: Keys) -> Mapping[str, Any]:
    found = keys.take("layout", dict, {})
    layout = Keys(found, "layout", ("direction", "at"))
    if layout.text("direction", "down") not in DIRECTIONS:
        raise DocumentError("layout.direction", f"A layout's direction is {' or '.join(DIRECTIONS)}.")
    at = {step: _position(place, f"layout.at.{step}") for step, place in layout.objects("at").items()}
    return {**found, "at": at} if layout.has("at") else found


def _listed(keys: Keys, name: str, known: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
    """The groups, notes or tests: objects with an id that stands there once."""
    found = keys.take(name, list, [])
    ids: set[str] = set()
    checked = []
    for index, data in enumerate(found):
        entry = Keys(data, f"{name}.{index}", known)
        id = entry.identifier("id")
        if id in ids:
            raise DocumentError(entry.place("id"), f"The id “{id}” stands in {name} twice.")
        ids.add(id)
        checked.append({**data, **_PARTS[name](entry)})
    return tuple(checked)


def _group(group: Keys) -> dict[str, Any]:
    steps = group.take("steps", list)
    return {
        "title": group.text("title", longest=_LONGEST_NAME),
        "steps": [identifier(step, f"{group.place('steps')}.{index}") for index, step in enumerate(steps)],
    }


def _note(note: Keys) -> dict[str, Any]:
    note.take("text", str)
    return {"at": _position(note.take("at", list), note.place("at"))}


def _test(test: Keys) -> dict[str, Any]:
    test.text("name", longest=_LONGEST_NAME)
    test.text("at", "")
    test.take("contact", dict, {})
    for step, answers in test.objects("answers").items():
        typed(answers, list, f"{test.place('answers')}.{step}")
    for index, data in enumerate(test.take("turns", list)):
        turn = Keys(data, f"{test.place('turns')}.{index}", ("event", "expect"))
        turn.take("event", dict)
        turn.take("expect", list, [])
    return {}


_PARTS = {"groups": _group, "notes": _note, "tests": _test}


def _position(place: Any, path: str) -> list[int]:
    """A place on the canvas, in whole pixels: half ones would make a diff of every drag."""
    if not isinstance(place, list) or len(place) != 2 or any(type(part) not in (int, float) for part in place):
        raise DocumentError(path, "A position is two numbers, such as [0, 144].", "wrong_type")
    return [round(part) for part in place]
