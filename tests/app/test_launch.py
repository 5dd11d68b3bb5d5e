"""The whole launcher as a process of its own, with stand-ins for web, worker and sweeper."""

import os
import pty
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.launch.redis_server import RedisServer

STANDINS = """
import http.server, os, pathlib, sys, time
name = sys.argv[1]
folder = pathlib.Path(os.environ["PATCHBAY_DATA"])
with (folder / f"{name}.starts").open("a") as starts:
    starts.write(f"{os.getpid()} {os.environ['REDIS_URL']} {os.environ['ALLOWED_PRIVATE_HOSTS']}\\n")
if name == "web":
    class Live(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
        def log_message(self, *_):
            pass
    http.server.HTTPServer(("127.0.0.1", int(os.environ["PORT"])), Live).serve_forever()
time.sleep(60)
"""

LAUNCHER = f"""
import os, sys
from app.config import Settings
from app.launch.children import Command
from app.launch.commands import as_environment
from app.launch.launcher import launch

def programs(settings):
    return [[Command(name, [sys.executable, "-c", {STANDINS!r}, name], as_environment(settings)) for name in group]
            for group in (["worker-1", "worker-2"], ["web"])]

sys.exit(launch(Settings.from_environment(os.environ), lambda _: ["First link: http://example.test/first/x"], programs))
"""


@dataclass
class Launched:
    """A launcher process and what can be seen of it from outside."""

    process: subprocess.Popen[str]
    folder: Path
    port: int

    def starts(self, name: str) -> list[list[str]]:
        """Per start of that child: its process number, its REDIS_URL, its ALLOWED_PRIVATE_HOSTS."""
        file = self.folder / f"{name}.starts"
        return [line.split(" ") for line in file.read_text().splitlines()] if file.exists() else []

    def wait_for_starts(self, name: str, number: int) -> list[list[str]]:
        """All starts of that child once there are as many."""
        deadline = time.monotonic() + 20
        while len(starts := self.starts(name)) < number:
            assert time.monotonic() < deadline, f"{name} was started {len(starts)} times, not {number}"
            time.sleep(0.02)
        return starts

    def lines_until(self, words: str) -> list[str]:
        """What it prints up to the line with these words."""
        assert self.process.stdout is not None
        lines = []
        for line in self.process.stdout:
            lines.append(line.rstrip())
            if words in line:
                return lines
        raise AssertionError(f"{words!r} was never printed, but {lines}")


def free_port() -> int:
    """A port for web whose neighbour, which the example API takes, is free too."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            port = int(probe.getsockname()[1])
            with suppress(OSError, OverflowError), socket.create_server(("127.0.0.1", port + 1)):
                return port


def start_launcher(folder: Path, port: int, terminal: int | None = None, **environment: str) -> Launched:
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCHER],
        stdin=terminal,
        env={**os.environ, "PATCHBAY_DATA": str(folder), "PORT": str(port), "CUSTOMER_API_PORT": "0", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return Launched(process, folder, port)


@pytest.fixture
def launched(tmp_path: Path) -> Iterator[Launched]:
    launched = start_launcher(tmp_path / "data", free_port())
    yield launched
    launched.process.send_signal(signal.SIGTERM)
    launched.process.communicate(timeout=30)


def processes_of(folder: Path) -> list[str]:
    """The command lines of all processes whose arguments or environment name the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (
                str(folder).encode()
                in process.joinpath("environ").read_bytes() + process.joinpath("cmdline").read_bytes()
            ):
                found.append(process.joinpath("cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue  # it ended meanwhile, or is not ours
    return found


def test_the_address_and_the_link_are_printed_once_web_answers(launched: Launched) -> None:
    lines = launched.lines_until("First link")
    assert f"Patchbay runs at http://127.0.0.1:{launched.port}  (Ctrl-C stops it)" in lines


def test_every_child_gets_the_private_redis_and_the_example_api(launched: Launched) -> None:
    launched.lines_until("First link")
    url = f"unix://{launched.folder}/redis/redis.sock?db=0"
    for name in ("worker-1", "worker-2", "web"):
        assert [words[1:] for words in launched.wait_for_starts(name, 1)] == [[url, f"127.0.0.1:{launched.port + 1}"]]


@pytest.mark.parametrize("name", ["web", "worker-1"])
def test_what_was_killed_runs_again(launched: Launched, name: str) -> None:
    launched.lines_until("First link")
    os.kill(int(launched.wait_for_starts(name, 1)[0][0]), signal.SIGKILL)
    first, second = launched.wait_for_starts(name, 2)
    assert first[0] != second[0]


def test_a_redis_that_ends_runs_again_with_its_data(launched: Launched) -> None:
    launched.lines_until("First link")
    server = RedisServer(Path("redis-server"), launched.folder / "redis", launched.folder / "redis" / "redis.sock")
    assert server.ask("INCR starts") == ":1"
    assert server.ask("SHUTDOWN") == ""
    assert server.wait_until_it_answers(10)
    assert server.ask("INCR starts") == ":2"


@pytest.mark.skipif(not Path("/proc").exists(), reason="counts processes in /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_stops_all_and_leaves_no_process(launched: Launched, number: signal.Signals) -> None:
    launched.lines_until("First link")
    assert len(processes_of(launched.folder)) >= 5
    for _ in range(2):  # make passes on what the whole group was sent
        launched.process.send_signal(number)
    assert launched.process.wait(timeout=30) == 0
    assert processes_of(launched.folder) == []


@pytest.mark.skipif(not Path("/proc").exists(), reason="counts processes in /proc")
def test_a_terminal_that_hangs_up_stops_all_although_nobody_is_told(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    launched = start_launcher(tmp_path / "data", free_port(), terminal=theirs)
    os.close(theirs)
    launched.lines_until("First link")
    os.close(ours)
    launched.process.communicate(timeout=30)
    assert launched.process.returncode == 0
    assert processes_of(launched.folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_a_killed_launcher_takes_its_children_along_and_can_start_again(launched: Launched) -> None:
    launched.lines_until("First link")
    launched.process.kill()
    launched.process.communicate()
    deadline = time.monotonic() + 20
    while processes_of(launched.folder):
        assert time.monotonic() < deadline, processes_of(launched.folder)
        time.sleep(0.02)
    launched.process = start_launcher(launched.folder, launched.port).process
    launched.lines_until("First link")


def test_a_busy_port_is_one_sentence_and_starts_nothing(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        refused = start_launcher(tmp_path / "data", port)
        output, _ = refused.process.communicate(timeout=30)
    assert refused.process.returncode == 1
    assert output == (
        f"patchbay: Port {port} on 127.0.0.1 is not free (address already in use): stop the program that uses it, "
        "or set PORT to another port.\n"
    )
    assert refused.starts("web") == []


def test_a_second_launcher_on_the_same_folder_is_refused(launched: Launched) -> None:
    launched.lines_until("First link")
    second = start_launcher(launched.folder, free_port())
    output, _ = second.process.communicate(timeout=30)
    assert second.process.returncode == 1
    assert f"Patchbay runs already on the data folder {launched.folder} (process {launched.process.pid})" in output


def test_a_redis_that_was_set_is_used_and_none_started(tmp_path: Path, redis_url: str) -> None:
    launched = start_launcher(tmp_path / "data", free_port(), REDIS_URL=redis_url)
    launched.lines_until("First link")
    assert launched.wait_for_starts("worker-1", 1)[0][1] == redis_url
    launched.process.terminate()
    launched.process.communicate(timeout=30)
    assert not (tmp_path / "data" / "redis").exists()
