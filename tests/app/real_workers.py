"""Workers as they really are, processes with a parent and a child, for a house whose provider notes all in a file."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.lanes import Lanes
from app.launch.commands import as_environment
from tests.app.house import Runtime
from tests.app.processes import until


def taken(room: Runtime) -> list[str]:
    """What the provider got, each message once however often it came with its key."""
    log = Path(room.one("SELECT settings FROM connections WHERE name = 'keys'")["settings"][9:-2])
    lines = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    return list({line["key"]: line["text"] for line in lines}.values())


def log_of(room: Runtime) -> Path:
    """What workers say."""
    return room.house.settings.data_folder / "worker.log"


@contextmanager
def a_worker(room: Runtime) -> Iterator[subprocess.Popen[bytes]]:
    """A worker's parent."""
    with log_of(room).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.app.worker_program"],
            env={**os.environ, **as_environment(room.house.settings)},
            cwd=Path(__file__).parents[2],
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def child_of(parent: int) -> int:
    """The process id of the parent's child; 0 while it has none."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return int(children[0]) if children else 0


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    status = Path(f"/proc/{pid}/stat")
    return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"


def write_and_wait(room: Runtime, *texts: str) -> None:
    """Each from a contact of its own; all are answered."""
    for n, text in enumerate(texts):
        room.write(text, contact=f"+4860000000{n}")
    Lanes(room.house.settings.redis_url).wake("turns")
    until(lambda: {f"echo {text}" for text in texts} <= set(taken(room)), f"{texts} are answered", seconds=40)
