"""A private Redis: reached by one socket that only this user may open, its data kept in an append-only file."""

import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from app.launch.children import Command

LONGEST_SOCKET_PATH = 100
"""The kernel refuses socket paths over 107 bytes: https://man7.org/linux/man-pages/man7/unix.7.html"""
LOOK_SECONDS = 0.01


@dataclass(frozen=True)
class RedisServer:
    """Where one private Redis lives; `command()` is what to run, `url` how to reach it."""

    program: Path
    folder: Path
    socket_path: Path

    @classmethod
    def place(cls, program: Path, folder: Path) -> "RedisServer":
        """Make room for a Redis below the folder. Raises: OSError when that cannot be written."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o700)
        path = folder / "redis.sock"
        if len(str(path).encode()) > LONGEST_SOCKET_PATH:
            path = Path(tempfile.mkdtemp(prefix="patchbay-", dir="/tmp")) / "redis.sock"
        return cls(program, folder, path)

    @property
    def url(self) -> str:
        """REDIS_URL of this server."""
        return f"unix://{self.socket_path}?db=0"

    def command(self) -> Command:
        """The program with every setting as an argument: it reads no file of its own."""
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.folder),
            "appendonly": "yes",
            "save": "",
            "daemonize": "no",
            "loglevel": "warning",
            "logfile": "redis.log",
        }
        arguments = [word for name, value in settings.items() for word in (f"--{name}", value)]
        return Command("redis", [str(self.program), *arguments])

    def answers(self) -> bool:
        """Whether the server answers a PING now (it refuses while it loads its file)."""
        try:
            return self.ask("PING") == "+PONG"
        except OSError:
            return False

    def ask(self, command: str) -> str:
        """The one-line answer to a command without arguments. Raises: OSError when nobody listens."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(1.0)
            line.connect(str(self.socket_path))
            line.sendall(f"{command}\r\n".encode())
            return line.recv(4096).decode().partition("\r\n")[0]

    def wait_until_it_answers(self, seconds: float) -> bool:
        """Whether the server answered within that time."""
        deadline = time.monotonic() + seconds
        while not self.answers():
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_SECONDS)
        return True

    def tidy(self) -> None:
        """Remove the socket's own folder, if it needed one, once the server is gone."""
        if self.socket_path.parent != self.folder:
            shutil.rmtree(self.socket_path.parent, ignore_errors=True)
