"""The board: what the worker's child is computing since when, shared with its parent by a few bytes of memory."""

import mmap
import struct
import time

_FORMAT = struct.Struct("ddq")  # heartbeat, computing since (0 = not computing), conversation


class Board:
    """Written by the child, read by the parent; instants are of the machine's monotonic clock."""

    def __init__(self) -> None:
        """Made by the parent before it forks."""
        self._memory = mmap.mmap(-1, _FORMAT.size)
        self.beat()

    def beat(self) -> None:
        """The child is alive and computes nothing."""
        _FORMAT.pack_into(self._memory, 0, time.monotonic(), 0.0, 0)

    def computing(self, conversation_id: int) -> None:
        """The child begins to compute a turn of this conversation."""
        _FORMAT.pack_into(self._memory, 0, time.monotonic(), time.monotonic(), conversation_id)

    def silent_seconds(self) -> float:
        """How long ago the child last wrote."""
        return time.monotonic() - float(_FORMAT.unpack_from(self._memory)[0])

    def computing_seconds(self) -> tuple[float, int]:
        """How long the present turn has been computed (0 when none), and its conversation."""
        _, since, conversation_id = _FORMAT.unpack_from(self._memory)
        return (time.monotonic() - since if since else 0.0), conversation_id
