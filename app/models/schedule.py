"""Occurrences of schedules, and the contacts for whom each starts a run."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Occurrence(Base):
    """One time at which a schedule trigger of a live flow starts its runs.

    state: planned, never (no further time), filling (its contacts are written down), filled, missed, empty, cancelled.
    `cursor` is the last contact looked at; `placed` counts those that were given a start.
    """

    __tablename__ = "occurrences"
    __table_args__ = (
        UniqueConstraint("flow_id", "step", "due_at"),
        Index(
            "ix_occurrences_open",
            "due_at",
            postgresql_where=text("state IN ('planned', 'filling')"),
            sqlite_where=text("state IN ('planned', 'filling')"),
        ),
        Index(
            "ix_occurrences_next",
            "flow_id",
            "step",
            postgresql_where=text("state IN ('planned', 'never')"),
            sqlite_where=text("state IN ('planned', 'never')"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    flow_id: Mapped[int] = mapped_column(ForeignKey("flows.id"))
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    step: Mapped[str] = mapped_column(Text)
    number_id: Mapped[int] = mapped_column(ForeignKey("numbers.id"))
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="planned")
    began_at: Mapped[datetime | None]
    cursor: Mapped[int] = mapped_column(default=0)
    placed: Mapped[int] = mapped_column(default=0)
    passed_over: Mapped[int] = mapped_column(default=0)  # without consent or address
    created_at: Mapped[datetime] = mapped_column(index=True)


class OccurrenceContact(Base):
    """One contact of one occurrence. state: waiting, started, passed_over; `reason` says why it was passed over."""

    __tablename__ = "occurrence_contacts"
    __table_args__ = (
        Index(
            "ix_occurrence_contacts_waiting",
            "due_at",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
        Index("ix_occurrence_contacts_of_contact", "contact_id"),
    )

    occurrence_id: Mapped[int] = mapped_column(ForeignKey("occurrences.id"), primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="waiting")
    reason: Mapped[str] = mapped_column(Text, default="")
    event_id: Mapped[int | None]
    created_at: Mapped[datetime]
