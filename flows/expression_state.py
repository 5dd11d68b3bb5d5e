"""What working out an expression needs at hand: the names, what was found missing, the bounds, and the error."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TypeAlias

from flows.errors import FlowError
from flows.values import TooLarge, Value, clean_text, count_within, to_text

# The most an expression may build on its way. Variables have the same bound, so reading one is always possible.
MAXIMUM_BUILT = 65_536
# Parts of a list that a filter makes.
MAXIMUM_PARTS = 10_000


class ExpressionError(FlowError):
    """A template that is not allowed, or that cannot be worked out. `place` is the line in it, `sentence` says why."""

    def __init__(self, place: str, sentence: str) -> None:
        super().__init__(f"{place}: {sentence}" if place else sentence)
        self.place = place
        self.sentence = sentence


class State:
    """One working-out of a template: its scope, and the names that had no value, in the order they were met."""

    __slots__ = ("missing", "scope", "strict")

    def __init__(self, scope: Mapping[str, Value], strict: bool) -> None:
        self.scope = scope
        self.strict = strict
        self.missing: dict[str, None] = {}

    def note_missing(self, name: str) -> None:
        """Keeps the name of a value that is wanted and missing.

        Raises:
            ExpressionError: this place cannot do without it.
        """
        if self.strict:
            raise ExpressionError("", f"“{name}” has no value here, and this field cannot do without it.")
        self.missing[name] = None

    def now(self) -> datetime:
        """The turn's instant.

        Raises:
            ExpressionError: the scope has none.
        """
        now = self.scope.get("now")
        if not isinstance(now, datetime):
            raise ExpressionError("", "This needs the present time, and there is none here.")
        return now


Evaluate: TypeAlias = Callable[[State], Value]


def check_length(length: int) -> None:
    """Raises TooLarge before a text longer than 65,536 characters is built."""
    if length > MAXIMUM_BUILT:
        raise TooLarge(f"An expression would build a text of more than {MAXIMUM_BUILT:,} characters.")


def text_of(value: Value) -> str:
    """A value as a template prints it, cleaned; its size is checked before it is written out."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list | dict):
        check_length(count_within(value, MAXIMUM_BUILT))
        text = to_text(value)
        check_length(len(text))
        return clean_text(text)
    return to_text(value)
