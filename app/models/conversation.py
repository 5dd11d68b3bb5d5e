"""Conversations, messages, the inbox and the outbox."""

import re
from datetime import datetime
from typing import Final

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base

_REFERENCE: Final = re.compile(r"PB-([1-9][0-9]{4,15})\Z")
_FIRST_REFERENCE: Final = 10_000


class Conversation(Base):
    """What a contact and we say to each other on one number; a call is always its own.

    state: open, closed. owner: flow, people, none. `fence` rises with every committed turn.
    """

    __tablename__ = "conversations"
    __table_args__ = (
        UniqueConstraint("connection_id", "call_id"),
        Index("ix_conversations_of_contact", "contact_id", "number_id", "kind"),
        Index("ix_conversations_of_address", "address_id"),
        Index(
            "ix_conversations_kept_away",
            "not_before_at",
            postgresql_where=text("not_before_at IS NOT NULL"),
            sqlite_where=text("not_before_at IS NOT NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    address_id: Mapped[int] = mapped_column(ForeignKey("addresses.id"))
    connection_id: Mapped[int] = mapped_column(ForeignKey("connections.id"))
    number_id: Mapped[int] = mapped_column(ForeignKey("numbers.id"))
    kind: Mapped[str] = mapped_column(Text)  # messages, call
    call_id: Mapped[str | None] = mapped_column(Text)  # the provider's id of a call
    state: Mapped[str] = mapped_column(Text, default="open", index=True)
    owner: Mapped[str] = mapped_column(Text, default="none")
    run_id: Mapped[int | None]  # the run under way
    next_seq: Mapped[int] = mapped_column(default=1)
    last_at: Mapped[datetime]  # the latest event's `at`; the next one is never below it
    fence: Mapped[int] = mapped_column(default=0)
    call_turn: Mapped[int] = mapped_column(default=0)  # voice documents rendered so far
    pending_verbs: Mapped[str] = mapped_column(Text, default="[]")  # wait for the carrier's next request
    call_ended_at: Mapped[datetime | None]
    hold_prompt: Mapped[str | None] = mapped_column(Text)  # JSON of what a caller hears whose turn waits for an answer
    not_before_at: Mapped[datetime | None]  # its first event waits for another attempt
    opened_at: Mapped[datetime] = mapped_column(index=True)
    last_message_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    category: Mapped[str] = mapped_column(Text, server_default="")  # what it is about, as flows and people say
    tags: Mapped[str] = mapped_column(Text, server_default="[]")  # a JSON list
    result: Mapped[str] = mapped_column(Text, server_default="")  # how it went
    created_at: Mapped[datetime] = mapped_column(index=True)

    @property
    def reference(self) -> str:
        """The reference people read to each other, such as PB-10482."""
        return reference(self.id)


def reference(conversation_id: int) -> str:
    """The readable reference of a conversation's id."""
    return f"PB-{_FIRST_REFERENCE + conversation_id}"


def conversation_of(reference: str) -> int:
    """The id behind a reference; 0, which no conversation has, for what is none."""
    found = _REFERENCE.match(reference)
    return max(int(found[1]) - _FIRST_REFERENCE, 0) if found else 0


class Message(Base):
    """One message of a conversation.

    `rank` only rises: queued 1, sending 2, unknown 3, sent 4, failed 5, delivered 6, read 7.
    Rows of one conversation are inserted under its row lock, so ids rise in the order of the conversation.
    """

    __tablename__ = "messages"
    __table_args__ = (Index("ix_messages_of_conversation", "conversation_id", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    direction: Mapped[str] = mapped_column(Text)  # in, out
    author: Mapped[str] = mapped_column(Text)  # contact, flow, agent
    text: Mapped[str] = mapped_column(Text)
    media: Mapped[str] = mapped_column(Text, default="[]")
    choices: Mapped[str] = mapped_column(Text, default="[]")
    rank: Mapped[int] = mapped_column(default=0)  # 0 = received
    error: Mapped[str] = mapped_column(Text, default="")
    provider_id: Mapped[str] = mapped_column(Text, default="")
    client_key: Mapped[str] = mapped_column(
        Text, default=""
    )  # web chat: the key the page made, so that it knows its own
    effect_key: Mapped[str | None] = mapped_column(Text, unique=True)
    event_id: Mapped[int | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
    changed_at: Mapped[datetime]


class InboundEvent(Base):
    """The inbox: everything that happened and must be handled, timers and agents' actions too.

    kind: a happening of flows.event in snake_case, or opt-out free kinds of the house: agent_replied, agent_closed,
    agent_took_over, message_status. state: waiting, kept (for the next step that accepts), queued (to start a
    run), done, dropped, set_aside. `at` with `seq` is the order; `due_at` when it may be handled at the earliest.
    """

    __tablename__ = "inbound_events"
    __table_args__ = (
        UniqueConstraint("connection_id", "provider_id"),
        Index(
            "ix_inbound_waiting",
            "due_at",
            postgresql_where=text("state = 'waiting'"),
            sqlite_where=text("state = 'waiting'"),
        ),
        # Not partial: SQLite does not see that state = 'waiting' implies state IN ('waiting', 'kept').
        Index("ix_inbound_of_conversation", "conversation_id", "state"),
        Index(
            "ix_inbound_kept",
            "at",
            postgresql_where=text("state = 'kept' AND shown_at IS NULL"),
            sqlite_where=text("state = 'kept' AND shown_at IS NULL"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    connection_id: Mapped[int]
    provider_id: Mapped[str] = mapped_column(Text)
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"))
    kind: Mapped[str] = mapped_column(Text)
    happened: Mapped[str] = mapped_column(Text)  # canonical JSON of the happening
    seq: Mapped[int]
    at: Mapped[datetime]
    due_at: Mapped[datetime]
    state: Mapped[str] = mapped_column(Text, default="waiting")
    run_id: Mapped[int | None]  # timers: the run and the turn whose wait they end
    turn: Mapped[int | None]
    armed_by: Mapped[str | None] = mapped_column(
        Text, index=True
    )  # the effect whose settling starts a question's limit
    limit_seconds: Mapped[float | None]  # counted from that settling
    attempts: Mapped[int] = mapped_column(default=0)
    charged: Mapped[int] = mapped_column(default=0)  # attempts made in an otherwise empty runner
    now: Mapped[datetime | None]  # the engine's instant, stored when the first attempt was counted
    shown_at: Mapped[datetime | None]  # a kept message was shown to people
    error: Mapped[str] = mapped_column(Text, default="")
    handled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)


class EffectRow(Base):
    """The outbox. state: queued, sending, sent, unknown, dead, cancelled. kind: send_message, set_webhooks,
    fetch_attachment, fetch_recording, send_email, post_to_team.

    What is dead or unknown waits for people's decision; once they leave it as it is, it is cancelled.
    """

    __tablename__ = "effects"
    __table_args__ = (
        Index(
            "ix_effects_open",
            "next_attempt_at",
            postgresql_where=text("state IN ('queued', 'sending')"),
            sqlite_where=text("state IN ('queued', 'sending')"),
        ),
        Index(
            "ix_effects_open_of_conversation",
            "conversation_id",
            "id",
            postgresql_where=text("state IN ('queued', 'sending')"),
            sqlite_where=text("state IN ('queued', 'sending')"),
        ),
        Index("ix_effects_provider", "connection_id", "provider_id"),
        Index(
            "ix_effects_of_numbers",
            "next_attempt_at",
            postgresql_where=text("conversation_id IS NULL AND state IN ('queued', 'sending')"),
            sqlite_where=text("conversation_id IS NULL AND state IN ('queued', 'sending')"),
        ),
        Index(
            "ix_effects_undelivered",
            "id",
            postgresql_where=text("state IN ('dead', 'unknown')"),
            sqlite_where=text("state IN ('dead', 'unknown')"),
        ),
        Index("ix_effects_to", "connection_id", "to", "created_at"),
        Index(
            "ix_effects_telling_carriers",
            "number_id",
            "id",
            postgresql_where=text("kind = 'set_webhooks'"),
            sqlite_where=text("kind = 'set_webhooks'"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    conversation_id: Mapped[int | None] = mapped_column(ForeignKey("conversations.id"))
    connection_id: Mapped[int]
    number_id: Mapped[int]
    run_id: Mapped[int | None] = mapped_column(index=True)
    payload: Mapped[str] = mapped_column(Text)  # canonical JSON of the effect
    to: Mapped[str] = mapped_column(Text, default="")  # the contact's address value
    state: Mapped[str] = mapped_column(Text, default="queued")
    attempts: Mapped[int] = mapped_column(default=0)
    failures: Mapped[int] = mapped_column(server_default="0")  # attempts that the provider, or the way to it, let fail
    crashes: Mapped[int] = mapped_column(server_default="0")  # attempts in a row that ended with our process
    sending_at: Mapped[datetime | None]
    next_attempt_at: Mapped[datetime]
    provider_id: Mapped[str] = mapped_column(Text, default="")
    error: Mapped[str] = mapped_column(Text, default="")
    settled_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(index=True)
