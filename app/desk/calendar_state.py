"""What a calendar says at an instant: its timetable, unless somebody has switched it by hand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from app.desk.calendar import Calendar
from app.desk.local_time import zone_named
from app.desk.working_time import NeverOpens, Opening, openings
from flows.ask import CalendarStateAnswer, Hours


@dataclass(frozen=True)
class Switch:
    """The emergency switch of a calendar: what it says instead of its timetable from one instant to another.

    until: None: until somebody switches it back. note: why, in people's words.
    """

    to: Hours
    since: datetime
    until: datetime | None = None
    note: str = ""

    def holds_at(self, instant: datetime) -> bool:
        """Whether it is in force."""
        return self.since <= instant and (self.until is None or instant < self.until)


def state_of(calendar: Calendar, at: datetime, switch: Switch | None = None) -> CalendarStateAnswer:
    """What the calendar says at an instant; for one that never opens again there is no next opening."""
    try:
        if switch is not None and switch.holds_at(at):
            return _switched(calendar, switch)
        first, second = _next_two(openings(calendar, at))
    except NeverOpens as problem:
        return CalendarStateAnswer(exists=True, reason=str(problem), zone=calendar.zone)
    if first is not None and first.begins_at <= at:
        return _answer(calendar, "open", _title_on(calendar, at), second, first.ends_at)
    holiday = calendar.holiday_on(_local_day(calendar, at))
    reason = holiday or _title_on(calendar, at)
    return _answer(calendar, "holiday" if holiday else "closed", reason, first, first.ends_at if first else None)


def _switched(calendar: Calendar, switch: Switch) -> CalendarStateAnswer:
    """What the timetable says goes on where the switch ends."""
    reason = switch.note or "switched by hand"
    if switch.until is None:
        return _answer(calendar, switch.to, reason, None, None)
    first, second = _next_two(openings(calendar, switch.until))
    if switch.to != "open":
        return _answer(calendar, switch.to, reason, first, first.ends_at if first else None)
    if first is not None and first.begins_at <= switch.until:
        return _answer(calendar, "open", reason, second, first.ends_at)
    return _answer(calendar, "open", reason, first, switch.until)


def _answer(
    calendar: Calendar, state: Hours, reason: str, following: Opening | None, closing: datetime | None
) -> CalendarStateAnswer:
    return CalendarStateAnswer(
        exists=True,
        state=state,
        reason=reason,
        zone=calendar.zone,
        next_opening_at=following.begins_at if following else None,
        next_closing_at=closing,
    )


def _next_two(found: Iterator[Opening]) -> tuple[Opening | None, Opening | None]:
    return next(found, None), next(found, None)


def _title_on(calendar: Calendar, at: datetime) -> str:
    special = calendar.special_days.get(_local_day(calendar, at))
    return special.title if special else ""


def _local_day(calendar: Calendar, at: datetime) -> date:
    return at.astimezone(zone_named(calendar.zone) or UTC).date()
