"""The words of a test: an object with one word of a table says what happens, or what is expected."""

from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from flows import form
from flows.errors import DocumentError
from flows.plain_json import shortened

Json = Any
Schema = Mapping[str, Any]

TRUE: Schema = {"const": True}
TEXT: Schema = {"type": "string", "maxLength": 20_000}
NAME: Schema = {"type": "string", "minLength": 1, "maxLength": 200}


class Word(Protocol):
    """What a table of words says of each."""

    @property
    def schema(self) -> Schema:
        """What may stand at the word."""

    @property
    def more(self) -> Mapping[str, Schema]:
        """What may stand beside it."""


W = TypeVar("W", bound=Word)


def the_word(words: Mapping[str, W], data: Json, path: str, what: str) -> tuple[str, W]:
    """The one word of an object, once everything in it fits.

    Raises: DocumentError with the place and a sentence.
    """
    if not isinstance(data, Mapping):
        raise DocumentError(path, f"{what} is an object such as {{“{next(iter(words))}”: …}}.", "wrong_type")
    found = [key for key in data if key in words]
    if len(found) != 1:
        named = f", not {', '.join(map(shortened, found))} together" if found else ""
        raise DocumentError(path, f"{what} has exactly one of these words{named}: {', '.join(words)}.", "unknown_key")
    name, word = found[0], words[found[0]]
    allowed = {name: word.schema, **word.more}
    for key, value in data.items():
        place = f"{path}.{shortened(key)}"
        if key not in allowed:
            known = f"; beside it may stand {', '.join(word.more)}" if word.more else ""
            raise DocumentError(place, f"This stands beside “{name}” and means nothing there{known}.", "unknown_key")
        for fault in form.validate({"title": f"“{key}”", **allowed[key]}, value):
            raise DocumentError(f"{place}.{fault.path}".rstrip("."), fault.sentence)
    return name, word
