"""Credentials, API tokens, the first link and the audit log."""

from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class CredentialRow(Base):
    """A secret that flows may use by name, encrypted and bound to exact origins; never read back out."""

    __tablename__ = "credentials"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    kind: Mapped[str] = mapped_column(Text)
    origins: Mapped[str] = mapped_column(Text)  # JSON list
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime]


class Token(Base):
    """An API token: only its SHA-256 is stored. It may do what its scopes name, and no more than whoever made it."""

    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(Text, unique=True)
    sha256: Mapped[str] = mapped_column(Text, unique=True)
    scopes: Mapped[str] = mapped_column(Text)  # JSON list of rights
    person_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"), index=True)  # none: made on the machine
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class FirstLink(Base):
    """The one-time link of the first start: valid for 24 hours and one use."""

    __tablename__ = "first_links"

    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class Audit(Base):
    """Who did what to the installation."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(primary_key=True)
    who: Mapped[str] = mapped_column(Text)
    did: Mapped[str] = mapped_column(Text)
    what: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)
