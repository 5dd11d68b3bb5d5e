"""A kind of step as its class describes it, as JSON data, and the class words made of that."""

from collections.abc import Mapping
from typing import Any, Final

from flows import wire
from flows.ask import Answer
from flows.effect import Effect
from flows.event import Happening
from flows.form import check_schema
from flows.step import Example, Step, Trigger
from flows.values import Value, decode, encode, from_plain

Data = dict[str, Any]
CLASS_WORDS: Final = ("type", "title", "group", "icon", "format", "waits", "talks")


def description(step: Step) -> Data:
    """A kind of step as its class describes it. Raises: FlowError for examples that cannot be written down."""
    kind = type(step)
    return {
        **{word: getattr(step, word) for word in CLASS_WORDS},
        "schema": step.schema,
        "media": sorted(step.media),
        "at_once": sorted(step.at_once),
        "errors": dict(step.errors),
        "examples": [_example_to_data(example) for example in step.examples],
        "fails": step.fails(),
        "is_trigger": isinstance(step, Trigger),
        "called": isinstance(step, Trigger) and step.called,
        "doc": kind.__doc__ or "",
        "module": kind.__module__,
        "name": kind.__name__,
    }


def class_words(data: Mapping[str, Any]) -> Data:
    """The class attributes of a described kind. Raises: FlowError."""
    check_schema(data["schema"])
    return {
        **{word: data[word] for word in CLASS_WORDS},
        "schema": data["schema"],
        "media": frozenset(data["media"]),
        "at_once": frozenset(data["at_once"]),
        "errors": data["errors"],
        "called": data["called"],
        "examples": tuple(_example_from_data(example) for example in data["examples"]),
        "__doc__": data["doc"],
        "__module__": data["module"],
    }


def _example_to_data(example: Example) -> Data:
    effects = None if example.effects is None else [wire.to_data(effect) for effect in example.effects]
    return {
        "title": example.title,
        "config": wire.plain(example.config),
        "leaves_by": example.leaves_by,
        "turns": [wire.to_data(turn) for turn in example.turns],
        "variables": _written(example.variables),
        "contact": _written(example.contact),
        "on_call": example.on_call,
        "sets": None if example.sets is None else _written(example.sets),
        "effects": effects,
        "error": example.error,
        "kept": wire.plain(example.kept),
    }


def _example_from_data(data: Data) -> Example:
    return Example(
        title=data["title"],
        config=data["config"],
        leaves_by=data["leaves_by"],
        turns=[wire.from_data(Happening | Answer, turn) for turn in data["turns"]],
        variables=_read(data["variables"]),
        contact=_read(data["contact"]),
        on_call=data["on_call"],
        sets=None if data["sets"] is None else _read(data["sets"]),
        effects=None if data["effects"] is None else [wire.from_data(Effect, effect) for effect in data["effects"]],
        error=data["error"],
        kept=data["kept"],
    )


def _written(values: Mapping[str, Value]) -> Data:
    return {name: encode(from_plain(value)) for name, value in values.items()}


def _read(data: Data) -> dict[str, Value]:
    return {name: decode(value) for name, value in data.items()}
