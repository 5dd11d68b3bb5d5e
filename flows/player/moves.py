"""What a simulated conversation does, move by move, as data: for the terminal, for tests of a flow and for the API."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flows.ask import Request
from flows.effect import Effect
from flows.event import Happening
from flows.run import Run
from flows.trace import Entry

# What comes of a happening that moves nothing: a message is kept for the next step that expects one, or people read
# it; nothing waits for the happening; no trigger takes it; there is no time limit; the flow first wants an answer.
Word = Literal["kept", "read_by_people", "not_awaited", "starts_nothing", "no_time_limit", "answer_first", "endless"]


@dataclass(frozen=True)
class Advanced:
    """A turn, as far as its next Ask or its end: what is new in it. `came_by` began the turn."""

    came_by: Happening
    begins: bool  # whether a run began with this turn
    effects: tuple[Effect, ...]
    trace: tuple[Entry, ...]
    run: Run

    @property
    def is_over(self) -> bool:
        """Whether the turn is; else it stands at an Ask."""
        return self.run.open_turn is None


@dataclass(frozen=True)
class Asked:
    """Nobody prepared the answer that a step wants."""

    step: str
    request: Request


@dataclass(frozen=True)
class TimeUp:
    """A time limit is over; the clock stands at its end."""

    at: datetime


@dataclass(frozen=True)
class Unmoved:
    """Nothing moved, and why."""

    word: Word


Move = Advanced | Asked | TimeUp | Unmoved
