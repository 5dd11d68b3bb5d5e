"""The step `end`: ends the flow by an outcome of its own."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.context import Context
from flows.form import ID_PATTERN, ID_SAYS, filled, record, rows, text, value
from flows.step import Config, Example, Exit, Finish, Group, Json, Outcome, Step

DEFAULT_OUTCOME = "completed"


class EndStep(Step):
    """Ends the flow here. The outcome's name is counted in reports, and a flow that called this one goes on at the
    exit of that name with the output values."""

    type: ClassVar[str] = "end"
    title: ClassVar[str] = "End"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "flag"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "outcome": text(
                "Outcome",
                "A name for how the flow ended, such as sold.",
                default=DEFAULT_OUTCOME,
                pattern=ID_PATTERN,
                says=ID_SAYS,
            ),
            "outputs": rows(
                "Output values",
                "What a flow that called this one gets.",
                record(
                    {
                        "name": text(
                            "Name",
                            "The name of the output.",
                            pattern=ID_PATTERN,
                            says=ID_SAYS,
                        ),
                        "value": value("Value", "A text or an expression."),
                    },
                    required=["name", "value"],
                ),
                maximum=50,
            ),
        }
    )
    errors: ClassVar[Mapping[str, str]] = {}
    examples: ClassVar[Sequence[Example]] = (
        Example("Nothing more to do", {}, leaves_by="end"),
        Example(
            "With an outcome and an output",
            {"outcome": "sold", "outputs": [{"name": "total", "value": "{{ total }}"}]},
            leaves_by="end",
            variables={"total": "12.50"},
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """None: nothing follows."""
        return ()

    def summary(self, config: Config) -> str:
        """The outcome."""
        return str(config.get("outcome", DEFAULT_OUTCOME))

    def run(self, context: Context) -> Outcome:
        """End."""
        config = filled(self.schema, context.config)
        outputs = {row["name"]: context.value(row["value"]) for row in config.get("outputs", ())}
        return Finish(config["outcome"], outputs)
