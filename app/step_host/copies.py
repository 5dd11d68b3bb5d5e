"""One process in which a stranger's steps run, seen from Patchbay, and why a call to it brought nothing."""

import signal
import socket
import time
from collections.abc import Mapping
from typing import Any, Final, cast

from app.step_host import frames
from app.step_host.serving import OUT_OF_MEMORY
from flows import document
from flows.document import Flow

_MOST_FLOWS: Final = 32


class Died(Exception):
    """A call that brought no answer: the error kind, and a sentence that begins after the step's name."""

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind, self.sentence = kind, sentence

    def ended_by(self, status: int | None) -> "Died":
        """With what is known of how its process ended: a negative one is the signal that killed it."""
        if self.kind != "plugin_died" or status is None:
            return self
        if status == OUT_OF_MEMORY:
            return Died("plugin_memory", "used more memory than a step may.")
        if status < 0:
            return Died("plugin_died", f"was ended by the signal {signal.Signals(-status).name}.")
        return Died("plugin_died", f"ended its process with the code {status}.")


class Copy:
    """One process with its pipe."""

    def __init__(self, line: socket.socket, process: int) -> None:
        self._line, self.process = line, process
        self._calls = 0
        self._flows: dict[int, Flow] = {}  # those it has seen; held, so that an id means one flow as long as we talk

    def call(self, asked: Mapping[str, Any], flow: Flow | None, seconds: float) -> Mapping[str, Any]:
        """Raises: Died, after which this process is of no use."""
        until = time.monotonic() + seconds
        self._calls += 1
        try:
            self._line.settimeout(seconds)
            frames.send(self._line, {**self._with_flow(asked, flow), "call": self._calls})
            answer = frames.receive(self._line, until)
        except TimeoutError:
            raise Died("plugin_timeout", f"was not done after {seconds:g} s, so it was stopped.") from None
        except frames.TooLong as problem:
            raise Died("too_large", f"was not run, because too much would have to be told to it. {problem}") from None
        except (EOFError, OSError):
            raise Died("plugin_died", "ended its process.") from None
        except frames.Nonsense as problem:
            raise Died("step_error", f"answered what cannot be read. {problem}") from None
        # A step that found the pipe and wrote to it itself must not have its words taken for the next call's answer.
        if not isinstance(answer, dict) or answer.get("call") != self._calls:
            raise Died("step_error", "answered what cannot be read.")
        return cast("Mapping[str, Any]", answer)

    def waits(self) -> bool:
        """Whether it is there and waits for a call. One that died meanwhile, or says something unasked, does not."""
        self._line.settimeout(0)
        try:
            self._line.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Our end of the pipe."""
        self._line.close()

    def _with_flow(self, asked: Mapping[str, Any], flow: Flow | None) -> Mapping[str, Any]:
        if flow is None:
            return asked
        if id(flow) in self._flows:
            return {**asked, "flow": id(flow)}
        if len(self._flows) >= _MOST_FLOWS:
            self._flows.clear()
        self._flows[id(flow)] = flow
        return {**asked, "flow": id(flow), "document": document.to_data(flow)}
