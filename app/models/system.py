"""The installation itself, its constants, its workers and its clock."""

from datetime import datetime

from sqlalchemy import Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Installation(Base):
    """The one row of this installation (id 1)."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, default="Patchbay")
    zone: Mapped[str] = mapped_column(Text, default="UTC")
    language: Mapped[str] = mapped_column(Text, default="en")
    country: Mapped[str] = mapped_column(Text, default="")
    fallback_queue: Mapped[str] = mapped_column(Text, default="people")
    apology: Mapped[str] = mapped_column(Text)  # JSON, per language
    key_fingerprint: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class Constant(Base):
    """A named value of the installation that flows read as `constants.<name>`."""

    __tablename__ = "constants"

    name: Mapped[str] = mapped_column(Text, primary_key=True)
    value: Mapped[str] = mapped_column(Text)  # canonical JSON of flows.values.encode
    changed_at: Mapped[datetime]


class WorkerRow(Base):
    """A process that takes turns: its heartbeat, and on PostgreSQL the server process that holds its locks."""

    __tablename__ = "workers"

    id: Mapped[str] = mapped_column(Text, primary_key=True)  # host:process id:random
    kind: Mapped[str] = mapped_column(Text)  # worker, web
    server_pid: Mapped[int | None]
    heartbeat_at: Mapped[datetime]
    started_at: Mapped[datetime]


class Clock(Base):
    """The offset added to the database's time (id 1); only tests write it."""

    __tablename__ = "clock"

    id: Mapped[int] = mapped_column(primary_key=True)
    offset_microseconds: Mapped[int] = mapped_column(default=0)
