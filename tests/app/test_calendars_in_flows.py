"""Calendars as flows meet them: the switch counts at once, a closed queue lets nobody in, replays hold."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import update

from app.db import now, to_microseconds
from app.desk.calendar import DAYS
from app.models import CalendarRow, Queue
from flows import document, wire
from flows.record import TurnRecord, replay
from flows.values import canonical_json
from tests.app.calendars import weekly
from tests.app.drawn import Document, drawn, forwards, placed, sends, starts_with
from tests.app.house import Runtime

ALWAYS = weekly("00:00-24:00", days=DAYS)


def office(room: Runtime, weekly: dict[str, Any] = ALWAYS, **switch: Any) -> None:
    """A calendar, always open unless told otherwise; the queue `standard` keeps its hours."""
    definition = canonical_json({"zone": "Europe/Warsaw", "weekly": weekly})
    with room.house.database.transaction() as session:
        row = CalendarRow(name="office", title="Office", definition=definition, created_at=now(session), **switch)
        session.add(row)
        session.flush()
        session.execute(update(Queue).where(Queue.name == "standard").values(calendar_id=row.id))


def asks_the_hours() -> Document:
    """Says how the office stands."""
    steps = {
        "in": starts_with("keys", "hours"),
        "hours": placed(
            "opening_hours", {"calendar": "office"}, open="yes", closed="no", holiday="feast", failure="lost"
        ),
        **{
            id: sends(words)
            for id, words in (("yes", "Open"), ("no", "Closed"), ("feast", "Holiday"), ("lost", "{{ error.kind }}"))
        },
    }
    return drawn("Hours", steps)


def test_the_switch_counts_with_the_next_message_and_replays_stay_as_they_were(room: Runtime) -> None:
    room.publish(asks_the_hours())
    told = []
    for act in (
        "",
        "office",
        "UPDATE calendars SET switched_to = 'closed', switched_at = 0",
        "UPDATE calendars SET switched_to = 'holiday'",
        "UPDATE calendars SET switched_to = '', switched_at = NULL",
        'UPDATE calendars SET definition = \'{"zone": "Europe/Nowhere"}\'',
    ):
        if act == "office":
            office(room)
        elif act:
            room.execute(act)
        room.write("hello")
        room.drive()
        told.append(room.provider.texts[-1])
    assert told == ["calendar_missing", "Open", "Closed", "Holiday", "Open", "Closed"]
    room.execute("UPDATE queues SET calendar_id = NULL")
    room.execute("DELETE FROM calendars")
    flows = {str(row["id"]): document.read(row["document"]) for row in room.rows("SELECT id, document FROM versions")}
    turns = room.rows("SELECT record, trace FROM turns ORDER BY run_id, number")
    assert len(turns) == len(told)
    for row in turns:
        record = wire.read(TurnRecord, row["record"])
        assert canonical_json(list(replay(record, flows, room.house.steps).trace)) == row["trace"]


def test_outside_its_hours_a_queue_lets_nobody_in_and_people_get_nothing(room: Runtime) -> None:
    office(room, switched_to="closed", switched_at=datetime(2020, 1, 1, tzinfo=UTC))
    steps = {
        "in": starts_with("keys", "people"),
        "people": forwards(exits={"out_of_hours": "sorry"}),
        "sorry": sends("We are closed"),
    }
    room.publish(drawn("Closed", steps))
    room.write("hello")
    room.drive()
    assert (room.provider.texts, room.entries()) == (["We are closed"], [])
    later = to_microseconds(datetime.now(UTC) - timedelta(seconds=1))
    room.execute("UPDATE calendars SET switched_until = :until", until=later)
    room.write("hello again")
    room.drive()
    assert room.entries() == [("standard", "waiting")]


def test_who_writes_on_saturday_is_told_the_hours_and_when_they_begin_again(room: Runtime) -> None:
    office(room, weekly=weekly("08:00-17:00"))
    config = {"calendar": "office", "next_opening": "opens_at"}
    words = 'Monday to Friday, 8 to 17; again on day {{ opens_at | format_date("%u at %H:%M", "Europe/Warsaw") }}.'
    steps = {
        "in": starts_with("keys", "hours"),
        "hours": placed("opening_hours", config, open="end", closed="no", holiday="end"),
        "no": sends(words),
    }
    room.publish(drawn("Hours", steps))
    with room.house.database.reading() as session:
        at = now(session)
    saturday = at.replace(hour=11, minute=0, second=0, microsecond=0) + timedelta(days=(5 - at.weekday()) % 7 or 7)
    room.move_clock((saturday - at).total_seconds())
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["Monday to Friday, 8 to 17; again on day 1 at 08:00."]


def test_a_holiday_that_is_added_while_a_run_waits_for_the_opening_counts(room: Runtime) -> None:
    office(room, weekly=weekly("08:00-17:00"))
    steps = {
        "in": starts_with("keys", "wait"),
        "wait": placed("wait", {"calendar": "office"}, done="open"),
        "open": sends("We are open"),
    }
    room.publish(drawn("Opening", steps))
    with room.house.database.reading() as session:
        at = now(session)
    saturday = at.replace(hour=11, minute=0, second=0, microsecond=0) + timedelta(days=(5 - at.weekday()) % 7 or 7)
    room.move_clock((saturday - at).total_seconds())
    room.write("hello")
    room.drive()
    monday = f"{saturday + timedelta(days=2):%Y-%m-%d}"
    closed = canonical_json(
        {"zone": "Europe/Warsaw", "weekly": weekly("08:00-17:00"), "exceptions": [{"date": monday, "hours": []}]}
    )
    room.execute("UPDATE calendars SET definition = :it", it=closed)
    said = []
    for hours in (2 * 24, 24):
        room.move_clock(hours * 3_600)
        room.drive()
        said.append(room.provider.texts)
    assert said == [[], ["We are open"]]
