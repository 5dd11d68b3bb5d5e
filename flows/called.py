"""Called flows: where a flow begins that another one runs, what it takes and gives, and which flows a flow runs."""

from collections.abc import Iterator, Sequence

from flows.ask import FlowVersion
from flows.document import Flow, PlacedStep
from flows.event import FlowCalled
from flows.form import ID_PATTERN, ID_SAYS, Schema, filled, record, rows, text, validate, value, variable, yes_no
from flows.mapping import TYPE, as_typed
from flows.plain_json import shortened
from flows.step import Step, Trigger
from flows.todays_config import todays_config
from flows.values import TypeMismatch
from flows.walk import Steps

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
        {"name": text("Name", "The output's name.", pattern=ID_PATTERN, says=ID_SAYS), "type": TYPE}, required=["name"]
    ),
    maximum=50,
)


def entry_of(flow: Flow, steps: Steps) -> PlacedStep | None:
    """The trigger at which a flow begins that another flow runs; None when no other flow can."""
    return next((placed for placed in flow.steps.values() if _is_entry(steps, placed)), None)


def misfits(flow: Flow, steps: Steps, called: FlowCalled) -> Iterator[tuple[str, str]]:
    """Why a flow cannot be run so: where (a part of FlowCalled, such as "inputs.order") and a sentence. Nothing about a
    flow that no other flow can run."""
    entry = entry_of(flow, steps)
    kind = steps.get(entry.type) if entry else None
    if entry is None or kind is None:
        return
    config, title = todays_config(kind, entry), entry.name or kind.title
    if faults := validate(kind.schema, config):
        yield "inputs", f"“{title}” is not filled in: {faults[0].sentence}"
        return
    if called.medium and called.medium not in kind.media_of(config):
        yield "medium", f"“{title}” does not work on {'calls' if called.medium == 'call' else 'messages'}."
    taken = {row["name"]: row for row in filled(kind.schema, config).get("inputs", ())}
    for name in called.inputs:
        if name not in taken:
            known = f"it takes {', '.join(taken)}" if taken else "it takes none"
            yield f"inputs.{shortened(name)}", f"The flow has no such input; {known}."
    for name, row in taken.items():
        given = called.inputs.get(name)
        if given is None and row.get("required"):
            yield f"inputs.{name}", f"The flow cannot begin without its input “{name}”: give it a value."
        try:
            as_typed(row, given)
        except TypeMismatch as reason:
            yield f"inputs.{name}", f"The input “{name}” does not fit: {reason}"


def calls_of(flow: Flow, steps: Steps) -> Iterator[tuple[PlacedStep, FlowVersion]]:
    """The flows a flow runs, each with the placed step that does; a step that cannot be asked about it runs none."""
    for placed in flow.steps.values():
        kind = steps.get(placed.type)
        if kind is None:
            continue
        for one in calls_by(kind, placed):
            yield placed, one


def calls_by(kind: Step, placed: PlacedStep) -> Sequence[FlowVersion]:
    """The flows that a placed step of a kind runs."""
    try:
        return list(kind.calls(placed.config))
    except Exception:  # noqa: BLE001 - a door: the step may be a plugin's, whose code can raise anything
        return ()


def _is_entry(steps: Steps, placed: PlacedStep) -> bool:
    kind = steps.get(placed.type)
    return isinstance(kind, Trigger) and kind.called
