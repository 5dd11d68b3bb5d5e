"""Reads that reckon with a missing value: `default`, `is defined`, and conditions that ask whether there is one."""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import nodes

from flows.check.survey import Placed
from flows.expression import ExpressionError
from flows.expression_syntax import parse
from flows.form.walk import fields, join

_FILTERS = frozenset({"default", "json"})  # `json` writes a missing value as null
_TESTS = frozenset({"defined", "undefined", "none", "empty"})
_OPERATORS = frozenset({"is_missing", "is_present", "is_empty"})


@lru_cache(maxsize=4_096)
def guarded_names(source: str) -> frozenset[str]:
    """The names a template reads in a way that expects them to be missing sometimes."""
    if "|" not in source and " is " not in source:  # most templates; saves parsing them again
        return frozenset()
    try:
        return frozenset(name for part in parse(source) for name in _guarded(part))
    except ExpressionError:
        return frozenset()


def conditions(placed: Placed) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(where, condition) of every condition in a config: a record with a value, what it is read as, and an operator,
    whichever step has it."""
    if placed.kind is None:
        return
    for path, _, setting in fields(placed.kind.schema, placed.config):
        if isinstance(setting, dict) and all(
            isinstance(setting.get(word), str) for word in ("value", "as", "operator")
        ):
            yield path, setting


def presence_fields(placed: Placed) -> frozenset[str]:
    """The fields whose very question is whether there is a value."""
    return frozenset(join(path, "value") for path, row in conditions(placed) if row["operator"] in _OPERATORS)


def _guarded(part: nodes.Node) -> Iterator[str]:
    found = [part, *part.find_all((nodes.Filter, nodes.Test))]
    for node in found:
        if (isinstance(node, nodes.Filter) and node.name in _FILTERS) or (
            isinstance(node, nodes.Test) and node.name in _TESTS
        ):
            inner = node.node
            if isinstance(inner, nodes.Name):
                yield inner.name
            elif inner is not None:
                yield from (name.name for name in inner.find_all(nodes.Name))
