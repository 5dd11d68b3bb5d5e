"""What a runner has in hand: the conversations whose locks it holds, and what comes back from its I/O threads."""

from dataclasses import dataclass, field

from app.asking import Asking
from app.handled import Handled, Unsent
from app.store.loading import Held
from app.store.sends import Settled
from app.turns import TurnUnderWay
from flows.ask import Answer, Request


@dataclass(eq=False)  # one of them is itself and nothing else
class Work:
    """One conversation whose lock we hold."""

    held: Held
    turn: TurnUnderWay | None = None
    asking: Asking | None = None
    request: Request | None = None  # the Ask that is parked or under way
    waits_for_journal: bool = False  # the request may not leave before the journal names it
    in_flight: int = 0  # requests and messages in I/O threads
    unsent: list[Unsent] = field(default_factory=list)  # messages that may leave now, in order
    marked_at: float | None = None  # when the turn's own commit marked the head of the line (monotonic clock)
    line_stands: bool = False  # a message waits for another attempt: none behind it may leave before it
    resumed: set[int] = field(default_factory=set)  # messages of an attempt that crashed
    looked_up: set[int] = field(default_factory=set)  # messages that the provider surely does not have
    finished: Handled | None = None  # to be committed in the next round
    reload: bool = False  # there is more to do: read it again without giving up the lock

    def stop_line(self) -> None:
        """The head of the line may not leave now, so nothing may, until the conversation is read again."""
        self.unsent, self.line_stands, self.marked_at = [], True, None

    @property
    def may_kill(self) -> bool:
        """Whether it has a turn under way, or a message of which an earlier process may have died."""
        return self.turn is not None or bool(self.resumed and self.unsent)

    @property
    def may_reload(self) -> bool:
        """Whether it can be read again now: nothing of it is under way."""
        return self.reload and not self.in_flight and self.turn is None

    def forget_turn(self) -> None:
        """The turn is committed, or abandoned."""
        self.finished = self.turn = self.asking = self.request = None
        self.waits_for_journal = False


@dataclass(frozen=True)
class Answered:
    """A request came back."""

    conversation_id: int
    answer: Answer


@dataclass(frozen=True)
class Delivered:
    """A message came back. None: its mark had grown stale, or the provider does not have it; it is to be sent."""

    conversation_id: int
    settled: Settled | None


@dataclass(frozen=True)
class Computed:
    """A turn came back that was computed aside, as far as this request or its end; or what broke it."""

    conversation_id: int
    request: Request | None
    problem: Exception | None = None


Result = Answered | Delivered | Computed
Works = dict[int, Work]
