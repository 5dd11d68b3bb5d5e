"""Rows that give a value a type, and what a mapping row makes of a value found in a response."""

from collections.abc import Mapping
from typing import Any

from flows.errors import FlowError
from flows.form import Schema, choice
from flows.values import VALUE_TYPES, TypeMismatch, Value, ValueType, convert

_TITLES = {
    "as_is": "As it is",
    "text": "Text",
    "number": "Number",
    "boolean": "Yes or no",
    "date": "Date",
    "datetime": "Date and time",
    "list": "List",
    "object": "Object",
}
TYPE: Schema = choice("Type", "What kind of value it becomes.", _TITLES, default="as_is")


class NotMapped(FlowError):
    """A response lacks what a row needs; `kind` is mapping_missing or type_mismatch."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def row_type(row: Mapping[str, Any]) -> ValueType | None:
    """The type a row with the field TYPE gives its value; None keeps what came."""
    return next((kind for kind in VALUE_TYPES if kind == row.get("type")), None)


def as_typed(row: Mapping[str, Any], found: Value) -> Value:
    """The value as a row's type; a missing one stays missing. Raises: TypeMismatch."""
    wanted = row_type(row)
    return convert(found, wanted) if wanted else found


def mapped(row: Mapping[str, Any], found: Value) -> Value:
    """The variable's value: what was found as the row's type, else its default, else missing.

    Raises: NotMapped.
    """
    if found is None:
        if "default" in row:
            return _converted(row, row["default"], "The default")
        if row.get("required"):
            raise NotMapped("mapping_missing", f"The response has nothing at {row['path']}, and the row needs it.")
        return None
    return _converted(row, found, f"What the response has at {row['path']}")


def _converted(row: Mapping[str, Any], found: Value, what: str) -> Value:
    try:
        return as_typed(row, found)
    except TypeMismatch as reason:
        raise NotMapped("type_mismatch", f"{what} does not fit {row['variable']}: {reason}") from reason
