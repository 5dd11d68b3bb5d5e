"""The conditions of a branch: their form, working them out, and what the trace says of each."""

from collections.abc import Iterator, Mapping
from typing import Any

from flows.comparing import OPERATORS, UNIT_SECONDS, Comparison, Condition, compare
from flows.context import Context
from flows.expression import Template
from flows.form import Schema, advanced, choice, record, rows, text, value, variants, yes_no
from flows.patterns import fault_of
from flows.phrase_mode import PHRASE_MODE
from flows.secrecy import HIDDEN
from flows.values import TypeMismatch, Value, convert, type_of

_TITLES = {
    "text": "Text",
    "number": "Number",
    "date": "Date",
    "boolean": "Yes or no",
    "list": "List",
    "any": "Anything",
}

_VALUE = value("Value", "What is looked at, usually a variable such as {{ loyalty_status }}.")
_OPERAND = value("Compared with", "What the value is held against.")
_OPERANDS = rows(
    "Compared with any of", "Several things the value is held against.", value("Entry", "One of them."), maximum=100
)
_EXACT = advanced(yes_no("Exactly", "Whether capitals and spaces around the text count.", default=False))
_FIELDS: Mapping[str, Mapping[str, Schema]] = {
    "text": {
        "operand": _OPERAND,
        "operands": _OPERANDS,
        "exact": _EXACT,
        "mode": PHRASE_MODE,
        "language": advanced(text("Language", "Of “these words in any form”; empty means the contact's.", default="")),
    },
    "number": {"operand": _OPERAND, "operand_to": value("Up to", "The upper end of “between”.")},
    "date": {
        "operand": _OPERAND,
        "operand_to": value("Up to", "The last day or instant of “between”."),
        "unit": choice(
            "Unit", "Of “within last” and “within next”.", {unit: unit for unit in UNIT_SECONDS}, default="days"
        ),
    },
    "boolean": {},
    "list": {"operand": _OPERAND, "operands": _OPERANDS, "exact": _EXACT},
    "any": {},
}


def _form(kind: str) -> Schema:
    words = {word: word.replace("_", " ") for word in OPERATORS[kind]}
    operator = choice("Operator", "How the value is compared.", words)
    return record({"value": _VALUE, "operator": operator, **_FIELDS[kind]}, required=["value", "operator"])


CONDITION: Schema = variants(
    "Condition", "One comparison.", "as", {kind: (title, _form(kind)) for kind, title in _TITLES.items()}
)


Tried = tuple[Comparison, Mapping[str, Any]]


def tried(context: Context, case: Mapping[str, Any]) -> Iterator[Tried]:
    """Each condition of a case, or its one expression, with what came out and what the trace says of it.

    Raises: ExpressionError, TooLarge, PatternError, PatternTimeout.
    """
    if "expression" in case:
        yield _expression(context, case["expression"])
    else:
        yield from (_condition(context, row) for row in case["conditions"])


def lacking(row: Mapping[str, Any]) -> str:
    """What the operator of a condition lacks, as a sentence; empty when it has all it needs."""
    operator, wanted = row["operator"].replace("_", " "), OPERATORS[row["as"]].get(row["operator"], "none")
    if wanted == "two" and not ("operand" in row and "operand_to" in row):
        return f"“{operator}” needs both ends."
    if wanted == "one" and "operand" not in row:
        return f"“{operator}” needs something to compare with."
    if wanted == "many" and "operand" not in row and not row.get("operands"):
        return f"“{operator}” needs at least one thing to compare with."
    return ""


def wrong_pattern(row: Mapping[str, Any]) -> str:
    """What is wrong with a condition's regular expression as a sentence; one that an expression makes is not known."""
    pattern = row.get("operand", "")
    is_literal = (row["as"], row["operator"]) == ("text", "matches") and "{{" not in pattern
    return fault_of(pattern) if is_literal else ""


def _expression(context: Context, source: str) -> Tried:
    found = context.value(source)
    comparison = _truth(found)
    return comparison, {
        "expression": source,
        "value": _shown(context, source, found),
        "type": type_of(found),
        **_told(comparison),
    }


def _condition(context: Context, row: Mapping[str, Any]) -> Tried:
    found = context.value(row["value"])
    wanted = OPERATORS[row["as"]][row["operator"]]
    names = {"none": (), "two": ("operand", "operand_to")}.get(wanted, ("operand",))
    sources = [row[name] for name in names if name in row] + list(row.get("operands", ()) if wanted == "many" else ())
    operands = [context.value(source) for source in sources]
    options = {name: row[name] for name in ("exact", "mode", "unit") if name in row}
    language = row.get("language") or context.language
    comparison = compare(
        Condition(found, row["as"], row["operator"], operands, context.now, language=language, **options)
    )
    return comparison, {
        "value": _shown(context, row["value"], found),
        "type": type_of(found),
        "as": row["as"],
        "operator": row["operator"],
        "operands": [_shown(context, *pair) for pair in zip(sources, operands, strict=True)],
        "operand_types": [type_of(operand) for operand in operands],
        **_told(comparison),
    }


def _truth(found: Value) -> Comparison:
    if found is None:
        return Comparison("missing", "The expression has no value.")
    try:
        return Comparison("true" if convert(found, "boolean") else "false", converted=not isinstance(found, bool))
    except TypeMismatch as reason:
        return Comparison("not_comparable", str(reason))


def _told(comparison: Comparison) -> Mapping[str, Any]:
    note = {"note": comparison.note} if comparison.note else {}
    return {"outcome": comparison.outcome, "converted": comparison.converted, **note}


def _shown(context: Context, source: str, found: Value) -> Any:
    """The value for the trace, which private variables never enter."""
    names = {path.split(".")[0] for path in Template.compile(source).paths}
    return HIDDEN if any(context.flow.variables.get(name, {}).get("private") for name in names) else found
