"""What a mapping row makes of a value found in a response: the variable's value, or why it cannot be had."""

from collections.abc import Mapping
from typing import Any

from flows.errors import FlowError
from flows.values import VALUE_TYPES, TypeMismatch, Value, ValueType, convert


class NotMapped(FlowError):
    """A response lacks what a row needs; `kind` is mapping_missing or type_mismatch."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind = kind


def row_type(row: Mapping[str, Any]) -> ValueType | None:
    """The type a row gives its variable; None keeps what came."""
    return next((kind for kind in VALUE_TYPES if kind == row.get("type")), None)


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
    wanted = row_type(row)
    try:
        return convert(found, wanted) if wanted else found
    except TypeMismatch as reason:
        raise NotMapped("type_mismatch", f"{what} does not fit {row['variable']}: {reason}") from reason
