"""The inbox: whatever happens becomes one row with its place in the conversation, exactly once."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.channels.arrival import Arrival, Report


class UnknownNumber(Exception):
    """The arrival is for a number this connection does not have."""


@dataclass(frozen=True)
class Put:
    """The row an arrival became. A duplicate names the row that was there already."""

    event_id: int
    conversation_id: int
    duplicate: bool = False


def put(session: Session, connection_id: int, arrival: Arrival) -> Put:
    """Finds or creates contact and conversation, takes `seq` and stores the event. Raises UnknownNumber."""
    raise NotImplementedError


def put_report(session: Session, connection_id: int, report: Report) -> Put | None:
    """Stores a report with the conversation it is about; None when nothing of ours is meant."""
    raise NotImplementedError


def put_action(session: Session, conversation_id: int, kind: str, key: str, happened: dict[str, object]) -> Put:
    """Stores an agent's action (agent_replied, agent_closed, agent_took_over) under its own key."""
    raise NotImplementedError
