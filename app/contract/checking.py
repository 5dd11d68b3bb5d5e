"""Checks the steps of an installed package, each in a process of its own: what is checked may do anything."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Final

from app.contract.fault import Fault
from flows.errors import FlowError
from flows.registry import ENTRY_POINT_GROUP, installed

SECONDS: Final = 60.0
"""For one step with all its examples; a single call in the step host has 5."""


def points_of(package: str) -> list[EntryPoint]:
    """The steps that an installed package names; `package` is its own name or its project's.

    Raises: FlowError when there are none.
    """
    wanted = Path(package).name.replace("-", "_").lower()
    found = [point for point in installed() if wanted in {_module(point), _project(point)}]
    if not found:
        raise FlowError(
            f"No installed package “{package}” names steps: look at the entry points {ENTRY_POINT_GROUP} in its "
            "pyproject.toml, and install it first, as `pip install -e FOLDER`."
        )
    return found


def check_package(package: str, built_in: Sequence[str]) -> Iterator[tuple[str, Sequence[Fault]]]:
    """Each step of the package, with what is wrong with it. Raises: FlowError when there are none."""
    for point in points_of(package):
        yield point.name, _checked(point, built_in)


def _checked(point: EntryPoint, built_in: Sequence[str]) -> Sequence[Fault]:
    with tempfile.TemporaryDirectory() as folder:
        result = Path(folder) / "faults.json"
        command = [sys.executable, "-m", "app.contract.one", point.name, point.value, point.group, str(result)]
        try:
            done = subprocess.run(
                [*command, *built_in],
                env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)},
                capture_output=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            sentence = f"It was not done after {SECONDS:.0f} s with all its examples."
            return [Fault("", sentence, "A step takes milliseconds: look for a loop.")]
        if result.exists():
            return [Fault(*fault) for fault in json.loads(result.read_text(encoding="utf-8"))]
        said = done.stderr.decode(errors="replace").strip().splitlines()
        sentence = f"It ended the process with the code {done.returncode}{f' ({said[-1]})' if said else ''}."
        return [Fault("", sentence, "A step returns an outcome; it ends nothing.")]


def _module(point: EntryPoint) -> str:
    return point.value.partition(":")[0].partition(".")[0].lower()


def _project(point: EntryPoint) -> str:
    return point.dist.name.replace("-", "_").lower() if point.dist else ""
