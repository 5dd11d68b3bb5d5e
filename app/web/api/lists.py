"""Pages of lists: every list is bounded and goes on after the last one's place."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from app.web.api.doors import Schema, whole

Row = TypeVar("Row")

MOST: Final = 200
USUAL: Final = 50
PAGE: Final[Mapping[str, Schema]] = {"limit": whole(1, MOST), "after": whole(0)}


def wanted(query: Mapping[str, Any]) -> int:
    """How many rows to read: one more than the page shows tells whether there is another page."""
    return int(query.get("limit", USUAL)) + 1


def page(
    rows: Sequence[Row],
    query: Mapping[str, Any],
    show: Callable[[Row], Mapping[str, Any]],
    place: Callable[[Row], int | str],
) -> dict[str, Any]:
    """The page as data; `next` is the `after` of the following page, or null at the end."""
    most = wanted(query) - 1
    shown = rows[:most]
    return {"items": [show(row) for row in shown], "next": place(shown[-1]) if len(rows) > most else None}
