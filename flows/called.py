"""Called flows: where a flow begins that another one runs, what it takes and gives, and which flows a flow runs."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from flows.ask import FlowVersion
from flows.document import Flow, PlacedStep
from flows.form import ID_PATTERN, Schema, choice, record, rows, text, value, variable, yes_no
from flows.mapping import row_type
from flows.step import Step, Trigger
from flows.values import ValueType
from flows.walk import Steps

_TYPES = {
    "as_is": "As it is",
    "text": "Text",
    "number": "Number",
    "boolean": "Yes or no",
    "date": "Date",
    "datetime": "Date and time",
    "list": "List",
    "object": "Object",
}
_SAYS = "up to 40 small letters, digits and underscores that begin with a letter"

TYPE: Schema = choice("Type", "What kind of value it becomes.", _TYPES, default="as_is")

INPUTS: Schema = rows(
    "Inputs",
    "What a flow that runs this one gives it; each becomes a variable.",
    record(
        {
            "name": variable("Name", "The variable's name."),
            "type": TYPE,
            "required": yes_no("Required", "Whether the flow cannot begin without it.", default=False),
            "default": value("Otherwise", "What it is when nothing is given."),
        },
        required=["name"],
    ),
    maximum=50,
)
OUTPUTS: Schema = rows(
    "Outputs",
    "What this flow gives back; its “End” steps work them out.",
    record(
        {"name": text("Name", "The output's name.", pattern=ID_PATTERN, says=_SAYS), "type": TYPE}, required=["name"]
    ),
    maximum=50,
)


def entry_of(flow: Flow, steps: Steps) -> PlacedStep | None:
    """The trigger at which a flow begins that another flow runs; None when no other flow can."""
    return next((placed for placed in flow.steps.values() if _is_entry(steps, placed)), None)


def calls_of(flow: Flow, steps: Steps) -> Iterator[tuple[PlacedStep, FlowVersion]]:
    """The flows a flow runs, each with the placed step that does; a step that cannot be asked about it runs none."""
    for placed in flow.steps.values():
        kind = steps.get(placed.type)
        if kind is None:
            continue
        for one in calls_by(kind, placed):
            yield placed, one


def typed(row: Mapping[str, Any]) -> ValueType | None:
    """The type a row gives its value; None keeps what came."""
    return row_type(row)


def calls_by(kind: Step, placed: PlacedStep) -> Sequence[FlowVersion]:
    """The flows that a placed step of a kind runs."""
    try:
        return list(kind.calls(placed.config))
    except Exception:  # noqa: BLE001 - a door: the step may be a plugin's, whose code can raise anything
        return ()


def _is_entry(steps: Steps, placed: PlacedStep) -> bool:
    kind = steps.get(placed.type)
    return isinstance(kind, Trigger) and kind.called
