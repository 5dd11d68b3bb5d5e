"""The API's opening hours: what a calendar says now, at an instant and in the days to come; its emergency switch."""

from datetime import UTC, datetime
from typing import Final, TypedDict

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.db import now
from app.desk.calendar_definition import stored_calendar
from app.desk.calendar_preview import preview
from app.desk.calendars import row_state
from app.desk.public_holidays import subdivisions
from app.errors import Invalid
from app.models import CalendarRow
from app.web.api.answers import PageData
from app.web.api.calendar_views import CalendarData, CalendarStateData, said, shown_calendar, shown_day
from app.web.api.doors import Asked, Noun, fields, one_of, text, whole
from app.web.api.lists import PAGE, page, wanted
from app.web.api.references import named

noun = Noun("calendar_hours", Right.READ_SETTINGS, Right.EDIT_QUEUES)


class HolidayCountryData(TypedDict):
    """A country, and the parts of it that have public holidays of their own."""

    country: str
    subdivisions: list[str]


_MOST_DAYS, _USUAL_DAYS = 62, 14
_FIRST_YEAR, _LAST_YEAR = 1970, 2200
_INSTANT: Final = text(40)


@noun.put(
    "/calendars/<calendar>/switch",
    fields({"to": one_of("timetable", "open", "closed", "holiday"), "until": _INSTANT, "note": text(200)}, "to"),
)
def switch_calendar(asked: Asked, calendar: str) -> CalendarData:
    """The emergency switch: open, closed or holiday at once for every flow and queue.

    It stays so until an instant, or until further notice; `timetable` ends it.
    """
    until = _instant(asked.body["until"], "until") if asked.body.get("until") else None
    with asked.house.database.transaction() as session:
        row, at = named(session, CalendarRow, calendar, locked=True), now(session)
        to = asked.body["to"]
        if to == "timetable" and until is not None:
            raise Invalid("The timetable has no end: leave “until” out.", "bad_switch", field="until")
        if until is not None and until <= at:
            raise Invalid(
                "The switch would end in the past: give a later “until”, or leave it out.", "bad_switch", field="until"
            )
        switched = to != "timetable"
        row.switched_to, row.switched_at = (to, at) if switched else ("", None)
        row.switched_until, row.switch_note = until, asked.body.get("note", "") if switched else ""
        note_act(session, asked.who, "switch_calendar", f"{row.name}: {to}")
        session.flush()
        return shown_calendar(row, at)


@noun.get("/calendars/<calendar>/state", {"at": _INSTANT, "days": whole(0, _MOST_DAYS)})
def read_calendar_state(asked: Asked, calendar: str) -> CalendarStateData:
    """What a calendar says now or at an instant, when it opens and closes next, and the days from there on."""
    with asked.house.database.reading() as session:
        row = named(session, CalendarRow, calendar)
        at = _instant(asked.query["at"], "at") if "at" in asked.query else now(session)
    days = preview(stored_calendar(row.definition), at, asked.query.get("days", _USUAL_DAYS))
    return {"at": at.isoformat(), **said(row_state(row, at)), "days": [shown_day(one) for one in days]}


@noun.get("/holiday-countries", {**PAGE, "after": text(2)})
def list_holiday_countries(asked: Asked) -> PageData[HolidayCountryData]:
    """The countries whose holidays are known, each with its subdivisions."""
    known = sorted(code for code in subdivisions() if code > asked.query.get("after", ""))
    return page(
        known[: wanted(asked.query)],
        asked.query,
        lambda code: {"country": code, "subdivisions": list(subdivisions()[code])},
        lambda code: code,
    )


def _instant(given: str, name: str) -> datetime:
    try:
        instant = datetime.fromisoformat(given)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None or not _FIRST_YEAR <= instant.year <= _LAST_YEAR:
        sentence = f"“{name}” needs to be an instant with its zone, such as 2026-12-24T10:00:00Z."
        raise Invalid(sentence, "bad_instant", field=name)
    return instant.astimezone(UTC)
