"""Frames on the pipe between Patchbay and its step host: a length, then JSON; bounded in size and in time."""

import json
import socket
import struct
import time
from typing import Any, Final

MOST_BYTES: Final = 16_777_216  # 200 variables of 64 KiB, the most a run may hold, are 12.5 MiB
_HEAD: Final = struct.Struct("!I")
_PIECE_BYTES: Final = 1_048_576


class Nonsense(Exception):
    """What came is no frame of ours; nothing after it can be read either."""


class TooLong(Exception):
    """What should be sent is longer than a frame may be; nothing of it was sent."""


def send(line: socket.socket, data: object, file: int | None = None) -> None:
    """Sends JSON data, and a file descriptor with it. Raises: TooLong, OSError."""
    body = json.dumps(data, ensure_ascii=True, separators=(",", ":")).encode()
    if len(body) > MOST_BYTES:
        raise TooLong(f"It has {len(body):,} bytes, and {MOST_BYTES:,} are the most.")
    head = _HEAD.pack(len(body))
    if file is None:
        line.sendall(head + body)
    else:
        socket.send_fds(line, [head], [file])
        line.sendall(body)


def receive(line: socket.socket, until: float | None = None) -> Any:
    """The next frame's data; `until` is an instant of the monotonic clock.

    Raises: TimeoutError; EOFError when the other side is gone; Nonsense.
    """
    return _body(line, _exactly(line, _HEAD.size, until), until)


def receive_with_file(line: socket.socket) -> tuple[Any, int | None]:
    """The next frame's data and the file descriptor that came with it. Raises: EOFError, Nonsense."""
    head, files, _, _ = socket.recv_fds(line, _HEAD.size, 1)
    if not head:
        raise EOFError
    head += _exactly(line, _HEAD.size - len(head), None)
    return _body(line, head, None), next(iter(files), None)


def _body(line: socket.socket, head: bytes, until: float | None) -> Any:
    (length,) = _HEAD.unpack(head)
    if length > MOST_BYTES:
        raise Nonsense(f"It says that {length:,} bytes follow.")
    try:
        return json.loads(_exactly(line, length, until))
    except (ValueError, RecursionError) as problem:
        raise Nonsense(f"It is no JSON: {problem}.") from None


def _exactly(line: socket.socket, length: int, until: float | None) -> bytes:
    parts: list[bytes] = []
    missing = length
    while missing:
        line.settimeout(None if until is None else max(until - time.monotonic(), 0.001))
        part = line.recv(min(missing, _PIECE_BYTES))
        if not part:
            raise EOFError
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)
