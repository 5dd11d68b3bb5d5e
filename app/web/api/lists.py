"""Pages of lists: every list is bounded, goes on after the last one's place, and is searched by names."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import ColumnElement, or_, true
from sqlalchemy.orm import InstrumentedAttribute

from app.web.api.answers import PageData
from app.web.api.doors import Schema, text, whole

Row = TypeVar("Row")
Shown = TypeVar("Shown")

MOST: Final = 200
USUAL: Final = 50
PAGE: Final[Mapping[str, Schema]] = {"limit": whole(1, MOST), "after": whole(0)}
SEARCH: Final[Mapping[str, Schema]] = {"search": text(200)}


def searched(query: Mapping[str, Any], *columns: InstrumentedAttribute[str]) -> ColumnElement[bool]:
    """The rows where what is searched for is a part of one of these texts; all rows when nothing is."""
    part = str(query.get("search", "")).strip()
    return or_(*(column.icontains(part, autoescape=True) for column in columns)) if part else true()


def wanted(query: Mapping[str, Any]) -> int:
    """How many rows to read: one more than the page shows tells whether there is another page."""
    return int(query.get("limit", USUAL)) + 1


def page(
    rows: Sequence[Row],
    query: Mapping[str, Any],
    show: Callable[[Row], Shown],
    place: Callable[[Row], int | str],
) -> PageData[Shown]:
    """The page as data; `next` is the `after` of the following page, or null at the end."""
    most = wanted(query) - 1
    shown = rows[:most]
    return {"items": [show(row) for row in shown], "next": place(shown[-1]) if len(rows) > most else None}
