"""The contract, held against every installed step: nothing is listed by hand, so no new step escapes."""

import os
import random
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

import flows
import steps
from app.contract import ABOUT_EXAMPLE, ABOUT_STEP
from app.contract.example_rules import AboutExample, lived
from app.contract.purity import watched, worldly_code
from app.contract.rules import AboutStep
from flows.step import Example, Step
from flows.wire import write
from tests.steps.visits import STEPS

KINDS = list(STEPS)
EXAMPLES = [(step, example) for step in KINDS for example in step.examples]
FILES = [
    path for package in (steps, flows) for folder in package.__path__ for path in sorted(Path(folder).rglob("*.py"))
]


@pytest.mark.parametrize("rule", ABOUT_STEP, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("step", KINDS, ids=[step.type for step in KINDS])
def test_a_step_keeps_the_contract(step: Step, rule: AboutStep) -> None:
    assert list(rule(step)) == []


@pytest.mark.parametrize("rule", ABOUT_EXAMPLE, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize(
    ("step", "example"), EXAMPLES, ids=[f"{step.type}: {example.title}" for step, example in EXAMPLES]
)
def test_an_example_keeps_the_contract(step: Step, example: Example, rule: AboutExample) -> None:
    assert list(rule(step, example, STEPS)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_step_and_no_part_of_the_engine_is_written_to_ask_the_world(path: Path) -> None:
    assert worldly_code(path) == []


WORLDLY: list[tuple[str, Callable[[], object]]] = [
    ("time.time", time.time),
    ("time.monotonic", time.monotonic),
    ("datetime.now", lambda: datetime.now(UTC)),
    ("date.today", date.today),
    ("random", random.random),
    ("uuid4", uuid.uuid4),
    ("urandom", lambda: os.urandom(1)),
    ("a socket", lambda: socket.socket().close()),
    ("a name look-up", lambda: socket.getaddrinfo("127.0.0.1", 80)),
    ("a program", lambda: subprocess.run(["true"], check=True)),
]


@pytest.mark.parametrize(("name", "ask"), WORLDLY, ids=[name for name, _ in WORLDLY])
def test_the_watch_notices(name: str, ask: Callable[[], object]) -> None:
    with watched() as asked:
        ask()
    assert asked


def test_the_reading_notices(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    lines = [
        "import time, re",
        "from urllib.request import urlopen",
        "from datetime import datetime",
        "a = datetime.now()",
        "import datetime as whole",
        "b = whole.datetime.utcnow()",
        "c = open('x')",
        "d = hash('x')",
        "e = context.now",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")
    assert [found.split(":")[1] for found in sorted(worldly_code(path))] == ["1", "2", "4", "6", "7", "8"]


def all_turns() -> str:
    """Every example's final run and effects as text, in order."""
    visits = [lived(step, example, STEPS) for step, example in EXAMPLES]
    return "\n".join(write(visit.run) + repr(visit.effects) + repr(visit.entry) for visit in visits)


def test_examples_end_the_same_in_processes_of_other_hash_seeds() -> None:
    program = "from tests.steps.test_contract import all_turns; print(all_turns(), end='')"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONIOENCODING": "utf-8"},
            cwd=Path(steps.__path__[0]).parent,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "4242")
    }
    assert len(printed) == 1
    assert printed.pop()
