"""Keeps the processes of a fault run alive: whatever dies is started again at once, and its remains are ended first."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from app.launch.attachment import attached
from app.launch.children import Command, end_group
from tests.postgres import PostgresServer

COMPILED = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir(), f"patchbay-compiled-{os.getuid()}")),
}
"""Processes that are started dozens of times must not compile every module each time, as some environments wish."""


class Kept:
    """One program and the process that runs it now. What stands in `crash_file` its next process dies of."""

    def __init__(self, command: Command, log: Path, before_restart: Callable[[], None]) -> None:
        self.command, self.crash_file = command, log.with_suffix(".crash")
        self._log, self._before_restart = log, before_restart
        self.process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        """Starts the process unless it lives. Call it from the main thread."""
        if self.process is not None:
            if self.process.poll() is None:
                return
            end_group(self.process)
            self._before_restart()
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command.arguments,
                cwd=self.command.folder,
                env={
                    **os.environ,
                    **COMPILED,
                    **self.command.environment,
                    "PATCHBAY_CRASH_FILE": str(self.crash_file),
                },
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=attached(os.getpid()),  # noqa: PLW1509  only the monkey's and the driver's threads run besides
            )

    @property
    def pid(self) -> int:
        """The process now; 0 when it is dead."""
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def stop(self) -> None:
        """Ends the process and its group."""
        if self.process is not None:
            if self.process.poll() is None:
                self.process.terminate()
                with suppress(subprocess.TimeoutExpired):
                    self.process.wait(timeout=10)
            end_group(self.process)
            self.process.wait()


class KeptServer(Kept):
    """PostgreSQL, kept like the other processes; whoever made it removes it."""

    def __init__(self, server: PostgresServer) -> None:
        super().__init__(Command("database", []), server.folder / "server.log", lambda: None)
        self._server = server

    def look(self) -> None:
        """Starts it unless it lives, or was stopped on purpose."""
        self._server.look()

    @property
    def pid(self) -> int:
        """The first of its processes; 0 when it is dead."""
        return self._server.pid

    def stop(self) -> None:
        """Nothing: its remains are its maker's."""


class Keeper:
    """All processes of a run, each with a log file of its own in the folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.kept: dict[str, Kept] = {}

    def add(self, command: Command, before_restart: Callable[[], None] = lambda: None) -> Kept:
        """Starts a program."""
        kept = Kept(command, self._folder / f"{command.name}.log", before_restart)
        self.kept[command.name] = kept
        kept.look()
        return kept

    def add_server(self, server: PostgresServer) -> None:
        """From now on the database is started again too."""
        self.kept["database"] = KeptServer(server)

    def look(self) -> None:
        """Starts again what died."""
        for kept in self.kept.values():
            kept.look()

    def stop(self) -> None:
        """Ends everything, the last added first."""
        for kept in reversed(self.kept.values()):
            kept.stop()

    def logs(self, last_bytes: int = 3_000) -> str:
        """The ends of all logs, for a person."""
        texts = []
        for name in self.kept:
            log = self._folder / f"{name}.log"
            texts.append(f"--- {name}\n{log.read_text(errors='replace')[-last_bytes:]}" if log.exists() else "")
        return "\n".join(texts)


def children_of(pid: int) -> list[int]:
    """The processes whose parent is this one, the oldest first."""
    return sorted(child for child, parent in _parents() if parent == pid)


def kill(pid: int, number: signal.Signals = signal.SIGKILL) -> bool:
    """Whether there was somebody to kill."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def wait_for(what: str, is_so: Callable[[], bool], seconds: float, look: Callable[[], None] = lambda: None) -> None:
    """Returns as soon as it is so. Raises: TimeoutError."""
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {seconds:g} s")
        look()
        time.sleep(0.02)


def python(name: str, *arguments: str) -> Command:
    """A module of this repository as a program."""
    return Command(name, [sys.executable, "-m", *arguments], {}, Path(__file__).resolve().parents[2])


def _parents() -> Iterator[tuple[int, int]]:
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            text = (entry / "stat").read_text(encoding="latin-1")
            yield int(entry.name), int(text.rpartition(")")[2].split()[1])
