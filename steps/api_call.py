"""The trigger `api_call`: another system starts the flow for a contact."""

import json
from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from flows.context import Context
from flows.event import ApiCalled
from flows.form import advanced, body, choice, filled, named, record, rows, unique, variable
from flows.outside_data import data_faults, schema_fault, wants_object
from flows.step import Claim, Config, Example, Json, Medium, Outcome, Problem, Take, Trigger
from flows.values import ValueType, to_json

_BUSY: Final = {
    "reject": "Refuse the call",
    "queue": "Start when the contact is free",
    "replace": "End the other run and start",
}
_ORDER: Final[Mapping[str, Json]] = {
    "numbers": ["support-line"],
    "schema": {"type": "object", "required": ["order"], "properties": {"order": {"type": "string"}}},
}


class ApiCallTrigger(Trigger):
    """Starts the flow when another system asks for it by the API, for one contact on one of these numbers, with an
    input: an order that was shipped, an invoice that is due. The input is checked before anything begins."""

    type: ClassVar[str] = "api_call"
    title: ClassVar[str] = "Called by the API"
    icon: ClassVar[str] = "api"
    media: ClassVar[frozenset[Medium]] = frozenset({"messages"})
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "numbers": unique(
                rows(
                    "Numbers",
                    "The numbers of ours by which the flow may write to the contact.",
                    named("number", "Number", "One of our numbers or messenger accounts."),
                    minimum=1,
                )
            ),
            "schema": body("JSON Schema of the input", "What the input must look like; empty takes any."),
            "variable": variable("Variable", "The name under which steps find the input; input unless told otherwise."),
            "when_busy": advanced(
                choice("While another run is under way", "What happens then.", _BUSY, default="reject")
            ),
        },
        required=["numbers"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "schema_invalid": "The input does not look as it should; the call is refused.",
        "already_running": "The contact is in another run, or with people, and the call is to be refused then.",
        "rate_limited": "More calls come than the installation takes; the caller is told when to try again.",
        "not_started": "The flow does not take the call any more when its turn comes.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "An order was shipped",
            _ORDER,
            leaves_by="next",
            turns=[ApiCalled(1, {"order": "A-17"})],
            sets={"input": {"order": "A-17"}},
        ),
        Example("Without input", {"numbers": ["support-line"]}, leaves_by="next", turns=[ApiCalled(1, {})]),
    )

    def summary(self, config: Config) -> str:
        """The numbers, and what the input holds."""
        schema = config.get("schema")
        fields = schema.get("properties") if isinstance(schema, Mapping) else None
        names = ", ".join(fields) if isinstance(fields, Mapping) else ""
        numbers = ", ".join(config.get("numbers", ())) or "no number yet"
        return f"{numbers}: {names}" if names else numbers

    def problems(self, config: Config) -> Sequence[Problem]:
        """A schema that is none."""
        sentence = schema_fault(config["schema"]) if "schema" in config else ""
        return [Problem("bad_schema", "schema", sentence, "Correct the schema.")] if sentence else []

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The input."""
        kind: ValueType | None = "object" if wants_object(config.get("schema")) else None
        return [(_name(config), kind, ("next",))] if config.get("numbers") else ()

    def claims(self, config: Config) -> Sequence[Claim]:
        """Calls of the API for this flow on its numbers; other flows may be called there too."""
        return [Claim("api", tuple(filled(self.schema, config).get("numbers", ())))]

    def matches(self, config: Config, context: Context) -> int | None:
        """Calls whose input fits."""
        happened = context.event.happened
        if not isinstance(happened, ApiCalled) or context.facts.conversation.get("number") not in config["numbers"]:
            return None
        return None if data_faults(config.get("schema", {}), json.loads(to_json(happened.input))) else 0

    def run(self, context: Context) -> Outcome:
        """Go on with the input."""
        happened = context.event.happened
        return Take("next", sets={_name(context.config): happened.input} if isinstance(happened, ApiCalled) else {})


def _name(config: Config) -> str:
    return str(config.get("variable") or "input")
