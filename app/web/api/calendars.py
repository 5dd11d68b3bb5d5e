"""The API's calendars: when people work. One that would never be open is refused, and one in use stays."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.accounts.audit import note_act
from app.accounts.roles import Right
from app.db import now
from app.desk.calendar_definition import calendar_of, refuse_never_open
from app.desk.calendar_shape import DEFINITION, definition_of
from app.errors import Conflict
from app.models import CalendarRow, Queue
from app.publishing.uses import flows_that_name
from app.web.api.answers import PageData
from app.web.api.calendar_views import CalendarData, shown_calendar
from app.web.api.doors import NAME, SLUG, Asked, Noun, fields
from app.web.api.lists import PAGE, SEARCH, page, searched, wanted
from app.web.api.references import named, refuse_taken
from flows.values import canonical_json

noun = Noun("calendars", Right.READ_SETTINGS, Right.EDIT_QUEUES)


@noun.get("/calendars", {**PAGE, **SEARCH})
def list_calendars(asked: Asked) -> PageData[CalendarData]:
    """All calendars, each with what it says now."""
    with asked.house.database.reading() as session:
        query = select(CalendarRow).where(CalendarRow.id > asked.query.get("after", 0)).order_by(CalendarRow.id)
        query = query.where(searched(asked.query, CalendarRow.name, CalendarRow.title))
        rows = session.scalars(query.limit(wanted(asked.query))).all()
        at = now(session)
    return page(rows, asked.query, lambda row: shown_calendar(row, at), lambda row: row.id)


@noun.post("/calendars", fields({"name": SLUG, "title": NAME, **DEFINITION}, "name", "title", "zone"), status=201)
def create_calendar(asked: Asked) -> CalendarData:
    """A new calendar. One that would never be open is refused."""
    with asked.house.database.transaction() as session:
        refuse_taken(session, CalendarRow, asked.body["name"])
        at = now(session)
        row = CalendarRow(name=asked.body["name"], switched_to="", switch_note="", created_at=at)
        _define(row, asked.body, at)
        session.add(row)
        note_act(session, asked.who, "create_calendar", row.name)
        session.flush()
        return shown_calendar(row, at)


@noun.get("/calendars/<calendar>")
def read_calendar(asked: Asked, calendar: str) -> CalendarData:
    """One calendar, with what it says now."""
    with asked.house.database.reading() as session:
        return shown_calendar(named(session, CalendarRow, calendar), now(session))


@noun.put("/calendars/<calendar>", fields({"title": NAME, **DEFINITION}, "title", "zone"))
def replace_calendar(asked: Asked, calendar: str) -> CalendarData:
    """Replaces a calendar whole; what is left out is empty. Its switch stays as it is."""
    with asked.house.database.transaction() as session:
        row, at = named(session, CalendarRow, calendar, locked=True), now(session)
        _define(row, asked.body, at)
        note_act(session, asked.who, "change_calendar", row.name)
        session.flush()
        return shown_calendar(row, at)


@noun.delete("/calendars/<calendar>")
def delete_calendar(asked: Asked, calendar: str) -> CalendarData:
    """Takes a calendar away that no queue and no flow uses."""
    with asked.house.database.transaction() as session:
        row = named(session, CalendarRow, calendar, locked=True)
        _refuse_used(asked, session, row)
        session.delete(row)
        note_act(session, asked.who, "delete_calendar", row.name)
        return shown_calendar(row, now(session))


def _define(row: CalendarRow, given: Mapping[str, Any], at: datetime) -> None:
    definition = definition_of(given)
    refuse_never_open(calendar_of(definition), at)
    row.title, row.definition = given["title"], canonical_json(definition)


def _refuse_used(asked: Asked, session: Session, row: CalendarRow) -> None:
    queues = list(session.scalars(select(Queue.name).where(Queue.calendar_id == row.id).order_by(Queue.name)))
    flows = flows_that_name(session, asked.house.steps, "calendar", row.name)
    if not queues and not flows:
        return
    users = [f"the queue “{name}”" for name in queues] + [f"the flow “{name}”" for name in flows]
    more = f" and {len(users) - 5} more" if len(users) > 5 else ""
    raise Conflict(
        f"The calendar “{row.name}” is used by {', '.join(users[:5])}{more}: choose another one there first.",
        "in_use",
        {"queues": queues[:50], "flows": flows[:50]},
    )
