"""The board: what the worker's child is computing since when, shared with its parent by a few bytes of memory."""

import mmap
import struct
import threading
import time
from dataclasses import dataclass

from flows.interpreter import Steps
from flows.step import Step

_FORMAT = struct.Struct("ddq40s")  # heartbeat, computing since (0 = not computing), conversation, type of step


@dataclass(frozen=True)
class Computing:
    """What a child computes: a step's own code, in this conversation, for so long (0 = nothing)."""

    seconds: float
    conversation_id: int
    step: str  # its type; empty between two steps


class Board:
    """Written by the child, read by the parent; instants are of the machine's monotonic clock."""

    def __init__(self) -> None:
        """Made by the parent before it forks."""
        self._memory = mmap.mmap(-1, _FORMAT.size)
        self._conversation_id = 0
        self._thread = 0  # whose computing is shown: a turn computed aside is none of the loop's
        self.beat()

    def beat(self) -> None:
        """The child is alive and computes nothing."""
        _FORMAT.pack_into(self._memory, 0, time.monotonic(), 0.0, 0, b"")

    def computing(self, conversation_id: int) -> None:
        """The child begins to compute a turn of this conversation."""
        self._conversation_id, self._thread = conversation_id, threading.get_ident()
        self.entering("")

    def entering(self, step: str) -> None:
        """The child runs the code of the next step, of this type, in the thread that computes."""
        if threading.get_ident() != self._thread:
            return
        present = time.monotonic()
        _FORMAT.pack_into(self._memory, 0, present, present, self._conversation_id, step.encode())

    def silent_seconds(self) -> float:
        """How long ago the child last wrote."""
        return time.monotonic() - float(_FORMAT.unpack_from(self._memory)[0])

    def now_computing(self) -> Computing:
        """What the child computes now."""
        _, since, conversation_id, step = _FORMAT.unpack_from(self._memory)
        return Computing(time.monotonic() - since if since else 0.0, conversation_id, step.rstrip(b"\0").decode())


class WatchedSteps:
    """The installed steps, noted on the board: the engine looks a step up when it is about to run its code."""

    def __init__(self, steps: Steps, board: Board) -> None:
        """`steps`: those that are run."""
        self._steps, self._board = steps, board

    def get(self, type: str, /) -> Step | None:
        """The step of that type."""
        self._board.entering(type)
        return self._steps.get(type)
