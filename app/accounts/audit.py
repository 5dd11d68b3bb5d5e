"""The audit log: who did what to the installation."""

from sqlalchemy.orm import Session

from app.db import now
from app.models import Audit


def note_act(session: Session, who: str, did: str, what: str) -> None:
    """Notes one act, committed or lost together with it."""
    session.add(Audit(who=who, did=did, what=what, created_at=now(session)))
