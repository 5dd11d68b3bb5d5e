"""The roster: which processes take turns, when each was last heard of, and which server process holds its locks."""

import os
import secrets
import socket
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import sql

_SILENT_SECONDS = 20  # a process silent for so long is taken to be frozen; its locks are taken away


@dataclass(frozen=True)
class Member:
    """One process that takes turns."""

    kind: str  # worker, web
    server_pid: int | None
    id: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}")

    def beat(self, session: Session) -> None:
        """Writes that this process is alive."""
        session.execute(
            sql(
                session,
                "INSERT INTO workers (id, kind, server_pid, heartbeat_at, started_at)"
                " VALUES (:id, :kind, :pid, {now}, {now})"
                " ON CONFLICT (id) DO UPDATE SET heartbeat_at = {now}, server_pid = excluded.server_pid",
            ),
            {"id": self.id, "kind": self.kind, "pid": self.server_pid},
        )

    def leave(self, session: Session) -> None:
        """Removes the process from the roster."""
        session.execute(text("DELETE FROM workers WHERE id = :id"), {"id": self.id})


def any_silent(session: Session) -> bool:
    """Whether a process has not been heard of for too long."""
    statement = sql(session, "SELECT 1 FROM workers WHERE heartbeat_at < {now} - :silent LIMIT 1")
    return session.execute(statement, {"silent": _SILENT_SECONDS * 1_000_000}).first() is not None


def take_away_locks(session: Session) -> int:
    """Ends the lock connections of silent processes, so that frozen ones can be taken over; how many."""
    silent = session.execute(
        sql(session, "DELETE FROM workers WHERE heartbeat_at < {now} - :silent RETURNING server_pid"),
        {"silent": _SILENT_SECONDS * 1_000_000},
    ).all()
    if session.get_bind().dialect.name == "postgresql":
        for row in silent:
            if row.server_pid is not None:
                # Only a session that holds a lock of ours: the number may belong to somebody else by now.
                session.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks"
                        " WHERE pid = :pid AND locktype = 'advisory' AND classid = 7301 LIMIT 1"
                    ),
                    {"pid": row.server_pid},
                )
    return len(silent)
