"""The launcher's children: restarted when they die, gone when they must stop."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.launch.children import FIRST_PAUSE_SECONDS, Children, Command

SLEEPER = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEPER}"
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {SLEEPER!r}, sys.argv[1]])"
BROKEN = "import pathlib, sys; pathlib.Path(sys.argv[1]).open('a').write('x'); sys.exit(3)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def children(said: list[str]) -> Iterator[Children]:
    children = Children(said.append)
    yield children
    children.kill()
    children.stop()


def python(name: str, program: str, file: Path) -> Command:
    return Command(name, [sys.executable, "-c", program, str(file)])


def until(claim: Callable[[], bool], look: Callable[[], None] = lambda: None) -> None:
    deadline = time.monotonic() + 20
    while not claim():
        assert time.monotonic() < deadline, "did not happen within 20 s"
        look()
        time.sleep(0.01)


def number_in(file: Path) -> int:
    return int(file.read_text() or "0") if file.exists() else 0


def is_running(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_child_is_started_again_and_the_reason_is_said(
    children: Children, said: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "number"
    children.add([python("worker-1", SLEEPER, file)])
    until(lambda: number_in(file) > 0)
    first = number_in(file)
    os.kill(first, signal.SIGKILL)
    until(lambda: number_in(file) not in (0, first), children.look)
    assert said == [f"worker-1 stopped (killed by SIGKILL); it starts again in {FIRST_PAUSE_SECONDS} s."]


def test_a_child_that_always_dies_is_started_at_growing_pauses(
    children: Children, said: list[str], tmp_path: Path
) -> None:
    children.add([python("web", BROKEN, tmp_path / "starts")])
    until(lambda: len(said) == 4, children.look)
    assert [line.split(" in ")[-1] for line in said] == ["0.1 s.", "0.2 s.", "0.4 s.", "0.8 s."]
    assert said[0].startswith("web stopped (exit code 3)")


def test_a_program_that_does_not_exist_is_named_and_tried_again(children: Children, said: list[str]) -> None:
    children.add([Command("web", ["/does/not/exist"])])
    until(lambda: len(said) == 2, children.look)
    assert "web cannot be started" in said[0]
    assert "/does/not/exist" in said[0]


@pytest.mark.parametrize("program", [SLEEPER, PARENT], ids=["a child", "a child's child"])
def test_stopping_leaves_no_process(children: Children, program: str, tmp_path: Path) -> None:
    file = tmp_path / "number"
    children.add([python("worker-1", program, file)])
    until(lambda: number_in(file) > 0)
    children.stop()
    until(lambda: not is_running(number_in(file)))


def test_a_child_that_ignores_the_request_is_killed(
    children: Children, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.launch.children.STOP_SECONDS", 0.2)
    file = tmp_path / "number"
    children.add([python("worker-1", STUBBORN, file)])
    until(lambda: number_in(file) > 0)
    children.stop()
    assert not is_running(number_in(file))
    assert said == ["worker-1 did not stop in time and was killed."]


def test_the_orphans_of_a_killed_child_end_with_it(children: Children, tmp_path: Path) -> None:
    file = tmp_path / "number"
    children.add([python("worker-1", PARENT, file)])
    until(lambda: number_in(file) > 0)
    orphan = number_in(file)
    os.killpg(os.getpgid(orphan), 0)
    os.kill(os.getpgid(orphan), signal.SIGKILL)
    until(lambda: number_in(file) not in (0, orphan), children.look)
    until(lambda: not is_running(orphan))


def test_children_that_were_added_first_stop_last(children: Children, tmp_path: Path) -> None:
    """Each writes the moment of its end."""
    note = "import signal, sys, pathlib, time; f = pathlib.Path(sys.argv[1]); "
    note += "signal.signal(signal.SIGTERM, lambda *_: (f.write_text(str(time.monotonic_ns())), sys.exit(0))); "
    note += "f.write_text('0'); time.sleep(60)"
    names = ["redis", "worker", "web"]
    for name in names:
        children.add([python(name, note, tmp_path / name)])
        until(lambda name=name: (tmp_path / name).exists() and (tmp_path / name).read_text() == "0")  # type: ignore[misc]  # the default binds the loop's name
    children.stop()
    assert sorted(names, key=lambda name: number_in(tmp_path / name)) == ["web", "worker", "redis"]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child that its parent died")
def test_children_end_when_the_launcher_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "number"
    launcher = (
        "import sys, time; from app.launch.children import Children, Command; "
        f"Children(print).add([Command('worker-1', [sys.executable, '-c', {SLEEPER!r}, sys.argv[1]])]); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", launcher, str(file)])
    until(lambda: number_in(file) > 0)
    parent.kill()
    parent.wait()
    until(lambda: not is_running(number_in(file)))
