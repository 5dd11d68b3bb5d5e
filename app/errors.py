"""What the house refuses: one tree; each is a sentence that names the thing and says what to do.

DomainError
├── NotFound     there is nothing of that name
├── Conflict     somebody else has it, or was faster
└── Invalid      it cannot be taken as it is
"""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """The root. `code` is a short stable word for programs, `details` plain JSON data."""

    code = "refused"

    def __init__(self, sentence: str, code: str = "", details: Mapping[str, Any] | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or type(self).code
        self.details: Mapping[str, Any] = details or {}


class NotFound(DomainError):
    """There is nothing of that name."""

    code = "not_found"


class Conflict(DomainError):
    """Somebody else has it, or was faster."""

    code = "conflict"


class Invalid(DomainError):
    """It cannot be taken as it is."""

    code = "invalid"
