"""Flows: every revision of the draft, the frozen versions, and which numbers they answer."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class FlowRow(Base):
    """A flow; its draft is its latest revision."""

    __tablename__ = "flows"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    latest_revision: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]


class Revision(Base):
    """One saved state of a draft, as canonical text."""

    __tablename__ = "revisions"
    __table_args__ = (UniqueConstraint("flow_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    flow_id: Mapped[int] = mapped_column(ForeignKey("flows.id"))
    number: Mapped[int]
    base_number: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class Version(Base):
    """A published, immutable document."""

    __tablename__ = "versions"
    __table_args__ = (UniqueConstraint("flow_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    flow_id: Mapped[int] = mapped_column(ForeignKey("flows.id"))
    number: Mapped[int]
    revision_number: Mapped[int]
    document: Mapped[str] = mapped_column(Text)
    author: Mapped[str] = mapped_column(Text, default="")
    note: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class LiveNumber(Base):
    """A live trigger: what a version answers on a number.

    slot: "calls", "messages" (the one default flow of each), or "keywords:<flow id>:<step id>"; for runs that begin
    from our side "api:<flow id>:<step id>" and "schedule:<flow id>:<step id>".
    """

    __tablename__ = "live_numbers"
    __table_args__ = (UniqueConstraint("number_id", "slot"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    number_id: Mapped[int] = mapped_column(ForeignKey("numbers.id"))
    slot: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)  # calls, messages, api, schedule
    flow_id: Mapped[int] = mapped_column(ForeignKey("flows.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("versions.id"))
    step: Mapped[str] = mapped_column(Text)
    priority: Mapped[int] = mapped_column(default=0)
    interrupts: Mapped[bool] = mapped_column(default=False)
    created_at: Mapped[datetime]


class Presence(Base):
    """Somebody who has a flow's draft open, and the step they look at; half a minute later it means nothing."""

    __tablename__ = "presences"

    flow_id: Mapped[int] = mapped_column(ForeignKey("flows.id"), primary_key=True)
    who: Mapped[str] = mapped_column(Text, primary_key=True)  # an e-mail address or a token's name
    step: Mapped[str] = mapped_column(Text)
    seen_at: Mapped[datetime]
