"""Numbers compared as texts: “10” comes before “9” then, and “5.0” is not “5”."""

from collections.abc import Iterator, Mapping

from flows.check.finding import Finding
from flows.check.guards import conditions
from flows.check.survey import Survey
from flows.expression import ExpressionError, Template
from flows.values import ValueType


def comparisons(survey: Survey) -> Iterator[Finding]:
    """Conditions that read a variable as text although it holds a number."""
    types = known_types(survey)
    for placed in survey.placed.values():
        for path, row in conditions(placed):
            if row["as"] != "text":
                continue
            name = _lone_name(row["value"])
            if name and types.get(name) == "number":
                yield placed.warning(
                    "number_as_text",
                    f"{path}.as",
                    f"{placed.title} compares “{name}” as text, and it is a number.",
                    "Compare it as a number.",
                )


def known_types(survey: Survey) -> Mapping[str, ValueType]:
    """The type of each variable: as declared, else the one that all steps that set it agree on."""
    found: dict[str, set[ValueType | None]] = {}
    for placed in survey.placed.values():
        for name, kind, _ in placed.sets:
            found.setdefault(name, set()).add(kind)
    agreed = {name: kind for name, kinds in found.items() if len(kinds) == 1 and (kind := next(iter(kinds)))}
    return agreed | {name: declared["type"] for name, declared in survey.flow.variables.items()}


def _lone_name(source: str) -> str:
    """The variable that a template is nothing but."""
    try:
        template = Template.compile(source)
    except ExpressionError:
        return ""
    if template.is_lone_expression and len(template.names) == 1 and source.strip("{} ") in template.names:
        return next(iter(template.names))
    return ""
