"""Mailboxes: who looks into which and when, and which conversation each mail belongs to."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Mailbox(Base):
    """When a worker looks next into what a connection fetches; while one looks, that lies ahead, so no other does."""

    __tablename__ = "mailboxes"

    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"), primary_key=True)
    next_look_at: Mapped[datetime]
    failures: Mapped[int] = mapped_column(default=0)  # in a row
    problem: Mapped[str] = mapped_column(Text, default="")  # why the latest look failed
    looked_at: Mapped[datetime | None]  # when one last succeeded


class Mail(Base):
    """A mail that was fetched: known by its provider id, so that none comes twice, and by its Message-ID, so that what
    answers it finds the conversation."""

    __tablename__ = "mails"
    __table_args__ = (
        UniqueConstraint("connection_id", "provider_id"),
        Index("ix_mails_by_message_id", "connection_id", "message_id"),
        Index("ix_mails_of_conversation", "conversation_id", "id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    provider_id: Mapped[str] = mapped_column(Text)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    message_id: Mapped[str] = mapped_column(Text, default="")
    answers: Mapped[str] = mapped_column(Text, default="")  # the Message-IDs before it, the oldest first
    subject: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime] = mapped_column(index=True)
