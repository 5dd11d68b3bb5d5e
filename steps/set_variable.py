"""The step `set_variable`: gives variables of the run, or attributes of the contact, new values."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.context import Context
from flows.effect import UpdateContact
from flows.form import choice, filled, record, rows, value, variable
from flows.mapping import TYPE, as_typed, row_type
from flows.step import Config, Example, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import TypeMismatch, Value, ValueType, convert

_SCOPES = {"run": "This conversation's run", "contact": "The contact, for later conversations too"}


class SetVariableStep(Step):
    """Works out values and keeps them under names: for the rest of this run, or as attributes of the contact, which
    later conversations can read as contact.attributes. All rows are worked out before any is set, so that two can
    be swapped."""

    type: ClassVar[str] = "set_variable"
    title: ClassVar[str] = "Set variables"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "variable"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "variables": rows(
                "Variables",
                "What is set.",
                record(
                    {
                        "name": variable("Name", "The name later steps read it by."),
                        "type": TYPE,
                        "value": value("Value", "A text, or an expression such as {{ orders + 1 }}."),
                        "scope": choice("Kept", "Where it is kept.", _SCOPES, default="run"),
                    },
                    required=["name", "value"],
                ),
                minimum=1,
                maximum=50,
            )
        },
        required=["variables"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "expression_error": "An expression cannot be worked out.",
        "type_mismatch": "A value cannot be read as the type that is wanted.",
        "too_large": "A value would be larger than a variable may be.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "Count",
            {"variables": [{"name": "tries", "type": "number", "value": "{{ tries + 1 }}"}]},
            leaves_by="next",
            variables={"tries": convert("1", "number")},
            sets={"tries": convert("2", "number")},
        ),
        Example(
            "Remember for later conversations",
            {"variables": [{"name": "city", "value": "{{ message.text }}", "scope": "contact"}]},
            leaves_by="next",
            sets={},
            effects=[UpdateContact({"city": "hello"})],
        ),
        Example(
            "A text that is no number",
            {"variables": [{"name": "age", "type": "number", "value": "old"}]},
            leaves_by="failure",
            error="type_mismatch",
        ),
        Example(
            "A text times a number",
            {"variables": [{"name": "much", "value": "{{ message.text * 5 }}"}]},
            leaves_by="failure",
            error="expression_error",
        ),
    )

    def summary(self, config: Config) -> str:
        """The names and where their values come from."""
        return ", ".join(f"{row['name']} = {row['value']}" for row in config.get("variables", ()))

    def problems(self, config: Config) -> Sequence[Problem]:
        """A name that two rows set."""
        found: list[Problem] = []
        seen: set[tuple[str, str]] = set()
        for index, row in enumerate(config.get("variables", ())):
            key = (row["name"], row.get("scope", "run"))
            if key in seen:
                sentence = f"{row['name']} is set twice; only the last row would count."
                found.append(Problem("variable_twice", f"variables.{index}.name", sentence, "Remove one of the rows."))
            seen.add(key)
        return found

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The rows of this run."""
        rows = [row for row in config.get("variables", ()) if row.get("scope", "run") == "run"]
        return [(row["name"], row_type(row), ("next",)) for row in rows]

    def run(self, context: Context) -> Outcome:
        """Work out all rows, then set them."""
        sets: dict[str, Value] = {}
        attributes: dict[str, Value] = {}
        for row in filled(self.schema, context.config)["variables"]:
            found = context.value(row["value"])
            try:
                kept = as_typed(row, found)
            except TypeMismatch as reason:
                return fail("type_mismatch", f"{row['name']} cannot be set: {reason}")
            (attributes if row["scope"] == "contact" else sets)[row["name"]] = kept
        return Take("next", sets=sets, effects=[UpdateContact(attributes)] if attributes else [])
