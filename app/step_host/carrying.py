"""What travels between Patchbay and its step host: contexts one way, outcomes the other, as JSON data."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from flows import document, wire
from flows.context import Context
from flows.event import Event
from flows.limits import Limits
from flows.run import Run
from flows.step import Enter, Finish, Outcome, Take
from flows.values import Value, decode, encode, from_plain

Data = dict[str, Any]

_MOST_NOTED: Final = 500  # names in a trace, which every turn stores; a flow has some dozens of variables
_LONGEST_NAME: Final = 500


@dataclass(frozen=True)
class Noted:
    """What a step's templates read, for the trace."""

    inputs: Mapping[str, Value]
    missing: tuple[str, ...]


def context_to_data(context: Context) -> Data:
    """All of it but the flow, which seldom changes and travels by itself."""
    return {
        "step": context.step,
        "config": context.config,
        "run": wire.to_data(context.run),
        "event": wire.to_data(context.event),
        "limits": wire.to_data(context.limits),
        "kept": context.kept,
        "effects_before": context.effects_before,
    }


def context_from_data(flow: document.Flow, data: Data) -> Context:
    """What `context_to_data` was given, in that flow."""
    return Context(
        flow=flow,
        step=data["step"],
        config=data["config"],
        run=wire.from_data(Run, data["run"]),
        event=wire.from_data(Event, data["event"]),
        limits=wire.from_data(Limits, data["limits"]),
        kept=data["kept"],
        effects_before=data["effects_before"],
    )


def outcome_to_data(outcome: object) -> Data:
    """An outcome, its values as a run holds them. Raises: FlowError for what is none."""
    if isinstance(outcome, Take):
        outcome = replace(outcome, sets=_values(outcome.sets))
    elif isinstance(outcome, Enter):
        outcome = replace(outcome, inputs=_values(outcome.inputs))
    elif isinstance(outcome, Finish):
        outcome = replace(outcome, outputs=_values(outcome.outputs))
    return wire.to_data(outcome)


def outcome_from_data(data: object) -> Outcome:
    """Raises: FlowError."""
    outcome: Outcome = wire.from_data(Outcome, data)
    return outcome


def noted_to_data(context: Context) -> Data:
    """What the templates of a call have read."""
    return {"inputs": {name: encode(value) for name, value in context.inputs.items()}, "missing": context.missing}


def noted_from_data(data: Mapping[str, Any]) -> Noted:
    """Raises: FlowError, AttributeError, TypeError, ValueError for what a stranger put there."""
    read = list(dict(data["inputs"]).items())[:_MOST_NOTED]
    inputs = {str(name)[:_LONGEST_NAME]: decode(value) for name, value in read}
    return Noted(inputs, tuple(str(name)[:_LONGEST_NAME] for name in data["missing"][:_MOST_NOTED]))


def _values(given: object) -> Any:
    if not isinstance(given, Mapping):
        return given  # refused when it is written, by its place
    return {name: from_plain(value) for name, value in given.items()}
