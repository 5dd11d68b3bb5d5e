"""Connections and numbers: by what, and as what, we are reached."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Connection(Base):
    """A channel with one account's settings. `kind` is the channel's; `sealed` holds its secrets, encrypted."""

    __tablename__ = "connections"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    settings: Mapped[str] = mapped_column(Text, default="{}")
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Number(Base):
    """What a flow answers: a telephone number, a chat widget, a mailbox. Flows name it by `name`."""

    __tablename__ = "numbers"
    __table_args__ = (UniqueConstraint("connection_id", "value"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    value: Mapped[str] = mapped_column(Text)  # E.164, or the chat widget's public key
    answers_calls: Mapped[bool] = mapped_column(default=False)
    answers_messages: Mapped[bool] = mapped_column(default=True)
    country: Mapped[str] = mapped_column(Text, default="")  # ISO code; reads national telephone numbers
    language: Mapped[str] = mapped_column(Text, default="")
    fallback_number: Mapped[str] = mapped_column(Text, default="")
    rate_per_second: Mapped[float] = mapped_column(default=0.0)  # 0 = not paced
    burst: Mapped[int] = mapped_column(default=1)
    paced_until_at: Mapped[datetime | None]  # the instant of the next send that keeps the rate
    blocked_until_at: Mapped[datetime | None]  # after a 429 of the provider
    settings: Mapped[str] = mapped_column(Text, default="{}")  # the channel's own, such as a widget's allowed origins
    created_at: Mapped[datetime]
