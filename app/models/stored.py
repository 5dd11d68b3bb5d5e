"""What is stored whole: files, and the voice documents that carriers were given."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, LargeBinary, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


class CallDocument(Base):
    """The voice document rendered for one request of the carrier; a repeated request gets the same one."""

    __tablename__ = "call_documents"

    connection_id: Mapped[int] = mapped_column(primary_key=True)
    provider_id: Mapped[str] = mapped_column(Text, primary_key=True)  # CallSid:turn
    conversation_id: Mapped[int] = mapped_column(ForeignKey("conversations.id"), index=True)
    document: Mapped[str] = mapped_column(Text)
    media_type: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)


class File(Base):
    """A stored file of at most 16 MiB, known by the hash of its content."""

    __tablename__ = "files"
    __table_args__ = (
        Index(
            "ix_files_uploaded",
            "id",
            postgresql_where=text("uploaded_by <> ''"),
            sqlite_where=text("uploaded_by <> ''"),
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    sha256: Mapped[str] = mapped_column(Text, unique=True)
    media_type: Mapped[str] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text, default="")
    size_bytes: Mapped[int]
    uploaded_by: Mapped[str] = mapped_column(Text, server_default="")  # by the API; empty: with a message or a call
    content: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)
