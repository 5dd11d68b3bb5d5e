"""Contacts and the addresses they can be reached at."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Contact(Base):
    """A person or company that writes or calls."""

    __tablename__ = "contacts"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, default="")
    language: Mapped[str] = mapped_column(Text, default="")
    attributes: Mapped[str] = mapped_column(Text, default="{}")  # canonical JSON of flows.values.encode
    account_manager: Mapped[str] = mapped_column(Text, default="")
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
