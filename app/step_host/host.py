"""The step host seen from Patchbay: calls a stranger's step in another process, and stays well whatever that does.

A call has so many seconds and so much memory. Its process is ended, and another takes the next call, when it does not
come back in time, dies or answers nonsense (RELIABILITY §3: only the plugin's own run fails). The processes end with
ours: the template when its pipe does, its copies with the template.
"""

import contextlib
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, Final

from app.step_host import frames
from app.step_host.copies import Copy, Died
from flows.document import Flow
from flows.errors import RegistryError

logger = logging.getLogger("patchbay.step_host")

CALL_SECONDS: Final = 5.0
MEMORY_BYTES: Final = 536_870_912
_LOAD_SECONDS: Final = 15.0  # for all plugins: a process that is silent for 20 s at its start is ended by its parent
_LOAD_GRACE_SECONDS: Final = 2.0  # we say what took so long, before the template's own alarm ends it
_WISH_SECONDS: Final = 5.0  # a template that makes no copy in that time is replaced
_MOST_COPIES: Final = 4  # calls at once; a fifth waits, and its time counts from when it begins
_PROGRAM: Final = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from app.step_host.template import main; main(int(sys.argv[2]))"
)
_ENVIRONMENT: Final = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")  # nothing that tells a secret


@dataclass(frozen=True)
class Bounds:
    """What one call may take."""

    seconds: float = CALL_SECONDS
    memory_bytes: int = MEMORY_BYTES


class StepHost:
    """The plugins of one process. Threads and greenlets may call at the same time."""

    def __init__(self, plugins: Sequence[EntryPoint], bounds: Bounds = Bounds()) -> None:
        """Nothing is started before it is needed."""
        self._plugins, self.bounds = plugins, bounds
        self._begin_anew()
        _all.add(self)

    def kinds(self) -> Sequence[Mapping[str, Any]]:
        """How the plugins' classes describe themselves (`app.step_host.describing`). Raises: RegistryError."""
        with self._lock:
            self._started()
            return self._described

    def call(self, asked: Mapping[str, Any], flow: Flow | None = None) -> Mapping[str, Any]:
        """The answer of a copy to one call; `flow` is sent along where the copy has not seen it.

        Raises: Died, which says why there is none.
        """
        with self._room:
            copy = self._copy()
            try:
                answer = copy.call({**asked, "seconds": self.bounds.seconds}, flow, self.bounds.seconds)
            except Died as died:
                raise died.ended_by(self._end(copy)) from None
            except BaseException:
                self._end(copy)  # a greenlet or thread that is told to stop leaves half a frame behind
                raise
            if answer.get("retires"):
                self._end(copy)
            else:
                self._give_back(copy)
            return answer

    def close(self) -> None:
        """Ends all its processes; the next call would start them again."""
        with self._lock:
            self._stop()

    def forget(self) -> None:
        """In a process that was forked: what is open belongs to the parent, which goes on with it."""
        if self._program is not None:
            self._program.returncode = 0  # it is not our child: nobody here waits for it
        for copy in self._idle:
            copy.close()
        if self._line is not None:
            self._line.close()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._lock = threading.RLock()
        self._room = threading.BoundedSemaphore(_MOST_COPIES)
        self._idle: list[Copy] = []
        self._program: subprocess.Popen[bytes] | None = None
        self._line: socket.socket | None = None
        self._described: Sequence[Mapping[str, Any]] = ()

    def _copy(self) -> Copy:
        """An idle copy, else a new one. Raises: Died when there is none to be had."""
        with self._lock:
            while self._idle:
                copy = self._idle.pop()
                if copy.waits():
                    return copy
                self._end(copy)  # killed while it was idle: no run may fail for that
            for _ in range(2):  # a template that has died since the last call is replaced
                try:
                    return self._made()
                except (OSError, EOFError, frames.Nonsense) as problem:
                    logger.warning("The step host is started again: %r", problem)
                    self._stop()
                except RegistryError as refusal:
                    raise Died("plugin_died", str(refusal)) from None
        raise Died("plugin_died", "The step host cannot be started.")

    def _made(self) -> Copy:
        line = self._started()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                frames.send(line, {}, theirs.fileno())
                made = frames.receive(line, time.monotonic() + _WISH_SECONDS)
                return Copy(ours, int(made["process"]))
            except BaseException:
                ours.close()
                raise

    def _end(self, copy: Copy) -> int | None:
        """Ends a copy; how it ended, None when nobody knows."""
        copy.close()
        with self._lock:
            if self._line is None:
                return None
            try:
                frames.send(self._line, {"end": copy.process})
                status = frames.receive(self._line, time.monotonic() + _WISH_SECONDS)["status"]
            except (OSError, EOFError, frames.Nonsense):
                self._stop()
                return None
        return None if status is None else int(status)

    def _give_back(self, copy: Copy) -> None:
        with self._lock:
            self._idle.append(copy)

    def _started(self) -> socket.socket:
        """The line to the template, which is started when there is none. Raises: RegistryError, OSError."""
        if self._line is not None:
            return self._line
        ours, theirs = socket.socketpair()
        path = json.dumps([entry or str(Path.cwd()) for entry in sys.path])
        kept = {name: value for name, value in os.environ.items() if name in _ENVIRONMENT or name.startswith("LC_")}
        kept |= {name: value for name, value in os.environ.items() if name.startswith("PYTHON")}
        with theirs:
            self._program = subprocess.Popen(
                [sys.executable, "-c", _PROGRAM, path, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**kept, "PYTHONHASHSEED": "0"},
                start_new_session=True,  # Ctrl-C is told to us, and we tell it
            )
        self._line = ours
        try:
            self._described = self._read(ours)
        except BaseException:
            self._stop()
            raise
        return ours

    def _read(self, line: socket.socket) -> Sequence[Mapping[str, Any]]:
        """Lets the template read the plugins. Raises: RegistryError."""
        plugins = [{"name": one.name, "value": one.value, "group": one.group} for one in self._plugins]
        wish = {"plugins": plugins, "memory_bytes": self.bounds.memory_bytes}
        wish["load_seconds"] = _LOAD_SECONDS + _LOAD_GRACE_SECONDS
        until = time.monotonic() + _LOAD_SECONDS
        reads = why = ""
        try:
            frames.send(line, wish)
            while True:
                told = frames.receive(line, until)
                if "refuses" in told:
                    raise RegistryError(str(told["refuses"]))
                if "kinds" in told:
                    return list(told["kinds"])
                reads = str(told["reads"])
        except TimeoutError:
            why = f"takes longer than {_LOAD_SECONDS:.0f} s"
        except (OSError, EOFError, frames.Nonsense):
            why = "ends the process"
        if not reads:
            raise RegistryError("The step host, in which plugins run, cannot be started: look at the installation.")
        raise RegistryError(f"Reading the plugin step “{reads}” {why}. Mend or uninstall it.")

    def _stop(self) -> None:
        for copy in self._idle:
            copy.close()
        self._idle = []
        if self._line is not None:
            self._line.close()
            self._line = None
        if self._program is not None:
            self._program.kill()
            self._program.wait()
            self._program = None


_all: "weakref.WeakSet[StepHost]" = weakref.WeakSet()


def _forget_all() -> None:
    for host in list(_all):
        host.forget()


os.register_at_fork(after_in_child=_forget_all)


@contextlib.contextmanager
def open_host(plugins: Sequence[EntryPoint], bounds: Bounds = Bounds()) -> Iterator[StepHost]:
    """A host of one's own, closed at the end."""
    host = StepHost(plugins, bounds)
    try:
        yield host
    finally:
        host.close()
