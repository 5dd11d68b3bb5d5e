"""A schedule trigger of a live flow as it was placed: its settings, and when it is due next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from app.desk.calendar_definition import stored_calendar
from app.desk.working_time import NeverOpens, openings
from app.errors import Invalid
from flows import document
from flows.form import filled
from steps.schedule import ScheduleTrigger, next_by_cron


@dataclass(frozen=True)
class Placed:
    """The settings of a placed schedule, with every default."""

    title: str
    config: Mapping[str, Any]

    @property
    def quiet_hours(self) -> str:
        """Such as "21-8"."""
        return f"{self.config['quiet_from']}-{self.config['quiet_to']}"


_LIVE: Final = """
    SELECT l.flow_id, l.step, l.version_id, l.number_id, v.document, f.name AS flow
    FROM live_numbers l JOIN versions v ON v.id = l.version_id JOIN flows f ON f.id = l.flow_id
    WHERE l.kind = 'schedule'
"""
_ONE: Final = f"{_LIVE} AND l.flow_id = :flow AND l.step = :step"


def live_schedules(session: Session) -> list[Row[Any]]:
    """Every schedule that is live."""
    return list(session.execute(text(_LIVE)))


def live_schedule(session: Session, flow_id: int, step: str) -> Row[Any] | None:
    """That one, when it is live."""
    return session.execute(text(_ONE), {"flow": flow_id, "step": step}).first()


def placed_at(row: Row[Any]) -> Placed:
    """The settings of a live schedule."""
    placed = document.read(row.document).steps[row.step]
    title = f"“{placed.name or placed.id}” of the flow “{row.flow}”"
    return Placed(title, filled(ScheduleTrigger.schema, placed.config))


def next_due(session: Session, placed: Placed, after: datetime) -> datetime | None:
    """When it starts next after an instant; None when it never does any more."""
    when = placed.config["when"]
    if when["by"] == "cron":
        zone = session.execute(text("SELECT zone FROM installation WHERE id = 1")).scalar()
        return next_by_cron(when, after, zone or "UTC")
    name = {"name": when["calendar"]}
    stored = session.execute(text("SELECT definition FROM calendars WHERE name = :name"), name).scalar()
    try:
        every = openings(stored_calendar(stored), after) if stored else iter(())
        return next((one.begins_at for one in every if one.begins_at > after), None)
    except (Invalid, NeverOpens):
        return None
