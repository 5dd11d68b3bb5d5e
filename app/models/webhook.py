"""Webhooks of other systems, and the runs that wait for them."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class WebhookWait(Base):
    """A run's wait for a webhook. It is over when the run has gone on: then `turn` is not its last any more."""

    __tablename__ = "webhook_waits"
    __table_args__ = (Index("ix_webhook_waits_key", "connection_id", "key"),)

    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    key: Mapped[str] = mapped_column(Text)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    turn: Mapped[int]  # the turn that began it
    created_at: Mapped[datetime] = mapped_column(index=True)


class WebhookRow(Base):
    """A webhook as it came, kept so that a repeated one is known; without `event_id` nobody has waited for it yet."""

    __tablename__ = "webhooks"
    __table_args__ = (
        UniqueConstraint("connection_id", "provider_id"),
        Index("ix_webhooks_key", "connection_id", "key", "event_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    provider_id: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    happened: Mapped[str] = mapped_column(Text)  # canonical JSON of flows.event.WebhookReceived
    event_id: Mapped[int | None] = mapped_column(index=True)
    created_at: Mapped[datetime] = mapped_column(index=True)
