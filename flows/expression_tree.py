"""From Jinja's syntax tree to functions: the allow-list of what an expression may do. What is not here is refused."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from difflib import get_close_matches
from typing import TypeVar

from jinja2 import nodes

from flows.expression_closures import always, application, comparison, part_of, variable
from flows.expression_filter import Filter, Test
from flows.expression_filters import FILTERS, TESTS
from flows.expression_operations import (
    add,
    divide,
    divide_whole,
    join_texts,
    keep_sign,
    multiply,
    negate,
    remainder,
    subtract,
)
from flows.expression_state import Evaluate, ExpressionError
from flows.expression_syntax import place_of
from flows.values import TooLarge, Value, clean_text, from_plain, to_text

_Word = TypeVar("_Word", Filter, Test)

_CALCULATIONS: Mapping[type[nodes.Node], Callable[[Value, Value], Value]] = {
    nodes.Add: add,
    nodes.Sub: subtract,
    nodes.Mul: multiply,
    nodes.Div: divide,
    nodes.FloorDiv: divide_whole,
    nodes.Mod: remainder,
}

_REFUSED: Mapping[type[nodes.Node], str] = {
    nodes.Call: "Nothing can be called in an expression; use a filter, as in {{ name | upper }}.",
    nodes.Pow: "Powers (**) are not allowed in an expression.",
    nodes.Slice: "Slices ([1:2]) are not allowed in an expression; use first, last, truncate or split.",
}


class Compiler:
    """Builds one template's functions and collects what they read.

    names: the variables; paths: the same with the keys that follow them, as "contact.phone".
    `quiet` below means that a missing value is nothing to warn of: the expression asks whether it is there.
    """

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.paths: set[str] = set()

    def compile(self, node: nodes.Expr, *, quiet: bool = False) -> Evaluate:
        """The function that works the node out.

        Raises:
            ExpressionError: it, or something in it, is not on the allow-list.
        """
        if isinstance(node, nodes.Name | nodes.Getattr | nodes.Getitem):
            return self._reading(node, quiet)
        if isinstance(node, nodes.Const):
            return always(_constant(node))
        if isinstance(node, nodes.BinExpr) and type(node) in _CALCULATIONS:
            return self._calculation(node)
        if isinstance(node, nodes.Filter | nodes.Test):
            return self._word(node, quiet)
        if isinstance(node, nodes.Compare):
            return self._comparison(node)
        if isinstance(node, nodes.Not | nodes.And | nodes.Or | nodes.CondExpr):
            return self._logic(node, quiet)
        if isinstance(node, nodes.Neg | nodes.Pos):
            inner, sign = self.compile(node.node), negate if isinstance(node, nodes.Neg) else keep_sign
            return lambda state: sign(inner(state))
        return self._structure(node)

    def _reading(self, node: nodes.Expr, quiet: bool) -> Evaluate:
        keys: list[nodes.Expr] = []
        while isinstance(node, nodes.Getattr | nodes.Getitem):
            keys.insert(0, _key(node))
            node = node.node
        worked_out = [self.compile(key) for key in keys]
        if not isinstance(node, nodes.Name):
            return part_of(self.compile(node), worked_out, "", quiet=True)
        _refuse_hidden(node, node.name)
        words = [_word_of(key) for key in keys]
        plain = words[: words.index("")] if "" in words else words
        self.names.add(node.name)
        self.paths.add(".".join([node.name, *plain]))
        if not keys:
            return variable(node.name, quiet=quiet)
        label = node.name + "".join(map(_shown, keys))
        return part_of(variable(node.name, quiet=True), worked_out, label, quiet=quiet)

    def _calculation(self, node: nodes.BinExpr) -> Evaluate:
        calculate = _CALCULATIONS[type(node)]
        left, right = self.compile(node.left), self.compile(node.right)
        return lambda state: calculate(left(state), right(state))

    def _word(self, node: nodes.Filter | nodes.Test, quiet: bool) -> Evaluate:
        word = _known(node, FILTERS, "filter") if isinstance(node, nodes.Filter) else _known(node, TESTS, "test")
        if word.reads_now:
            self.names.add("now")
            self.paths.add("now")
        if node.node is None:
            raise ExpressionError(place_of(node), "A filter needs a value before it.")
        quiet = quiet or word.takes_missing
        given = [self.compile(argument, quiet=quiet) if argument else always(None) for argument in _given(node, word)]
        return application(word, self.compile(node.node, quiet=quiet), given)

    def _comparison(self, node: nodes.Compare) -> Evaluate:
        terms = [node.expr, *(operand.expr for operand in node.ops)]
        with_none = any(isinstance(term, nodes.Const) and term.value is None for term in terms)
        compiled = [self.compile(term, quiet=with_none) for term in terms]
        return comparison([operand.op for operand in node.ops], compiled, with_none=with_none)

    def _logic(self, node: nodes.Not | nodes.And | nodes.Or | nodes.CondExpr, quiet: bool) -> Evaluate:
        if isinstance(node, nodes.Not):
            inner = self.compile(node.node, quiet=True)
            return lambda state: not inner(state)
        if isinstance(node, nodes.CondExpr):
            test, first = self.compile(node.test, quiet=True), self.compile(node.expr1, quiet=quiet)
            second = self.compile(node.expr2, quiet=quiet) if node.expr2 else always("")
            return lambda state: first(state) if test(state) else second(state)
        left, right = self.compile(node.left, quiet=True), self.compile(node.right, quiet=quiet)
        if isinstance(node, nodes.And):
            return lambda state: left(state) and right(state)
        return lambda state: left(state) or right(state)

    def _structure(self, node: nodes.Expr) -> Evaluate:
        if isinstance(node, nodes.Concat):
            values = [self.compile(part) for part in node.nodes]
            return lambda state: join_texts([value(state) for value in values])
        if isinstance(node, nodes.List | nodes.Tuple):
            parts = [self.compile(part) for part in node.items]
            return lambda state: [part(state) for part in parts]
        if isinstance(node, nodes.Dict):
            pairs = [(_object_key(pair), self.compile(pair.value)) for pair in node.items]
            return lambda state: {key: value(state) for key, value in pairs}
        sentence = _REFUSED.get(type(node), f"This cannot stand in an expression ({type(node).__name__}).")
        raise ExpressionError(place_of(node), sentence)


def _key(node: nodes.Getattr | nodes.Getitem) -> nodes.Expr:
    if isinstance(node, nodes.Getitem):
        return node.arg
    _refuse_hidden(node, node.attr)
    return nodes.Const(node.attr, lineno=node.lineno)


def _word_of(key: nodes.Expr) -> str:
    """The key where it is a word that may stand in a dotted path, else nothing."""
    value = key.value if isinstance(key, nodes.Const) else None
    return clean_text(value) if isinstance(value, str) and "." not in value else ""


def _shown(key: nodes.Expr) -> str:
    word = _word_of(key)
    if word:
        return f".{word}"
    return f"[{to_text(_constant(key))}]" if isinstance(key, nodes.Const) else "[…]"


def _refuse_hidden(node: nodes.Node, name: str) -> None:
    if name.startswith("_"):
        raise ExpressionError(place_of(node), f"“{name}” begins with an underscore; such names cannot be read.")


def _constant(node: nodes.Const) -> Value:
    try:
        return from_plain(node.value)
    except TooLarge as error:
        raise ExpressionError(place_of(node), str(error)) from error


def _object_key(pair: nodes.Pair) -> str:
    key = _constant(pair.key) if isinstance(pair.key, nodes.Const) else None
    if isinstance(key, str | Decimal):
        return to_text(key)
    raise ExpressionError(place_of(pair), "The keys of an object are written as texts.")


def _known(node: nodes.Filter | nodes.Test, words: Mapping[str, _Word], kind: str) -> _Word:
    word = words.get(node.name)
    if word is None:
        near = get_close_matches(node.name, words, 1)
        hint = f"; perhaps {near[0]}" if near else f"; there are {', '.join(sorted(words))}"
        raise ExpressionError(place_of(node), f"There is no {kind} “{node.name}”{hint}.")
    return word


def _given(node: nodes.Filter | nodes.Test, word: Filter | Test) -> Sequence[nodes.Expr | None]:
    """The parameters in the order of the filter's list; None where one is left out."""
    place, wanted = place_of(node), ", ".join(word.parameters) or "none"
    if node.dyn_args or node.dyn_kwargs:
        raise ExpressionError(place, "Parameters with * cannot stand in an expression.")
    if len(node.args) > len(word.parameters):
        raise ExpressionError(place, f"“{word.name}” has fewer parameters: {wanted}.")
    given = dict(zip(word.parameters, node.args, strict=False))
    for keyword in node.kwargs:
        name = str(keyword.key)
        if name not in word.parameters or name in given:
            raise ExpressionError(place, f"The parameters of “{word.name}” are: {wanted}.")
        given[name] = keyword.value
    lacking = [name for name in word.parameters[: word.required] if name not in given]
    if lacking:
        raise ExpressionError(place, f"“{word.name}” needs: {', '.join(lacking)}.")
    return [given.get(name) for name in word.parameters]
