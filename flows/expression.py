"""Templates: texts with `{{ … }}` in them, compiled once, worked out often, and never able to do more than read values.

Jinja2 parses them; the tree is then compiled to functions of our own (`expression_tree`), so that nothing of Jinja's
runtime, and no Python attribute, can be reached. What a template prints is never read as a template again.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from jinja2 import nodes

from flows.expression_filters import FILTERS, TESTS
from flows.expression_filters_text import percent_encoded
from flows.expression_state import Evaluate, ExpressionError, State, text_of
from flows.expression_syntax import MAXIMUM_SOURCE, parse, place_of
from flows.expression_tree import Compiler
from flows.values import TooLarge, Value, clean_text, described, type_of

__all__ = ["FILTERS", "TESTS", "Evaluated", "ExpressionError", "Rendered", "Template", "TooLarge"]

# What a message, a body or an address may hold; more than that is nobody's text.
RENDERED_LIMIT = 10_000
_COMPILED_KEPT = 4_096
_LINE_BREAK = re.compile("\r\n?")  # Jinja2 writes each as \n, so a text without expressions does too
_NOT_IN_HEADERS = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Rendered:
    """A template's text, and the names that had no value there, in the order they were met."""

    text: str
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A template's value, and the names that had no value there."""

    value: Value
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Expression:
    """One `{{ … }}` of a template."""

    place: str
    label: str  # what a warning calls it when no name in it is to blame
    evaluate: Evaluate


@dataclass(frozen=True, slots=True)
class Template:
    """A text with expressions, checked and ready to be worked out.

    names: the variables it reads ("now" too, where a filter does); paths: the same with their keys ("contact.phone").
    is_lone_expression: it is one `{{ … }}` and nothing else, so its value keeps its type.
    """

    source: str
    names: frozenset[str]
    paths: frozenset[str]
    is_lone_expression: bool
    _parts: tuple[str | _Expression, ...]

    @staticmethod
    def compile(source: str) -> "Template":
        """The template of a text; the same text is compiled once.

        Raises:
            ExpressionError: with the place and a sentence, when it is not allowed.
        """
        return _compiled(source)

    def render(self, scope: Mapping[str, Value], *, strict: bool = False, limit: int = RENDERED_LIMIT) -> Rendered:
        """The text, at most `limit` characters; missing values are empty and named.

        Raises:
            ExpressionError: it cannot be worked out, or strict and a value is missing.
            TooLarge: it would be longer than the limit; nothing is returned by half.
        """
        state = State(scope, strict)
        return Rendered(self._text(state, text_of, limit), tuple(state.missing))

    def evaluate(self, scope: Mapping[str, Value], *, strict: bool = False, limit: int = RENDERED_LIMIT) -> Value:
        """The value of a lone expression with its type (None when missing), else the text.

        Raises:
            As render; the limit is for texts with other text around, a lone one may be any value.
        """
        return self.evaluate_noting(scope, strict=strict, limit=limit).value

    def evaluate_noting(
        self, scope: Mapping[str, Value], *, strict: bool = False, limit: int = RENDERED_LIMIT
    ) -> Evaluated:
        """As evaluate, with the names that had no value."""
        state = State(scope, strict)
        part = self._parts[0] if self.is_lone_expression else ""
        value = self._text(state, text_of, limit) if isinstance(part, str) else _worked_out(part, state)
        return Evaluated(value, tuple(state.missing))

    def render_address(self, scope: Mapping[str, Value], *, limit: int = RENDERED_LIMIT) -> str:
        """The text as an address: each value percent-encoded as one segment, which cannot leave its place.

        Raises:
            ExpressionError: as a strict render; or a value is a list, an object, or nothing but dots.
            TooLarge: as render.
        """
        return self._text(State(scope, strict=True), _as_segment, limit)

    def render_header(self, scope: Mapping[str, Value], *, limit: int = RENDERED_LIMIT) -> str:
        """The text as a header's value.

        Raises:
            ExpressionError: as a strict render; or it has line breaks or other control characters.
            TooLarge: as render.
        """
        text = self._text(State(scope, strict=True), _as_scalar, limit)
        if _NOT_IN_HEADERS.search(text):
            raise ExpressionError("", "A header cannot have line breaks or control characters in it.")
        return text

    def render_html(self, scope: Mapping[str, Value], *, limit: int = RENDERED_LIMIT) -> Rendered:
        """The text as HTML: what the author wrote is markup, each value is text in it.

        Raises:
            As render.
        """
        state = State(scope, strict=False)
        return Rendered(self._text(state, lambda value: escape(text_of(value)), limit), tuple(state.missing))

    def _text(self, state: State, written: Callable[[Value], str], limit: int) -> str:
        texts: list[str] = []
        length = 0
        for part in self._parts:
            text = part if isinstance(part, str) else _written(part, state, written)
            length += len(text)
            if length > limit:
                raise TooLarge(f"The text would be longer than {limit:,} characters.")
            texts.append(text)
        return "".join(texts)


def _written(part: _Expression, state: State, written: Callable[[Value], str]) -> str:
    try:
        return written(_worked_out(part, state))
    except ExpressionError as error:
        raise error if error.place else ExpressionError(part.place, error.sentence) from error


def _worked_out(part: _Expression, state: State) -> Value:
    noted = len(state.missing)
    try:
        value = part.evaluate(state)
        if value is None and len(state.missing) == noted:
            state.note_missing(part.label)
    except ExpressionError as error:
        raise error if error.place else ExpressionError(part.place, error.sentence) from error
    return value


def _as_scalar(value: Value) -> str:
    if isinstance(value, list | dict):
        raise ExpressionError("", f"Only a text, number or date can stand here, not {described(type_of(value))}.")
    return text_of(value)


def _as_segment(value: Value) -> str:
    text = _as_scalar(value)
    if text and not text.strip("."):
        raise ExpressionError("", "A value of dots alone would lead the address elsewhere.")
    return percent_encoded(text)


@lru_cache(maxsize=_COMPILED_KEPT)
def _compiled(source: str) -> Template:
    if "{" not in source:  # most texts; Jinja would find nothing in them either
        if len(source) > MAXIMUM_SOURCE:
            raise ExpressionError("", f"A text has at most {MAXIMUM_SOURCE:,} characters.")
        return Template(source, frozenset(), frozenset(), False, (clean_text(_LINE_BREAK.sub("\n", source)),))
    compiler, parts = Compiler(), parse(source)
    compiled = tuple(_part(node, compiler) for node in parts)
    lone = len(compiled) == 1 and not isinstance(compiled[0], str)
    return Template(source, frozenset(compiler.names), frozenset(compiler.paths), lone, compiled)


def _part(node: nodes.Expr, compiler: Compiler) -> str | _Expression:
    if isinstance(node, nodes.TemplateData):
        return clean_text(node.data)
    if isinstance(node, nodes.Tuple):
        raise ExpressionError(place_of(node), "Write a list in square brackets, as in {{ [a, b] }}.")
    before = set(compiler.paths)
    evaluate = compiler.compile(node)
    label = ", ".join(sorted(compiler.paths - before or compiler.paths)) or "this expression"
    return _Expression(place_of(node), label, evaluate)
