"""From a template's text to Jinja's syntax tree: the bounds that must hold before and after Jinja parses it."""

from collections.abc import Iterator
from decimal import Decimal

from jinja2 import Environment, TemplateSyntaxError, nodes

from flows.expression_state import ExpressionError

# Text between expressions may be as long as what a template may print; both kinds together stay a page.
MAXIMUM_SOURCE = 12_000
MAXIMUM_EXPRESSION = 2_000
MAXIMUM_NODES = 200
# Jinja's parser calls itself some 15 times per bracket; 20 deep stays far from the end of Python's stack.
_DEEPEST_BRACKETS = 20
# Working out takes a call or two per level; `a + b + c …` is a level per sign.
_DEEPEST_TREE = 100
# 200 nodes are never written with more words and signs than this.
_MOST_TOKENS = 800
_LONGEST_NUMBER = 400
_ESCAPES = frozenset("\n\\'\"abfnrtvxuUN01234567")

_SYNTAX = Environment(keep_trailing_newline=True, autoescape=False, optimized=False, cache_size=0)  # noqa: S701 - it renders nothing


def parse(source: str) -> list[nodes.Expr]:
    """The parts of a template in order: TemplateData for text, any other node for an expression.

    Raises:
        ExpressionError: the template is too long, not Jinja's syntax, or has statements.
    """
    if len(source) > MAXIMUM_SOURCE:
        raise ExpressionError("", f"A text with its expressions has at most {MAXIMUM_SOURCE:,} characters.")
    _check_tokens(source)
    try:
        template = _SYNTAX.parse(source)
    except TemplateSyntaxError as error:
        raise ExpressionError(f"line {error.lineno}", _sentence(error.message or "it cannot be read")) from error
    except RecursionError as error:
        raise ExpressionError("", "The expression is nested too deep; split it into several variables.") from error
    parts: list[nodes.Expr] = []
    for statement in template.body:
        if not isinstance(statement, nodes.Output):
            raise ExpressionError(place_of(statement), "Only {{ … }} may stand here, no {% … %}.")
        parts.extend(statement.nodes)
    _check_size(parts)
    return parts


def place_of(node: nodes.Node) -> str:
    """Where a node stands, for a sentence."""
    return f"line {node.lineno}"


def _check_tokens(source: str) -> None:
    length = signs = depth = comments = 0
    for line, kind, sign in _tokens(source):
        if kind != "data":
            length += len(sign)
            signs += kind != "whitespace"
        comments += (kind == "comment_begin") - (kind == "comment_end")
        if kind == "block_begin":
            raise ExpressionError(f"line {line}", "Only {{ … }} may stand here, no {% … %}.")
        if kind == "operator":
            depth += (sign in "([{") - (sign in ")]}")
        elif kind == "string":
            _check_string(line, sign)
        elif kind in {"integer", "float"}:
            _check_number(line, sign)
        if depth > _DEEPEST_BRACKETS:
            raise ExpressionError(f"line {line}", f"Brackets may be nested {_DEEPEST_BRACKETS} deep.")
    if comments:  # Jinja leaves out an unfinished one at the very end without a word
        raise ExpressionError("", "A comment begins with {# and ends with #}; this one has no end.")
    if length > MAXIMUM_EXPRESSION or signs > _MOST_TOKENS:
        raise ExpressionError("", f"The expressions of one text have at most {MAXIMUM_EXPRESSION:,} characters in all.")


def _tokens(source: str) -> Iterator[tuple[int, str, str]]:
    try:
        yield from _SYNTAX.lex(source)
    except TemplateSyntaxError as error:
        raise ExpressionError(f"line {error.lineno}", _sentence(error.message or "it cannot be read")) from error


def _check_string(line: int, token: str) -> None:
    # Python keeps an unknown escape as it stands and warns; a warning would reach nobody, so it is refused here.
    body = iter(token[1:-1])
    for letter in body:
        if letter == "\\" and (escaped := next(body, "")) not in _ESCAPES:
            raise ExpressionError(
                f"line {line}", f"“\\{escaped}” means nothing in a text; a backslash is written twice."
            )


def _check_number(line: int, token: str) -> None:
    digits = token.replace("_", "")
    if len(digits) > _LONGEST_NUMBER:
        raise ExpressionError(f"line {line}", f"A number has at most {_LONGEST_NUMBER} digits.")
    if not digits.isdigit() and digits[:2].lower() not in {"0x", "0b", "0o"} and _is_cut(digits):
        raise ExpressionError(f"line {line}", f'{digits} has too many digits; write it as a text: "{digits}" | number.')


def _is_cut(digits: str) -> bool:
    """Whether Jinja's reading of a decimal constant (a float) would lose some of it."""
    number = float(digits)
    return number in (float("inf"), float("-inf")) or Decimal(repr(number)) != Decimal(digits)


def _check_size(parts: list[nodes.Expr]) -> None:
    count = deepest = 0
    found: list[tuple[nodes.Node, int]] = [(part, 1) for part in parts if not isinstance(part, nodes.TemplateData)]
    while found:
        node, depth = found.pop()
        count, deepest = count + 1, max(deepest, depth)
        found.extend((child, depth + 1) for child in node.iter_child_nodes())
    if deepest > _DEEPEST_TREE:
        raise ExpressionError("", "The expression is nested too deep; split it into several variables.")
    if count > MAXIMUM_NODES:
        raise ExpressionError(
            "", f"The expressions of one text have at most {MAXIMUM_NODES} parts; these have {count}."
        )


def _sentence(message: str) -> str:
    return f"This is not written as an expression is: {message.rstrip('.')}."
