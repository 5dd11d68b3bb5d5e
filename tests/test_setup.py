"""What `make` cannot work with is said in one sentence; nothing is left behind."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
OLD_PYTHON = """#!/bin/sh
case $1 in -V) echo "Python 3.10.14" ;; *) exit 1 ;; esac
"""
PYTHON_WITHOUT_VENV = f"""#!/bin/sh
case "$*" in *ensurepip*) exit 1 ;; esac
exec {sys.executable} "$@"
"""
NOBODY = 65534


@pytest.fixture
def clone() -> Iterator[Path]:
    """A folder with the scripts of .ci that everybody may look into."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        (Path(folder) / ".ci").mkdir()
        for script in ("environment", "node"):
            (Path(folder) / ".ci" / script).write_bytes((ROOT / ".ci" / script).read_bytes())
            (Path(folder) / ".ci" / script).chmod(0o755)
        Path(folder).chmod(0o755)
        yield Path(folder)


def refused(clone: Path, *command: str, user: int | None = None, **environment: str) -> str:
    """What a script that ends with 1 says."""
    variables = {**os.environ, **environment}
    ended = subprocess.run(command, cwd=clone, env=variables, user=user, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (1, "")
    return ended.stderr


@pytest.mark.parametrize(
    ("program", "says"),
    [
        (OLD_PYTHON, "Patchbay needs Python 3.11 or newer and found Python 3.10.14: install one, or name it with"),
        ("", "Patchbay needs Python 3.11 or newer and found none: install one, or name it with"),
        (PYTHON_WITHOUT_VENV, "has no venv module: install it (on Debian and Ubuntu: apt install python3-venv)."),
    ],
    ids=["an old Python", "no Python", "a Python without venv"],
)
def test_a_python_that_cannot_be_used_is_said_in_one_sentence(clone: Path, program: str, says: str) -> None:
    python = clone / "python"
    if program:
        python.write_text(program)
        python.chmod(0o755)
    said = refused(clone, ".ci/environment", "run", PYTHON=str(python))
    assert says in said
    assert said.count("\n") == 1
    assert not (clone / ".venv").exists()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody else")
def test_a_clone_that_cannot_be_written_is_said_in_one_sentence(clone: Path) -> None:
    said = refused(clone, ".ci/environment", "run", user=NOBODY)
    assert said == f"make: The folder {clone} cannot be written: clone Patchbay to a folder of your own.\n"


def test_pages_that_cannot_be_built_are_said_with_the_reason(clone: Path) -> None:
    npm = clone / ".venv" / "bin" / "npm"
    npm.parent.mkdir(parents=True)
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND'\nexit 7\n")
    npm.chmod(0o755)
    assert refused(clone, ".ci/node", "static", "ci") == (
        "npm error code ENOTFOUND\n"
        "make: `npm ci` failed in static: the lines above say why (packages need a network or a mirror once).\n"
    )
