"""Taking the keys of one object of a document, each of its type; whatever is not taken is an unknown key."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from flows.errors import DocumentError
from flows.form import ID_PATTERN
from flows.plain_json import shortened
from flows.values import is_one_line

T = TypeVar("T")
_ID = re.compile(ID_PATTERN.removesuffix("$"))
_TYPE_WORDS = {
    str: "a text in quotes",
    int: "a whole number",
    bool: "true or false",
    dict: "an object, written in { }",
    list: "a list, written in [ ]",
}


class Keys:
    """One object of a document at its place."""

    def __init__(self, data: Any, path: str, known: Sequence[str]) -> None:
        self.path = path
        self._data = typed(data, dict, path)
        for key in self._data:
            if key not in known:
                raise DocumentError(
                    self.place(shortened(key)),
                    f"This key is unknown here; known are {', '.join(known)}.",
                    "unknown_key",
                )

    def place(self, key: str | int) -> str:
        """The place of a key, such as "steps.tier.name"."""
        return f"{self.path}.{key}" if self.path else str(key)

    def has(self, key: str) -> bool:
        """Whether the key is there."""
        return key in self._data

    def take(self, key: str, kind: type[T], default: T | None = None) -> T:
        """A value of a type; without a default the key has to be there."""
        if key not in self._data:
            if default is None:
                raise DocumentError(self.place(key), "This key is missing.", "missing_key")
            return default
        return typed(self._data[key], kind, self.place(key))

    def text(self, key: str, default: str | None = None, longest: int = 0) -> str:
        """A text; required ones need a character that can be seen. One with a `longest` is a name: one line."""
        found = self.take(key, str, default)
        if default is None and not found.strip():
            raise DocumentError(self.place(key), "This text needs to be filled in.")
        if longest and len(found) > longest:
            raise DocumentError(self.place(key), f"This text is longer than {longest} characters.")
        if longest and not is_one_line(found):
            raise DocumentError(self.place(key), "This needs to be one line: take out line breaks and tabs.")
        return found

    def identifier(self, key: str, default: str | None = None) -> str:
        """An id; an absent one is the default."""
        return identifier(self.take(key, str), self.place(key)) if default is None or self.has(key) else default

    def objects(self, key: str) -> Mapping[str, Any]:
        """An object whose keys are ids; empty when absent."""
        found = self.take(key, dict, {})
        for name in found:
            identifier(name, f"{self.place(key)}.{shortened(name)}")
        return found


def typed(value: Any, kind: type[T], path: str) -> T:
    """The value, when it has the type.

    Raises: DocumentError (wrong_type).
    """
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise DocumentError(path, f"This needs to be {_TYPE_WORDS[kind]}.", "wrong_type")
    return value


def identifier(text: Any, path: str) -> str:
    """The text, when it can be an id.

    Raises: DocumentError (bad_value, wrong_type).
    """
    if not _ID.fullmatch(typed(text, str, path)):
        raise DocumentError(path, "An id is up to 40 small letters, digits and underscores and begins with a letter.")
    return str(text)
