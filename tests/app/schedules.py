"""Flows that a schedule starts: their contacts, their clock and the sweeps that begin them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.sweeper import Sweeper
from tests.app.drawn import Document, asks, drawn, placed, sends
from tests.app.house import Runtime

DAILY: Mapping[str, Any] = {"by": "cron", "expression": "0 10 * * *"}
ONE_DAY = 86_400
MONDAY = "2027-01-04T09:59:30+00:00"


def at(room: Runtime, instant: str) -> None:
    """Sets the clocks; the sweeper is a new one, as after a start."""
    offset = datetime.fromisoformat(instant) - datetime.now(UTC)
    room.execute("UPDATE clock SET offset_microseconds = :to", to=int(offset.total_seconds() * 1_000_000))


def contact(room: Runtime, number: int, consent: str = "given", zone: str = "", **more: Any) -> str:
    """A contact in the segment `all`; their telephone number."""
    address = f"+4860020{number:04}"
    room.execute("INSERT INTO segments (name, created_at, title) VALUES ('all', 1, '') ON CONFLICT (name) DO NOTHING")
    room.execute(
        "INSERT INTO contacts (name, language, attributes, account_manager, zone, consent, first_seen_at, created_at)"
        " VALUES (:name, '', '{}', '', :zone, :consent, 1, 1)",
        name=f"c{number}",
        zone=zone,
        consent=consent,
    )
    room.execute(
        "INSERT INTO addresses (contact_id, kind, value, opted_out_at, last_seen_at, created_at)"
        " SELECT id, :kind, :value, :out, 1, 1 FROM contacts WHERE name = :name",
        name=f"c{number}",
        value=address,
        kind=more.get("kind", "phone"),
        out=more.get("opted_out_at"),
    )
    room.execute(
        "INSERT INTO segment_members (contact_id, segment_id, added_at)"
        " SELECT k.id, s.id, 1 FROM contacts k, segments s WHERE k.name = :name",
        name=f"c{number}",
    )
    return address


def newsletter(*, to: str = "tell", **config: Any) -> Document:
    full = {"number": "keys", "when": DAILY, "audience": {"by": "segment", "segment": "all"}, **config}
    steps = {"due": placed("schedule", full, next=to), "tell": sends("News")}
    if to == "ask":
        steps["ask"] = asks("News?", to="tell")
    if to == "wait":
        steps["wait"] = placed("ask_question", {"text": {"en": "?"}, "answer": {"kind": "text"}}, reply="tell",
                               invalid="tell", timed_out="tell")  # fmt: skip
    return drawn("Newsletter", steps)


def sweep(room: Runtime, seconds: float = 0, times: int = 1) -> None:
    """The sweeper looks after so long, so many times a second; then everything runs."""
    sweeper = Sweeper(room.house)
    if seconds:
        room.move_clock(seconds)
    for n in range(times):
        sweeper.sweep()
        if n + 1 < times:
            room.move_clock(1)
    room.drive()


def told(room: Runtime) -> list[str]:
    """Whom the provider was given a message for, in order."""
    return [one.to for one in room.provider.taken.values()]


def live(room: Runtime, instant: str = MONDAY, **config: Any) -> None:
    """The newsletter is live, and its first occurrence planned."""
    at(room, instant)
    room.publish(newsletter(**config))
    sweep(room)


def states(room: Runtime) -> list[str]:
    return room.column("SELECT state FROM occurrences ORDER BY due_at, id")


def daily(instant: datetime) -> dict[str, Any]:
    return {"by": "cron", "expression": f"{instant.minute} {instant.hour} * * *"}
