"""What differs between two documents of a flow, as data and as sentences; where steps stand is told apart."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from flows.document import END, Flow, PlacedStep, to_data

Json = Any
Does = Literal["added", "removed", "rewired", "changed"]
_STEP_FIELDS = ("type", "name", "format")
_LISTS = ("groups", "notes", "tests")
_WHOLE = ("name", "description", "languages", "on_failure", "on_hang_up", "variables")


@dataclass(frozen=True)
class Change:
    """One difference. A place that is not there has None as its value.

    does: what became of a step, of an exit's target, or of a field. place: "steps.tier", "steps.tier.exits.gold",
    "steps.tier.config.cases.0.id", "languages", "tests.one".
    """

    does: Does
    place: str
    step: str
    old: Json
    new: Json
    sentence: str


@dataclass(frozen=True)
class Comparison:
    """All differences of meaning. `moved` are steps that only stand elsewhere; `layout`: anything of it differs."""

    changes: tuple[Change, ...]
    moved: tuple[str, ...]
    layout: bool


class FlowChangeData(TypedDict):
    """One difference: what became of a step, of an exit's target, or of a field; a place that is not there is null."""

    does: Does
    place: str
    step: str
    old: Json
    new: Json
    sentence: str


class ComparedLayoutData(TypedDict):
    """Whether anything of the layout differs, and the ids of the steps that only stand elsewhere."""

    changed: bool
    moved: list[str]


class ComparisonData(TypedDict):
    """What differs between two documents of a flow; where steps stand is told apart."""

    same: bool
    changes: list[FlowChangeData]
    layout: ComparedLayoutData


def compare(old: Flow, new: Flow) -> Comparison:
    """What changes from one document to another: steps first, in the order of their ids."""
    changes = (*_steps(old, new), *_of_the_flow(old, new))
    before, after = (dict(flow.layout.get("at", {})) for flow in (old, new))
    both = old.steps.keys() & new.steps.keys()
    moved = tuple(sorted(step for step in both if before.get(step) != after.get(step)))
    return Comparison(changes, moved, dict(old.layout) != dict(new.layout))


def comparison_data(found: Comparison) -> ComparisonData:
    """A comparison as JSON data."""
    return {
        "same": not found.changes and not found.layout,
        "changes": [_change_data(change) for change in found.changes],
        "layout": {"changed": found.layout, "moved": list(found.moved)},
    }


def differences(old: Json, new: Json, place: str = "") -> Iterator[tuple[str, Json, Json]]:
    """(place, old, new) for every leaf that differs in two pieces of JSON; lists of one length go entry by entry."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in sorted({*old, *new}):
            where = f"{place}.{key}" if place else key
            if key in old and key in new:
                yield from differences(old[key], new[key], where)
            else:
                yield where, old.get(key), new.get(key)
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, f"{place}.{index}" if place else str(index))
    elif old != new or type(old) is not type(new):
        yield place, old, new


def _change_data(change: Change) -> FlowChangeData:
    return {
        "does": change.does,
        "place": change.place,
        "step": change.step,
        "old": change.old,
        "new": change.new,
        "sentence": change.sentence,
    }


def _steps(old: Flow, new: Flow) -> Iterator[Change]:
    for id in sorted({*old.steps, *new.steps}):
        before, after = old.steps.get(id), new.steps.get(id)
        place = f"steps.{id}"
        if before is None and after is not None:
            yield Change("added", place, id, None, _step_data(new, id), f"{_title(after)} is new.")
        elif after is None and before is not None:
            yield Change("removed", place, id, _step_data(old, id), None, f"{_title(before)} is gone.")
        elif before is not None and after is not None and before != after:
            yield from _step(old, new, before, after)


def _step(old: Flow, new: Flow, before: PlacedStep, after: PlacedStep) -> Iterator[Change]:
    title, place = _title(after), f"steps.{after.id}"
    for way in sorted({*before.exits, *after.exits}):
        was, now = before.exits.get(way), after.exits.get(way)
        if was != now:
            sentence = f"{title}: “{way}” led to {_target(old, was)}, and now leads to {_target(new, now)}."
            yield Change("rewired", f"{place}.exits.{way}", after.id, was, now, sentence)
    for name in _STEP_FIELDS:
        was, now = getattr(before, name), getattr(after, name)
        if was != now:
            sentence = f"{title}: its {name} was {_shown(was)}, and is now {_shown(now)}."
            yield Change("changed", f"{place}.{name}", after.id, was, now, sentence)
    for where, was, now in differences(dict(before.config), dict(after.config)):
        sentence = f"{title}: {where} was {_shown(was)}, and is now {_shown(now)}."
        yield Change("changed", f"{place}.config.{where}".rstrip("."), after.id, was, now, sentence)


def _of_the_flow(old: Flow, new: Flow) -> Iterator[Change]:
    before, after = to_data(old), to_data(new)
    for name in _WHOLE:
        for where, was, now in differences(before.get(name), after.get(name), name):
            yield Change("changed", where, "", was, now, f"{where} was {_shown(was)}, and is now {_shown(now)}.")
    for name in _LISTS:
        ours, theirs = ({one["id"]: one for one in data[name]} for data in (before, after))
        for id in sorted({*ours, *theirs}):
            was, now = ours.get(id), theirs.get(id)
            if was == now:
                continue
            word, does = name.removesuffix("s"), _does(was, now)
            called = (now or was or {}).get("name") or (now or was or {}).get("title") or id
            says = {"added": "is new", "removed": "is gone"}.get(does, "is another")
            yield Change(does, f"{name}.{id}", "", was, now, f"The {word} “{called}” {says}.")


def _does(was: Json, now: Json) -> Literal["added", "removed", "changed"]:
    return "added" if was is None else "removed" if now is None else "changed"


def _step_data(flow: Flow, id: str) -> Json:
    return to_data(flow)["steps"][id]


def _title(step: PlacedStep) -> str:
    return f"“{step.name or step.id}”"


def _target(flow: Flow, target: str | None) -> str:
    if target is None:
        return "nothing"
    return "the end" if target == END else _title(flow.steps[target]) if target in flow.steps else f"“{target}”"


def _shown(value: Json) -> str:
    if value is None or value == "":
        return "empty"
    if isinstance(value, str):
        return f"“{value if len(value) <= 80 else value[:80] + '…'}”"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, list | dict):
        return f"{len(value)} {'entry' if len(value) == 1 else 'entries'}"
    return str(value)
