"""Data from outside held against an author's JSON Schema: what such a schema may say, and what is wrong in sentences.

Nothing an author writes may fetch an address, go round in circles or take for ever: references are refused, patterns
run within a time limit (flows.patterns), and a schema has a size.
"""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from jsonschema.validators import extend

from flows.patterns import PatternError, PatternTimeout, fault_of, find_pattern
from flows.values import canonical_json

LARGEST_SCHEMA_BYTES: Final = 65_536
_WRITE_OUT: Final = "write out what it stands for"
# The last two look at everything inside them twice: nested in each other they take twice as long with each level.
_REFUSED: Final = {
    "$ref": _WRITE_OUT,
    "$dynamicRef": _WRITE_OUT,
    "$recursiveRef": _WRITE_OUT,
    "$schema": "leave it out, the schema is read as draft 2020-12",
    "patternProperties": "name each property under “properties”",
    "unevaluatedProperties": "name all properties in one place, beside “additionalProperties”",
    "unevaluatedItems": "describe the items with “items”",
}
_DEEPEST: Final = 32
_MOST_FAULTS: Final = 5


def schema_fault(schema: Any) -> str:
    """Why this is no schema that can be used here, as a sentence; empty when it is one."""
    if not isinstance(schema, Mapping):
        return 'A JSON Schema is an object such as {"type": "object"}.'
    if len(canonical_json(schema).encode()) > LARGEST_SCHEMA_BYTES:
        return f"The schema has more than {LARGEST_SCHEMA_BYTES:,} bytes."
    for fault in _refused(schema, 0):
        return fault
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as wrong:
        where = ".".join(str(part) for part in wrong.absolute_path)
        return f"This is no JSON Schema{f' ({where})' if where else ''}: {wrong.message[:200]}."
    return ""


def wants_object(schema: Any) -> bool:
    """Whether it surely takes nothing but objects; of one that is no schema yet, nothing is sure."""
    return isinstance(schema, Mapping) and schema.get("type") == "object"


def data_faults(schema: Mapping[str, Any], data: Any) -> list[str]:
    """What is wrong with the data, a few sentences; none when it fits. `data` is JSON."""
    faults = []
    for error in _Bounded(schema).iter_errors(data):
        where = ".".join(str(part) for part in error.absolute_path) or "The data"
        faults.append(f"{where}: {error.message[:200]}.")
        if len(faults) == _MOST_FAULTS:
            break
    return faults


def _refused(part: Any, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        yield f"The schema is nested more than {_DEEPEST} deep."
    elif isinstance(part, Mapping):
        for name, inner in part.items():
            if name in _REFUSED:
                yield f"“{name}” cannot be used here: {_REFUSED[name]}."
            elif name == "pattern" and isinstance(inner, str) and (sentence := fault_of(inner)):
                yield sentence
            else:
                yield from _refused(inner, depth + 1)
    elif isinstance(part, (list, tuple)):
        for inner in part:
            yield from _refused(inner, depth + 1)


def _pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    if not isinstance(instance, str):
        return
    try:
        fits = find_pattern(instance, pattern, exact=True) is not None
    except (PatternError, PatternTimeout):  # what cannot be checked is refused
        fits = False
    if not fits:
        yield ValidationError(f"{instance[:60]!r} does not match {pattern!r}")


def _multiple(_: Any, of: Any, instance: Any, __: Any) -> Iterator[ValidationError]:
    """As both are written: jsonschema finds that 19.99 is no multiple of 0.01, and breaks on very large numbers."""
    if isinstance(instance, bool) or not isinstance(instance, (int, float)):
        return
    unbounded = isinstance(instance, float) and not math.isfinite(instance)
    if unbounded or Fraction(str(instance)) % Fraction(str(of)):
        yield ValidationError(f"{instance!r:.60} is not a multiple of {of}")


def _unique(_: Any, wanted: bool, instance: Any, __: Any) -> Iterator[ValidationError]:
    """jsonschema compares each object with each other one: 5,000 take it a minute."""
    if not wanted or not isinstance(instance, (list, tuple)):
        return
    if len({_written(item) for item in instance}) < len(instance):
        yield ValidationError("two of the items are the same")


def _written(item: Any) -> str:
    try:
        return canonical_json(item)
    except ValueError:  # a number as large as 1E+999
        return repr(item)


_Bounded = extend(  # type: ignore[no-untyped-call]  # the stubs lack it
    Draft202012Validator, {"pattern": _pattern, "uniqueItems": _unique, "multipleOf": _multiple}
)
