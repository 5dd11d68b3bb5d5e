"""People's side: calendars, queues, their entries, and the problems people should see."""

from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

LIVE_ENTRY: Final = ("waiting", "active", "shown")
"""The states of an entry that is not over."""
_LIVE: Final = text(f"state IN {LIVE_ENTRY}")


class CalendarRow(Base):
    """When people work (`app.desk.calendar.Calendar`). Flows name it by `name`."""

    __tablename__ = "calendars"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    definition: Mapped[str] = mapped_column(Text)  # canonical JSON of app.desk.calendar_definition
    switched_to: Mapped[str] = mapped_column(Text, default="")  # open, closed, holiday; empty: as the timetable says
    switched_at: Mapped[datetime | None]
    switched_until: Mapped[datetime | None]
    switch_note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class Queue(Base):
    """A people's queue. Flows name it by `name`."""

    __tablename__ = "queues"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text)
    maximum_length: Mapped[int] = mapped_column(default=0)  # 0 = no limit
    maximum_wait_seconds: Mapped[int] = mapped_column(default=0)  # 0 = no limit of its own
    waiting_text: Mapped[str] = mapped_column(Text, default="{}")  # per language, spoken while a caller waits
    calendar_id: Mapped[int | None] = mapped_column(ForeignKey("calendars.id"))  # none: always open
    created_at: Mapped[datetime]


class QueueEntry(Base):
    """One conversation's stay in one queue. state: waiting, active, done, abandoned, timed_out, cancelled, or shown: a
    flow has the conversation, and people see that a message waits for one of its steps."""

    __tablename__ = "queue_entries"
    __table_args__ = (
        Index(
            "ux_one_live_entry",
            "conversation_id",
            unique=True,
            postgresql_where=_LIVE,
            sqlite_where=_LIVE,
        ),
        Index(
            "ix_entries_waiting",
            "queue_id",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    queue_id: Mapped[int] = mapped_column(ForeignKey("queues.id"))
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    run_id: Mapped[int | None]  # the run that waits for its end
    state: Mapped[str] = mapped_column(Text, default="waiting")
    priority: Mapped[int] = mapped_column(default=0)
    reason: Mapped[str] = mapped_column(Text, default="")
    original_enqueued_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    row_version: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime] = mapped_column(index=True)


class Problem(Base):
    """Something the errors page shows: a failed step, a dead or unknown message, an event set aside."""

    __tablename__ = "problems"
    __table_args__ = (Index("ix_problems_of_step", "step", "run_id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"), index=True)
    run_id: Mapped[int | None]
    version_id: Mapped[int | None] = mapped_column(index=True)  # whose step it is: a called flow's has its own
    step: Mapped[str] = mapped_column(Text, default="")
    kind: Mapped[str] = mapped_column(Text)
    message: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)
