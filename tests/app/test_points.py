"""A process dies at the labelled place it was told, and only one does."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

_PASSES = """
from app.points import crash_as_told, point
crash_as_told()
for _ in range(3):
    point("turn:before")
    print("before", flush=True)
    point("turn:after")
"""


def passes(crash_file: Path) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", _PASSES],
        env={**os.environ, "PATCHBAY_CRASH_FILE": str(crash_file)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout.split()


@pytest.mark.parametrize(
    ("told", "code", "passed"),
    [("turn:before 1", -signal.SIGKILL, 0), ("turn:after 2", -signal.SIGKILL, 2), ("turn:after 4", 0, 3)],
)
def test_a_process_dies_at_the_nth_passing_of_the_place(tmp_path: Path, told: str, code: int, passed: int) -> None:
    crash_file = tmp_path / "crash"
    crash_file.write_text(told)
    assert passes(crash_file) == (code, ["before"] * passed)
    assert crash_file.exists() is (code == 0)


def test_the_next_process_lives(tmp_path: Path) -> None:
    assert passes(tmp_path / "crash") == (0, ["before"] * 3)
