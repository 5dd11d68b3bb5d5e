"""The trigger `called_by_flow`: another flow runs this one."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.called import INPUTS, OUTPUTS
from flows.context import Context
from flows.event import MessageReceived
from flows.form import choice, filled, record
from flows.mapping import as_typed, row_type
from flows.step import Claim, Config, Example, Json, Medium, Outcome, Problem, Take, Trigger, fail
from flows.values import TypeMismatch, Value, ValueType, convert

_MEDIA = {"both": "Calls and messages", "call": "Calls", "messages": "Messages"}
_WHERE: Mapping[str, frozenset[Medium]] = {
    "both": frozenset({"call", "messages"}),
    "call": frozenset({"call"}),
    "messages": frozenset({"messages"}),
}
_HELLO = MessageReceived("hello")
_ORDER: Mapping[str, Json] = {"inputs": [{"name": "order", "type": "number", "required": True}]}


class CalledByFlowTrigger(Trigger):
    """Begins the flow when another flow runs it, as the same conversation goes on. It has variables of its own: it gets
    the inputs listed here and gives back outputs by its “End” steps, whose outcomes are the ways in which the other
    flow goes on."""

    type: ClassVar[str] = "called_by_flow"
    title: ClassVar[str] = "Called by a flow"
    icon: ClassVar[str] = "arrow-bar-to-right"
    called: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "inputs": INPUTS,
            "outputs": OUTPUTS,
            "media": choice("Works on", "Where flows may run this one.", _MEDIA, default="both"),
        }
    )
    errors: ClassVar[Mapping[str, str]] = {
        "input_invalid": "A required input is missing, or one cannot be read as its type.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example("Without inputs", {}, leaves_by="next", turns=[_HELLO]),
        Example(
            "An input becomes a number",
            _ORDER,
            leaves_by="next",
            turns=[_HELLO],
            variables={"order": "42"},
            sets={"order": convert("42", "number")},
        ),
        Example(
            "An input that was not given",
            {"inputs": [{"name": "city", "default": "Łódź"}]},
            leaves_by="next",
            turns=[_HELLO],
            sets={"city": "Łódź"},
        ),
        Example(
            "One that was given goes before its value for “otherwise”",
            {"inputs": [{"name": "city", "default": "Łódź"}]},
            leaves_by="next",
            turns=[_HELLO],
            variables={"city": "Gdańsk"},
            sets={},
        ),
    )

    def summary(self, config: Config) -> str:
        """What comes in and what goes out."""
        takes, gives = (", ".join(row["name"] for row in config.get(key, ())) for key in ("inputs", "outputs"))
        return f"{takes or 'nothing'} → {gives}" if gives else takes or "Without inputs"

    def media_of(self, config: Config) -> frozenset[Medium]:
        """As its config says."""
        return _WHERE.get(config.get("media", "both"), self.media)

    def problems(self, config: Config) -> Sequence[Problem]:
        """Two inputs or outputs of one name, and a default that can never be used."""
        found: list[Problem] = []
        for key in ("inputs", "outputs"):
            names = [row["name"] for row in config.get(key, ())]
            for index, name in enumerate(names):
                if name in names[:index]:
                    sentence = f"“{name}” stands among the {key} twice."
                    found.append(Problem("name_twice", f"{key}.{index}.name", sentence, "Rename or remove one."))
        for index, row in enumerate(config.get("inputs", ())):
            if row.get("required") and "default" in row:
                sentence = f"“{row['name']}” is required, so its value for “otherwise” is never used."
                mend = "Remove the value, or let the input be left out."
                found.append(Problem("default_unused", f"inputs.{index}.default", sentence, mend, "warning"))
        return found

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The inputs; surely set are those that are required or have a value otherwise."""
        return [
            (row["name"], row_type(row), ("next",) if row.get("required") or "default" in row else ())
            for row in config.get("inputs", ())
        ]

    def claims(self, config: Config) -> Sequence[Claim]:
        """Nothing that comes from outside."""
        return ()

    def matches(self, config: Config, context: Context) -> int | None:
        """Nothing that comes from outside."""
        return None

    def run(self, context: Context) -> Outcome:
        """Read the inputs, which the run begins with, as their types."""
        sets: dict[str, Value] = {}
        for row in filled(self.schema, context.config).get("inputs", ()):
            name = row["name"]
            given = context.run.variables.get(name)
            if given is None and row["required"]:
                return fail("input_invalid", f"This flow needs “{name}”, and the flow that runs it gives none.")
            if given is None and "default" in row:
                given = context.value(row["default"])
            try:
                sets[name] = as_typed(row, given)
            except TypeMismatch as reason:
                return fail("input_invalid", f"The input “{name}” does not fit: {reason}")
        return Take("next", sets=sets)
