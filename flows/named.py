"""The named things of an installation that a flow uses, and the same flow with other names for them."""

import copy
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

from flows import form
from flows.document import Flow, PlacedStep
from flows.expression import ExpressionError, Template
from flows.step import Step
from flows.walk import Steps

# What a flow may name, in the order in which people are asked about it.
NAMED: Final = (
    "credential", "queue", "calendar", "number", "connection", "constant", "segment", "flow", "file",
)  # fmt: skip
Renames = Mapping[str, Mapping[str, str]]  # kind → old name → new name


def names_in(flow: Flow, steps: Steps) -> dict[str, set[str]]:
    """For each kind of named thing the names a flow uses; what an expression computes is not known here."""
    found: dict[str, set[str]] = {kind: set() for kind in NAMED}
    for placed in flow.steps.values():
        kind = steps.get(placed.type)
        if kind is None:
            continue
        config = _in_todays_format(placed, kind)
        for reference in form.references(kind.schema, config):
            found.setdefault(reference.kind, set()).add(reference.name)
        for use in form.templates(kind.schema, config):
            found["constant"] |= _constants(use.source)
    return found


def names_in_all(flows: Iterable[Flow], steps: Steps) -> dict[str, set[str]]:
    """The names several flows use together, but not each other's."""
    found: dict[str, set[str]] = {kind: set() for kind in NAMED}
    own = set()
    for flow in flows:
        own.add(flow.name)
        for kind, names in names_in(flow, steps).items():
            found[kind] |= names
    found["flow"] -= own
    return found


def renamed(flow: Flow, steps: Steps, renames: Renames) -> Flow:
    """The flow with other names in its settings; constants in expressions keep theirs."""
    changed: dict[str, PlacedStep] = {}
    for id, placed in flow.steps.items():
        kind = steps.get(placed.type)
        changed[id] = placed if kind is None else _renamed_step(placed, kind, renames)
    return replace(flow, steps=changed)


def _renamed_step(placed: PlacedStep, kind: Step, renames: Renames) -> PlacedStep:
    """The step with other names, in the format in which they were found."""
    today = _in_todays_format(placed, kind)
    config: Any = copy.deepcopy(dict(today))
    found = [
        reference
        for reference in form.references(kind.schema, config)
        if reference.name in renames.get(reference.kind, {})
    ]
    for reference in found:
        *way, last = [int(part) if part.isdecimal() else part for part in reference.field.split(".")]
        holder = config
        for part in way:
            holder = holder[part]
        holder[last] = renames[reference.kind][reference.name]
    format = placed.format if today is placed.config else kind.format
    return replace(placed, config=config, format=format) if found else placed


def _in_todays_format(placed: PlacedStep, kind: Step) -> Mapping[str, Any]:
    if placed.format >= kind.format:
        return placed.config
    try:
        return kind.upgrade(placed.config, placed.format)
    except Exception:  # noqa: BLE001  a door to a plugin's code; the check, which asks it too, finds it broken
        return placed.config


def _constants(source: str) -> set[str]:
    try:
        paths = Template.compile(source).paths
    except ExpressionError:
        return set()
    return {path.split(".")[1] for path in paths if path.startswith("constants.")}
