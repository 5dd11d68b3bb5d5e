"""The functions that a compiled expression is made of: reading a name, comparing, applying a filter or a test."""

from collections.abc import Callable, Mapping, Sequence

from flows.expression_filter import Filter, Test
from flows.expression_operations import contains, equal, look_up, order
from flows.expression_state import Evaluate, State
from flows.values import Value

_COMPARISONS: Mapping[str, Callable[[Value, Value], bool]] = {
    "eq": equal,
    "ne": lambda left, right: not equal(left, right),
    "lt": lambda left, right: order(left, right) < 0,
    "lteq": lambda left, right: order(left, right) <= 0,
    "gt": lambda left, right: order(left, right) > 0,
    "gteq": lambda left, right: order(left, right) >= 0,
    "in": lambda left, right: contains(right, left),
    "notin": lambda left, right: not contains(right, left),
}


def always(value: Value) -> Evaluate:
    """The same value each time."""

    def constant(_state: State) -> Value:
        return value

    return constant


def variable(name: str, *, quiet: bool) -> Evaluate:
    """The value of a name in the scope; a missing one is noted unless quiet."""
    if quiet:
        return lambda state: state.scope.get(name)

    def read(state: State) -> Value:
        value = state.scope.get(name)
        if value is None:
            state.note_missing(name)
        return value

    return read


def part_of(whole: Evaluate, keys: Sequence[Evaluate], label: str, *, quiet: bool) -> Evaluate:
    """The value below one key after another; a missing one is noted by its label unless quiet."""

    def read(state: State) -> Value:
        value = whole(state)
        for key in keys:
            value = look_up(value, key(state))
        if value is None and not quiet:
            state.note_missing(label)
        return value

    return read


def comparison(operators: Sequence[str], terms: Sequence[Evaluate], *, with_none: bool) -> Evaluate:
    """Whether each term stands so to the next. With a missing value nothing does, unless the author wrote `none`."""

    def holds(operator: str, left: Value, right: Value) -> bool:
        if not with_none and (left is None or right is None):
            return False
        return _COMPARISONS[operator](left, right)

    if len(operators) == 1:
        operator, (first, second) = operators[0], terms
        return lambda state: holds(operator, first(state), second(state))

    def all_hold(state: State) -> Value:
        values = [term(state) for term in terms]
        return all(map(holds, operators, values, values[1:]))

    return all_hold


def application(word: Filter | Test, value: Evaluate, arguments: Sequence[Evaluate]) -> Evaluate:
    """The filter or test applied; without its value or a required parameter a filter gives nothing, a test no."""
    apply, required, takes_missing = word.apply, word.required, word.takes_missing
    nothing: Value = False if isinstance(word, Test) else None

    def applied(state: State) -> Value:
        first = value(state)
        given = [argument(state) for argument in arguments]
        if not takes_missing and (first is None or None in given[:required]):
            return nothing
        return apply(first, state.now(), *given) if word.reads_now else apply(first, *given)

    return applied
