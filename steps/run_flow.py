"""The step `run_flow`: runs another flow, and goes on by how that ended."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.ask import Answer, FlowVersion, FlowVersionAnswer
from flows.context import Context
from flows.event import Event, FlowEnded
from flows.form import ID_PATTERN, ID_SAYS, advanced, exit_id, filled, named, record, rows, text, value, variable, whole
from flows.mapping import TYPE, as_typed, row_type
from flows.step import Ask, Config, Enter, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import TypeMismatch, Value, ValueType, convert

_COMPLETED = "completed"
_ADDRESS: Mapping[str, Json] = {
    "flow": "Address check",
    "inputs": [{"name": "order", "value": "{{ order }}"}],
    "outcomes": [{"id": "rejected", "title": "Rejected"}],
    "outputs": [{"output": "total", "variable": "price", "type": "number"}],
}


class RunFlowStep(Step):
    """Runs another flow in the same conversation and goes on when that has ended: by “completed”, or by the exit of the
    outcome its “End” step names. The other flow has variables of its own: it gets the inputs and gives back the
    outputs you list. If it fails and does not get over it, this step fails."""

    type: ClassVar[str] = "run_flow"
    title: ClassVar[str] = "Run a flow"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "subtask"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "flow": named("flow", "Flow", "A flow that begins with “Called by a flow”."),
            "version": advanced(
                whole("Version", "Always this version; empty means the latest that is published.", minimum=1)
            ),
            "inputs": rows(
                "Inputs",
                "What the other flow gets.",
                record(
                    {
                        "name": text("Name", "The input's name there.", pattern=ID_PATTERN, says=ID_SAYS),
                        "value": value("Value", "A text, or an expression such as {{ order }}."),
                    },
                    required=["name", "value"],
                ),
                maximum=50,
            ),
            "outputs": rows(
                "Outputs",
                "What the other flow gives back, kept in variables of this flow.",
                record(
                    {
                        "output": text("Output", "Its name there.", pattern=ID_PATTERN, says=ID_SAYS),
                        "variable": variable("Variable", "The name later steps read it by."),
                        "type": TYPE,
                    },
                    required=["output", "variable"],
                ),
                maximum=50,
            ),
            "outcomes": rows(
                "Outcomes",
                "How the other flow may end, besides “completed”; each is an exit.",
                record(
                    {
                        "id": exit_id("Name", "As its “End” step names it, such as sold."),
                        "title": text("Title", "What the canvas shows; empty shows the name.", default=""),
                    },
                    required=["id"],
                ),
                maximum=48,
            ),
        },
        required=["flow"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "flow_missing": "There is no flow of that name.",
        "not_published": "The flow has never been published, or has no such version.",
        "not_callable": "The flow does not begin with “Called by a flow”.",
        "input_invalid": "The other flow lacks an input it needs, or cannot read one as its type.",
        "depth_exceeded": "Flows run each other deeper than allowed; the message names them.",
        "outcome_unexpected": "The other flow ended by an outcome for which this step has no exit.",
        "type_mismatch": "An output cannot be read as the wanted type.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "It completes and gives something back",
            _ADDRESS,
            leaves_by=_COMPLETED,
            turns=[FlowVersionAnswer("called"), FlowEnded(_COMPLETED, {"total": "12.50"})],
            variables={"order": "42"},
            sets={"price": convert("12.50", "number")},
        ),
        Example(
            "An outcome of its own",
            _ADDRESS,
            leaves_by="rejected",
            turns=[FlowVersionAnswer("called"), FlowEnded("rejected")],
        ),
        Example(
            "No such flow",
            {"flow": "Adress check"},
            leaves_by="failure",
            turns=[FlowVersionAnswer("", "There is no flow “Adress check”.", "flow_missing")],
            error="flow_missing",
        ),
        Example(
            "A flow that was never published",
            {"flow": "Address check"},
            leaves_by="failure",
            turns=[FlowVersionAnswer("", "The flow “Address check” is not published.", "not_published")],
            error="not_published",
        ),
        Example(
            "An outcome without an exit",
            {"flow": "Address check"},
            leaves_by="failure",
            turns=[FlowVersionAnswer("called"), FlowEnded("rejected")],
            error="outcome_unexpected",
        ),
        Example(
            "An output that is no number",
            _ADDRESS,
            leaves_by="failure",
            turns=[FlowVersionAnswer("called"), FlowEnded(_COMPLETED, {"total": "a lot"})],
            error="type_mismatch",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """`completed`, then one per declared outcome."""
        declared = [Exit(row["id"], row.get("title") or row["id"]) for row in config.get("outcomes", ())]
        return (Exit(_COMPLETED), *declared)

    def summary(self, config: Config) -> str:
        """The flow, and its version when that is fixed."""
        version = f", version {config['version']}" if config.get("version") else ""
        return f"{config.get('flow') or 'No flow yet'}{version}"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Outcomes, inputs and variables that stand there twice."""
        taken, found = {_COMPLETED, "failure"}, []
        for index, row in enumerate(config.get("outcomes", ())):
            if row["id"] in taken:
                sentence = f"The exit {row['id']} exists already."
                found.append(Problem("exit_twice", f"outcomes.{index}.id", sentence, "Choose another name."))
            taken.add(row["id"])
        for key, part in (("inputs", "name"), ("outputs", "variable")):
            names = [row[part] for row in config.get(key, ())]
            for index, name in enumerate(names):
                if name in names[:index]:
                    sentence = f"“{name}” stands among the {key} twice; only the last would count."
                    found.append(Problem("name_twice", f"{key}.{index}.{part}", sentence, "Remove one of the rows."))
        return found

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The outputs, however the flow ended."""
        ways = [way.id for way in self.exits(config)]
        return [(row["variable"], row_type(row), ways) for row in config.get("outputs", ())]

    def calls(self, config: Config) -> Sequence[FlowVersion]:
        """The one flow."""
        return [_wanted(config)] if config.get("flow") else []

    def run(self, context: Context) -> Outcome:
        """Ask for the version, which is fixed from then on."""
        return Ask(_wanted(context.config))

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Enter the flow."""
        if not isinstance(answer, FlowVersionAnswer):
            raise TypeError(f"A flow's version was asked for, and {type(answer).__name__} came.")
        if not answer.version:
            kind = answer.error if answer.error in self.errors else "flow_missing"
            return fail(kind, answer.message or self.errors[kind])
        inputs = {row["name"]: context.value(row["value"]) for row in context.config.get("inputs", ())}
        return Enter(answer.version, inputs)

    def resume(self, context: Context, event: Event) -> Outcome:
        """Take over the outputs, and go on by the outcome."""
        ended = event.happened
        if not isinstance(ended, FlowEnded):
            raise TypeError(f"The end of a flow was awaited, and {type(ended).__name__} came.")
        why = {"outcome": ended.outcome}
        sets: dict[str, Value] = {}
        for row in filled(self.schema, context.config).get("outputs", ()):
            try:
                sets[row["variable"]] = as_typed(row, ended.outputs.get(row["output"]))
            except TypeMismatch as reason:
                return fail("type_mismatch", f"The output “{row['output']}” does not fit: {reason}", why=why)
        if ended.outcome not in {way.id for way in self.exits(context.config)}:
            told = f"The flow “{context.config['flow']}” ended by “{ended.outcome}”"
            return fail("outcome_unexpected", f"{told}, and this step has no exit for that: add the outcome.", why=why)
        return Take(ended.outcome, sets=sets, why=why)


def _wanted(config: Config) -> FlowVersion:
    return FlowVersion(config["flow"], str(config["version"]) if config.get("version") else "")
