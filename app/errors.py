"""What the house refuses: one tree; each is a sentence that names the thing and says what to do.

DomainError
├── NotFound     there is nothing of that name
├── Conflict     somebody else has it, or was faster
└── Invalid      it cannot be taken as it is
"""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """The root. `code` is a short stable word for programs, `details` plain JSON data.

    `field`: where it is one field that is refused, its place, so that a form shows the sentence there.
    """

    code = "refused"

    def __init__(
        self, sentence: str, code: str = "", details: Mapping[str, Any] | None = None, *, field: str = ""
    ) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or type(self).code
        faults = {"faults": [{"path": field, "sentence": sentence}]} if field else {}
        self.details: Mapping[str, Any] = {**(details or {}), **faults}


class NotFound(DomainError):
    """There is nothing of that name."""

    code = "not_found"


class Conflict(DomainError):
    """Somebody else has it, or was faster."""

    code = "conflict"


class Invalid(DomainError):
    """It cannot be taken as it is."""

    code = "invalid"
