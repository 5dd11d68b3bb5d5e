"""Turns of flows with steps of plugins: computed on threads of their own, for a stranger's step may take five seconds.

The loop's own thread computes all other turns, which take milliseconds, and nobody waits for anybody.
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from app.board import Board
from app.house import House
from app.runner.asks import Asks
from app.runner.work import Computed, Result, Work
from app.turns import TurnUnderWay
from flows.ask import Answer
from flows.document import Flow

_THREADS: Final = 8
_MOST_FLOWS: Final = 512  # whose steps are remembered
_MOST_SECONDS: Final = 120.0  # for one stretch: two dozen calls of a slow plugin
_ENDED_BY_THEN_SECONDS: Final = 60.0


class Asides:
    """Computes such turns and hands what came of them to `results`."""

    def __init__(self, house: House, results: Callable[[Result], None]) -> None:
        """`results` is called in the threads, of which there are none before they are needed."""
        self._house, self._results = house, results
        self._threads: Executor | None = None
        self._flows: dict[int, tuple[Flow, bool]] = {}  # by identity; held, so that it stays that of one flow
        self._began: dict[int, float] = {}  # by conversation

    def take(self, work: Work, turn: TurnUnderWay, answer: Answer | None) -> bool:
        """Computes a turn in which a plugin's code may be called, as far as the next Ask or its end; then comes a
        Computed. False for any other turn."""
        if not self._house.steps.has_plugins:
            return False
        scene = turn.scene if answer is None else turn.scene.after(answer)  # which may be a flow that it enters
        if not any(map(self._has_plugins, scene.flows.values())):
            return False
        if self._threads is None:
            self._threads = self._house.machine.pool(_THREADS, "aside")
        work.in_flight += 1
        self._began[work.held.id] = self._house.machine.monotonic()
        self._threads.submit(self._compute, work.held.id, turn, answer)
        return True

    def came_back(self, work: Work, back: Computed, asks: Asks) -> None:
        """Lets it ask, go on, or be finished. Raises: what broke it."""
        self._began.pop(work.held.id, None)
        work.in_flight -= 1
        if back.problem is not None:
            raise back.problem
        if work.turn is None:
            return
        if back.request is None:
            work.finished = work.turn.handled
            return
        at_once = asks.take(work, back.request)
        if at_once is not None:
            self.take(work, work.turn, at_once)

    def end_if_stuck(self, board: Board) -> None:
        """Lets the parent end this process when a turn never comes back, which only a built-in step's can do."""
        latest = self._house.machine.monotonic() - _MOST_SECONDS
        for conversation_id in [one for one, began in self._began.items() if began < latest]:
            board.computing(conversation_id)
            self._house.machine.sleep(_ENDED_BY_THEN_SECONDS)

    def close(self) -> None:
        """Starts no more."""
        if self._threads is not None:
            self._threads.shutdown(wait=False)

    def _compute(self, conversation_id: int, turn: TurnUnderWay, answer: Answer | None) -> None:
        """In a thread."""
        try:
            request = turn.start() if answer is None else turn.answer(turn.asks_as[2], answer)
        except Exception as problem:  # noqa: BLE001  a door: the loop raises it where it knows whom to charge
            self._results(Computed(conversation_id, None, problem))
        else:
            self._results(Computed(conversation_id, request))

    def _has_plugins(self, flow: Flow) -> bool:
        known = self._flows.get(id(flow))
        if known is None:
            if len(self._flows) >= _MOST_FLOWS:
                self._flows.clear()
            steps = self._house.steps
            known = self._flows[id(flow)] = flow, any(steps.is_plugin(placed.type) for placed in flow.steps.values())
        return known[1]
