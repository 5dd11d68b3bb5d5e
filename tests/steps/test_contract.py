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
from flows.check import InstallationNames, check
from flows.document import END, from_data, to_data
from flows.form import check_schema, filled, validate
from flows.step import Example, Exit, Step, Trigger
from flows.wire import write
from tests.steps.purity import watched, worldly_code
from tests.steps.visits import STEPS, Visit

KINDS = list(STEPS)
EXAMPLES = [(step, example) for step in KINDS for example in step.examples]
FILES = [
    path for package in (steps, flows) for folder in package.__path__ for path in sorted(Path(folder).rglob("*.py"))
]
ALL_KINDS = pytest.mark.parametrize("step", KINDS, ids=[step.type for step in KINDS])
ALL_EXAMPLES = pytest.mark.parametrize(
    ("step", "example"), EXAMPLES, ids=[f"{step.type}: {example.title}" for step, example in EXAMPLES]
)


def visited(step: Step, example: Example) -> Visit:
    """The example, lived through."""
    return begun(step, example).feed_all(example.turns)


def begun(step: Step, example: Example) -> Visit:
    """The example before anything happens in it."""
    contact, variables, on_call = example.contact, example.variables, example.on_call
    return Visit(step.type, example.config, contact, variables, on_call=on_call, kept=example.kept)


@ALL_KINDS
def test_a_form_can_be_drawn_and_every_field_has_a_title_and_help(step: Step) -> None:
    check_schema(step.schema)
    assert step.examples, f"{step.type} has no example"


@ALL_KINDS
def test_a_step_carries_no_state(step: Step) -> None:
    assert vars(step) == {}


@ALL_EXAMPLES
def test_an_example_is_configured_rightly_and_passes(step: Step, example: Example) -> None:
    assert validate(step.schema, example.config) == []
    visit = visited(step, example)
    assert (visit.left_by, visit.error) == (example.leaves_by, example.error), visit.message
    assert example.sets is None or visit.sets == example.sets
    assert example.effects is None or list(visit.effects) == list(example.effects)


@ALL_KINDS
def test_every_exit_is_reached_by_an_example(step: Step) -> None:
    reached = {example.leaves_by for example in step.examples}
    always = {way.id for way in step.exits({})}
    for example in step.examples:
        ways = {way.id for way in step.exits(example.config)}
        made = ways - always  # exits that the config makes are of one kind: one that is taken stands for all
        assert ways & always <= reached
        assert not made or made & reached, f"no example leaves by any of {sorted(made)}"
    assert (
        not step.fails() or not step.errors or "failure" in reached
    )  # a step without error kinds fails only as the engine says


@ALL_EXAMPLES
def test_a_step_leaves_only_by_exits_it_names(step: Step, example: Example) -> None:
    ways = [way.id for way in step.exits(example.config)]
    assert len(ways) == len(set(ways))
    assert "failure" not in ways
    assert all(isinstance(way, Exit) for way in step.exits(example.config))
    taken = visited(step, example).left_by
    assert taken in {None, END, *ways, *(["failure"] if step.fails() else [])}


@ALL_EXAMPLES
def test_an_exit_taken_without_a_wait_is_one_the_step_calls_so(step: Step, example: Example) -> None:
    visit = begun(step, example)
    stopped = visit.run.status == "waiting"
    for turn in example.turns:
        stopped |= visit.feed(turn).run.status == "waiting"
    if step.effective_limit(example.config) is not None and visit.left_by is not None and not stopped:
        assert visit.left_by in {*step.at_once, "failure"}


@ALL_EXAMPLES
def test_what_a_step_says_it_sets_is_what_it_sets(step: Step, example: Example) -> None:
    said = {name: exits for name, _, exits in step.variables(example.config)}
    visit = visited(step, example)
    assert set(visit.run.variables) <= set(example.variables) | set(said)
    surely = {name for name, exits in said.items() if example.leaves_by in exits}
    assert surely <= set(visit.run.variables)
    types = {name: kind for name, kind, _ in step.variables(example.config) if kind}
    assert all(kind in ("text", "number", "boolean", "date", "datetime", "list", "object") for kind in types.values())


@ALL_EXAMPLES
def test_an_example_placed_in_a_flow_has_nothing_to_mend(step: Step, example: Example) -> None:
    ways = {way.id: END for way in step.exits(example.config)}
    start = "incoming_call" if example.on_call else "incoming_message"
    placed = {
        "start": {"type": start, "config": {"numbers": ["line"]}, "exits": {"next": "it"}},
        "it": {"type": step.type, "config": dict(example.config), "exits": ways},
    }
    if isinstance(step, Trigger):
        del placed["start"]
    flow = from_data({"format": 1, "name": "Example", "languages": ["en"], "steps": placed})
    codes = {finding.code for finding in check(flow, STEPS, InstallationNames())}
    assert not codes & {"bad_config", "step_broken", "open_exit", "exit_gone", "exit_twice", "wait_without_limit"}
    assert from_data(to_data(flow)) == flow


@ALL_EXAMPLES
def test_an_error_is_one_the_step_explains_or_the_engine_gives(step: Step, example: Example) -> None:
    visit = visited(step, example)
    assert (visit.error is not None) == (visit.left_by == "failure")
    assert visit.error is None or visit.message.endswith((".", "?", "!")), visit.message


@ALL_KINDS
def test_upgrading_a_config_of_today_changes_nothing(step: Step) -> None:
    for example in step.examples:
        assert step.upgrade(example.config, step.format) == example.config
        assert validate(step.schema, filled(step.schema, example.config)) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_step_and_no_part_of_the_engine_is_written_to_ask_the_world(path: Path) -> None:
    assert worldly_code(path) == []


@ALL_EXAMPLES
def test_a_running_step_asks_no_clock_chance_or_socket(step: Step, example: Example) -> None:
    visited(step, example)  # what is compiled or loaded once is not the step's doing
    with watched() as asked:
        visited(step, example)
    assert asked == []


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
    visits = [visited(step, example) for step, example in EXAMPLES]
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
