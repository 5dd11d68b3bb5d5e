"""The step host's own process: it has the plugins read, describes them, and makes copies of itself that run them.

Started by `app.step_host.host` with the number of its pipe. A copy takes a millisecond or two, where a new process that
reads everything again would take half a second. It never runs a step itself, and ends when its pipe does.
"""

import contextlib
import gc
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint
from typing import Any, Final

from app.step_host import frames
from app.step_host.confinement import bounded, confine, die_with_parent
from app.step_host.describing import description
from app.step_host.serving import Serving
from flows.errors import FlowError, RegistryError
from flows.registry import checked, loaded
from flows.step import Step

_LOAD_MEMORY_BYTES: Final = 4_294_967_296  # of addresses, to read all plugins: what a machine can do without
_LONGEST_REASON: Final = 500  # characters of what a stranger's code says


def main(pipe: int) -> None:
    """Serves one Patchbay process until it is gone."""
    line = socket.socket(fileno=pipe)
    asked, _ = frames.receive_with_file(line)
    signal.setitimer(signal.ITIMER_REAL, asked["load_seconds"])  # a module that loops ends us, whoever still listens
    with bounded(_LOAD_MEMORY_BYTES):
        kinds = _read_all(line, asked["plugins"])
    signal.setitimer(signal.ITIMER_REAL, 0)
    gc.freeze()  # what was read is never garbage: copies need not look through it
    _Template(line, kinds, asked["memory_bytes"]).serve()


def _read_all(line: socket.socket, plugins: Sequence[Mapping[str, str]]) -> dict[str, Step]:
    """Every kind by its type, each announced before its module is read, so that the one that kills us is known."""
    kinds: dict[str, Step] = {}
    described = []
    try:
        for plugin in plugins:
            frames.send(line, {"reads": plugin["name"]})
            step, told = _described(plugin)
            described.append(told)
            kinds[step.type] = step
    except RegistryError as refusal:
        frames.send(line, {"refuses": str(refusal)})
        sys.exit(0)
    frames.send(line, {"kinds": described})
    return kinds


def _described(plugin: Mapping[str, str]) -> tuple[Step, dict[str, Any]]:
    kind = loaded(EntryPoint(**plugin))
    try:
        step = checked(kind)()
        told = description(step)
        json.dumps(told, allow_nan=False)  # which no browser reads
    except RegistryError:
        raise
    except Exception as problem:  # a door: what a stranger's class raises while it is looked at can be anything
        said = str(problem) if isinstance(problem, FlowError) else repr(problem)
        sentence = f"The plugin step “{plugin['name']}” cannot be described: {said[:_LONGEST_REASON].rstrip('.')}."
        raise RegistryError(f"{sentence} Mend or uninstall it.") from problem
    return step, told


class _Template:
    """Makes copies, ends them, and says how they ended."""

    def __init__(self, line: socket.socket, kinds: Mapping[str, Step], memory_bytes: int) -> None:
        self._line, self._kinds, self._memory_bytes = line, kinds, memory_bytes
        self._copies: set[int] = set()  # not waited for yet, so that none of these ids can be anybody else's

    def serve(self) -> None:
        """Until the other side is gone; the copies then end with us."""
        while True:
            try:
                wish, file = frames.receive_with_file(self._line)
                if file is None:
                    frames.send(self._line, {"status": self._end(int(wish["end"]))})
                else:
                    frames.send(self._line, {"process": self._copy(file)})
                    os.close(file)
            except (EOFError, OSError, frames.Nonsense):
                os._exit(0)

    def _copy(self, file: int) -> int:
        parent = os.getpid()
        process = os.fork()
        if process:
            with contextlib.suppress(OSError):
                os.setpgid(process, process)  # both of us, so that neither can be too late
            self._copies.add(process)
            return process
        try:
            os.setpgid(0, 0)
            die_with_parent(parent)
            self._line.close()
            confine(self._memory_bytes)
            Serving(socket.socket(fileno=file), self._kinds).serve()
        finally:
            os._exit(1)

    def _end(self, process: int) -> int | None:
        """Ends a copy with all that it may have started; how it ended, as subprocess tells it."""
        if process not in self._copies:
            return None
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS refuses where only dead ones are left
            os.killpg(process, signal.SIGKILL)  # a group of its own; not waited for yet, so nobody else has its id
        _, status = os.waitpid(process, 0)
        self._copies.discard(process)
        return os.waitstatus_to_exitcode(status)
