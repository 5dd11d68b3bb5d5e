"""Contacts, the addresses they can be reached at, and the segments they are in."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Contact(Base):
    """A person or company that writes or calls, or that is written to."""

    __tablename__ = "contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(Text, default="")
    attributes: Mapped[str] = mapped_column(Text, default="{}")  # canonical JSON of flows.values.encode
    account_manager: Mapped[str] = mapped_column(Text, default="")
    zone: Mapped[str] = mapped_column(Text, server_default="")  # IANA; empty = the installation's
    consent: Mapped[str] = mapped_column(Text, server_default="")  # to unasked messages: given, withdrawn, "" = unknown
    consent_at: Mapped[datetime | None]
    consent_source: Mapped[str] = mapped_column(Text, server_default="")  # who or what told it
    first_seen_at: Mapped[datetime]
    created_at: Mapped[datetime] = mapped_column(index=True)


class Address(Base):
    """One way to reach a contact: kind and normalised value are unique in the installation.

    kind: phone (E.164), visitor (a chat visitor's id), user (an id signed by a host page), email.
    """

    __tablename__ = "addresses"
    __table_args__ = (UniqueConstraint("kind", "value"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    kind: Mapped[str] = mapped_column(Text)
    value: Mapped[str] = mapped_column(Text)
    opted_out_at: Mapped[datetime | None]
    last_seen_at: Mapped[datetime]
    created_at: Mapped[datetime]


class Segment(Base):
    """A named group of contacts, made by hand, by a file or by flows. Flows name it by `name`."""

    __tablename__ = "segments"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    title: Mapped[str] = mapped_column(Text, default="")
    created_at: Mapped[datetime]


class SegmentMember(Base):
    """A contact that is in a segment."""

    __tablename__ = "segment_members"
    __table_args__ = (Index("ix_members_of_segment", "segment_id", "contact_id"),)

    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), primary_key=True)
    segment_id: Mapped[int] = mapped_column(ForeignKey("segments.id"), primary_key=True)
    added_at: Mapped[datetime]
