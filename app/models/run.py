"""Runs, their turns, the journal of what they asked of the world, and the counts per step."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class RunRow(Base):
    """A run; its id is its starting event's id, so keys made before the first commit survive a crash."""

    __tablename__ = "runs"
    # Of an old installation's runs only those that people look for by their step; see app.web.api.run_queries.
    __table_args__ = (
        Index(
            "ix_runs_standing",
            "step_version_id",
            "status",
            "step",
            postgresql_where=text("status = 'waiting' OR outcome = 'failed'"),
            sqlite_where=text("status = 'waiting' OR outcome = 'failed'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"), index=True)
    state: Mapped[str] = mapped_column(Text)  # canonical JSON of flows.run.Run
    status: Mapped[str] = mapped_column(Text)  # waiting, ended
    outcome: Mapped[str] = mapped_column(Text, default="")
    turn: Mapped[int]
    # Where it stands, or stood last: the step, and the version whose step that is, which is a called flow's while the
    # run is in one. No foreign key: every turn would pay for looking at what only the commit itself writes.
    step_version_id: Mapped[int | None]
    step: Mapped[str] = mapped_column(Text, server_default="")
    unasked_hours: Mapped[str] = mapped_column(Text, server_default="")  # flows.run.Run.unasked_hours
    started_at: Mapped[datetime] = mapped_column(index=True)
    ended_at: Mapped[datetime | None]


class TurnRow(Base):
    """A recorded turn (flows.record.TurnRecord) and its trace, both canonical text."""

    __tablename__ = "turns"

    run_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    event_id: Mapped[int]
    record: Mapped[str] = mapped_column(Text)
    trace: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


class JournalEntry(Base):
    """The n-th Ask of a turn. state: sending (an unsafe request is under way), answered."""

    __tablename__ = "journal"

    run_id: Mapped[int] = mapped_column(primary_key=True)
    turn: Mapped[int] = mapped_column(primary_key=True)
    n: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    answer: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(index=True)


class StepCount(Base):
    """How often an exit of a placed step was taken in a quarter of an hour; `shard` spreads the hot row."""

    __tablename__ = "step_counts"

    version_id: Mapped[int] = mapped_column(primary_key=True)
    step: Mapped[str] = mapped_column(Text, primary_key=True)
    exit: Mapped[str] = mapped_column(Text, primary_key=True)
    quarter_at: Mapped[datetime] = mapped_column(primary_key=True)
    shard: Mapped[int] = mapped_column(primary_key=True)
    taken: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
