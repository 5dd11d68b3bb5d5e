"""Older documents in today's format: one pure function per format number, applied one after another."""

from collections.abc import Callable, Mapping
from typing import Any

from flows.errors import DocumentError

Document = Mapping[str, Any]

CURRENT_FORMAT = 1

# UPGRADES[n] makes a document of format n + 1 out of one of format n; it changes nothing it is given. A new key in the
# document is a new format, and its function here says what its absence meant.
UPGRADES: Mapping[int, Callable[[Document], Document]] = {}


def upgrade(
    document: Document,
    upgrades: Mapping[int, Callable[[Document], Document]] = UPGRADES,
    current: int = CURRENT_FORMAT,
) -> Document:
    """The document in the current format.

    Raises: DocumentError (missing_key, wrong_type, unknown_format).
    """
    if "format" not in document:
        raise DocumentError("format", f"This key is missing; today's documents have {current}.", "missing_key")
    number = document["format"]
    if isinstance(number, bool) or not isinstance(number, int):
        raise DocumentError("format", "This needs to be a whole number.", "wrong_type")
    if number > current:
        raise DocumentError(
            "format",
            f"This document has format {number}, which a newer Patchbay wrote; this one reads up to {current}. "
            "Update Patchbay, or export the flow from there again.",
            "unknown_format",
        )
    while number < current:
        if number not in upgrades:
            raise DocumentError("format", f"There is no format {number}.", "unknown_format")
        document = {**upgrades[number](document), "format": number + 1}
        number += 1
    return document
