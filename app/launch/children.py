"""Keeps a list of programs running: starts them, starts again what died, stops everything, and leaves nothing behind.

Every child leads a session of its own, so Ctrl-C in a terminal reaches the launcher alone, which stops the children in
order; and a child's own children can be ended with it, by its process group.
"""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.launch.attachment import attached

FIRST_PAUSE_SECONDS = 0.1
"""The first restart is at once: a killed worker must be back within the 3 s that RELIABILITY promises."""
LONGEST_PAUSE_SECONDS = 10.0
"""Often enough that nobody waits for a mended cause, rarely enough that a broken program does not fill the log."""
SETTLED_SECONDS = 3.0
"""A child that lived this long was well; its next death starts with the shortest pause again."""
STOP_SECONDS = 30.0
"""Longer than the children's own: gunicorn lets open requests end for 5 s, a worker what it began for 25 s."""


@dataclass(frozen=True)
class Command:
    """A program to keep running: its name on screen, its arguments, and what to add to its environment."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    folder: Path | None = None


def start(command: Command) -> subprocess.Popen[bytes]:
    """Start the command as a leader of its own process group that dies with this process. Call it from the main thread.

    Raises: OSError when the program cannot be started.
    """
    return subprocess.Popen(
        command.arguments,
        cwd=command.folder,
        env={**os.environ, **command.environment},
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=attached(os.getpid()),  # noqa: PLW1509  the launcher has no threads that could hold a lock here
    )


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Kill whatever is left of a child's process group: grandchildren whose parent was killed."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return  # the usual case: nothing was left (macOS says EPERM for a group of zombies)


class Child:
    """One command and the process that runs it now, if any."""

    def __init__(self, command: Command, say: Callable[[str], None]) -> None:
        self.command = command
        self.process: subprocess.Popen[bytes] | None = None
        self._say = say
        self._pause_seconds = FIRST_PAUSE_SECONDS
        self._started = 0.0
        self._start_again = 0.0

    def look(self) -> None:
        """Start the process if it is due; when it has died, say so and settle when it starts again."""
        moment = time.monotonic()
        if self.process is None:
            if moment >= self._start_again:
                self._start(moment)
        elif (code := self.process.poll()) is not None:
            end_group(self.process)
            self.process = None
            self._died(moment, f"stopped ({_in_words(code)})")

    def ask_to_stop(self) -> None:
        """Send SIGTERM to the process, if there is one."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()

    def wait_until_gone(self, deadline: float) -> None:
        """Return when the process and its group are gone; at the deadline (monotonic) they are killed."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._say(f"{self.command.name} did not stop in time and was killed.")
        end_group(self.process)
        self.process.wait()
        self.process = None

    def _start(self, moment: float) -> None:
        self._started = moment
        try:
            self.process = start(self.command)
        except OSError as error:
            self._died(moment, f"cannot be started ({error})")

    def _died(self, moment: float, what: str) -> None:
        if moment - self._started >= SETTLED_SECONDS:
            self._pause_seconds = FIRST_PAUSE_SECONDS
        self._say(f"{self.command.name} {what}; it starts again in {self._pause_seconds:g} s.")
        self._start_again = moment + self._pause_seconds
        self._pause_seconds = min(self._pause_seconds * 2, LONGEST_PAUSE_SECONDS)


class Children:
    """All children of the launcher, in the order in which they start; they stop in the opposite one, group by group."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._groups: list[list[Child]] = []

    def add(self, commands: Sequence[Command]) -> None:
        """Start the commands; they will be gone before those that were added earlier are asked to stop."""
        group = [Child(command, self._say) for command in commands]
        self._groups.append(group)
        for child in group:
            child.look()

    def look(self) -> None:
        """Look at every child once."""
        for group in self._groups:
            for child in group:
                child.look()

    def stop(self) -> None:
        """End every child, politely first. Afterwards none is left."""
        while self._groups:
            group = self._groups[-1]
            deadline = time.monotonic() + STOP_SECONDS
            for child in group:
                child.ask_to_stop()
            for child in group:
                child.wait_until_gone(deadline)
            self._groups.pop()

    def kill(self) -> None:
        """End every child at once, for somebody who does not want to wait for stop(); safe in a signal handler."""
        for group in self._groups:
            for child in group:
                if child.process is not None:
                    end_group(child.process)


def _in_words(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
