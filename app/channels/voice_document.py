"""What a channel that takes calls is given and gives back when a voice document is rendered."""

from dataclasses import dataclass


@dataclass(frozen=True)
class CallPlace:
    """Where a voice document is rendered: the call, and the turn its own addresses must carry."""

    call_id: str
    next_turn: int
    number: str  # ours
    caller: str
    language: str


@dataclass(frozen=True)
class Document:
    """A rendered voice document."""

    text: str
    media_type: str = "text/xml"
