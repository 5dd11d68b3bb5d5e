"""The shape of a calendar as people write it (JSON Schema); what no shape can hold, `calendar_definition` refuses."""

from collections.abc import Mapping
from typing import Any, Final

from app.desk.calendar import DAYS
from app.desk.calendar_definition import MOST_EXCEPTIONS, MOST_SPANS_A_DAY

Shape = Mapping[str, Any]


def _text(most: int) -> Shape:
    return {"type": "string", "maxLength": most}


def _group(title: str, properties: Mapping[str, Shape], *required: str) -> Shape:
    return {
        "type": "object",
        "title": title,
        "additionalProperties": False,
        "properties": dict(properties),
        "required": list(required),
    }


_INTERVAL: Final = {"from": _text(5), "to": _text(5), "next_day": {"type": "boolean"}}
_HOURS: Final[Shape] = {
    "type": "array",
    "title": "the hours",
    "maxItems": MOST_SPANS_A_DAY,
    "items": _group("an interval", _INTERVAL, "from", "to"),
}
_EXCEPTION: Final = {"date": _text(10), "title": _text(80), "hours": _HOURS, "is_holiday": {"type": "boolean"}}
DEFINITION: Final[Mapping[str, Shape]] = {
    "zone": _text(60),
    "weekly": _group("weekly", dict.fromkeys(DAYS, _HOURS)),
    "country": _text(2),
    "subdivision": _text(40),
    "exceptions": {
        "type": "array",
        "maxItems": MOST_EXCEPTIONS,
        "items": _group("an exception", _EXCEPTION, "date"),
    },
}
_ABSENT: Final[Mapping[str, Any]] = {"weekly": {}, "country": "", "subdivision": "", "exceptions": []}


def definition_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """The whole definition in what was given in its shape: what is left out is empty."""
    return {name: given.get(name, _ABSENT.get(name)) for name in DEFINITION}
