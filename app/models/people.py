"""People who sign in: who they are, how they came, where they are signed in, and how often they guessed."""

from datetime import datetime

from sqlalchemy import ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class Person(Base):
    """Somebody who signs in. The row stays when the person is removed: versions and the audit log name its address."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(Text, unique=True)  # in small letters
    name: Mapped[str] = mapped_column(Text)
    role: Mapped[str] = mapped_column(Text)
    password: Mapped[str] = mapped_column(Text)  # argon2id, with its salt and parameters
    created_at: Mapped[datetime]
    signed_in_at: Mapped[datetime | None]
    removed_at: Mapped[datetime | None]


class SignInSession(Base):
    """One browser in which a person is signed in: only the SHA-256 of its cookie is stored."""

    __tablename__ = "sign_in_sessions"

    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class SignInTries(Base):
    """How often an account or an address tried to sign in since `began_at`; the key is a hash, so nobody is named."""

    __tablename__ = "sign_in_tries"

    key: Mapped[str] = mapped_column(Text, primary_key=True)
    began_at: Mapped[datetime] = mapped_column(index=True)
    tries: Mapped[int]


class Invitation(Base):
    """A link by which one person joins with a role: valid for seven days and one use."""

    __tablename__ = "invitations"

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, unique=True)
    email: Mapped[str] = mapped_column(Text, index=True)
    role: Mapped[str] = mapped_column(Text)
    made_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]


class PasswordLink(Base):
    """A link by which a person chooses a new password: valid for a day and one use."""

    __tablename__ = "password_links"

    sha256: Mapped[str] = mapped_column(Text, primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), index=True)
    made_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
