"""Proving: every experiment once on each of its databases, written to docs/faults.jsonl, its page and the README."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults import summary
from tests.faults.experiments import Experiment
from tests.faults.machine import machine

_ROOT = Path(__file__).resolve().parents[2]
LINES, PAGE, README = _ROOT / "docs" / "faults.jsonl", _ROOT / "docs" / "faults.md", _ROOT / "README.md"
_PLACE = re.compile(r"(<!-- figures: ([a-z0-9-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_MACHINE, _OTHERS = "machine", "others"  # the places of the machine, and of experiments without one of their own
_LONGEST_SECONDS = 2_700.0
_AT_ONCE = 3  # of those that need not be alone; most of their time is spent waiting
_BEHIND = 2  # of those that compute, beside them: one after the other they would end last
Line = Mapping[str, Any]


def prove(experiments: Sequence[Experiment], seed: int, only: str | None = None) -> int:
    """Runs all, each in a process of its own, those first that must be alone, and beside the others those that only
    compute; 1 when a promise was broken.

    With `only` one experiment runs, and the others' lines stay as they are.
    """
    head: Line = {"machine": machine(), "date": datetime.now(UTC).date().isoformat()}
    wanted = [experiment for experiment in experiments if only in (None, experiment.name)]
    jobs = [(experiment, database) for experiment in wanted for database in experiment.databases]
    before = [json.loads(line) for line in LINES.read_text().splitlines()] if LINES.exists() else []
    lasted = {(line["experiment"], line["database"]): line.get("seconds", 0.0) for line in before[1:]}
    jobs.sort(key=lambda job: -lasted.get((job[0].name, job[1]), _LONGEST_SECONDS))
    computing = [job for job in jobs if job[0].computes]
    alone = [job for job in jobs if job[0].alone]
    others = [job for job in jobs if job not in computing and job not in alone]

    def told(job: tuple[Experiment, str]) -> Line:
        return _told(job[0], job[1], seed)

    lines: list[Line] = []
    for name in dict.fromkeys(experiment.name for experiment, _ in alone):
        of_it = [job for job in alone if job[0].name == name]
        with ThreadPoolExecutor(len(of_it) if of_it[0][0].together else 1) as lanes:
            lines += lanes.map(told, of_it)
    with ThreadPoolExecutor(_BEHIND) as behind, ThreadPoolExecutor(_AT_ONCE) as lanes:
        computed = behind.map(told, computing)
        lines += [*lanes.map(told, others), *computed]
    if only is not None and before:
        head, lines = before[0], lines + [line for line in before[1:] if line["experiment"] != only]
    names = [experiment.name for experiment in experiments]
    lines = [line for line in lines if line["experiment"] in names]
    lines.sort(key=lambda line: (names.index(line["experiment"]), line["database"]))
    LINES.write_text("".join(json.dumps(line) + "\n" for line in [head, *lines]))
    PAGE.write_text(filled(PAGE.read_text(), head, lines, {one.name: one for one in experiments}))
    README.write_text(summary.filled(README.read_text(), lines))
    return 1 if any(line["broken"] for line in lines) else 0


def _told(experiment: Experiment, database: str, seed: int) -> Line:
    line = _run(experiment, database, seed)
    print(json.dumps(line), flush=True)  # noqa: T201  what the command is for
    return line


def _run(experiment: Experiment, database: str, seed: int) -> dict[str, Any]:
    """The experiment's line; one that prints none has broken its promise."""
    name, low = experiment.name, ["nice", "-n", "19"] if experiment.computes else []
    command = [*low, sys.executable, "-m", "tests.faults", name, "--database", database, "--seed", str(seed)]
    why = ""
    try:
        done = subprocess.run(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True, timeout=_LONGEST_SECONDS)  # noqa: PLW1510
        if last := next(reversed(done.stdout.splitlines()), ""):
            line: dict[str, Any] = json.loads(last)
            return line
        why = f"It ended with code {done.returncode} and printed nothing."
    except subprocess.TimeoutExpired:
        why = f"It did not end within {_LONGEST_SECONDS:g} s."
    except ValueError:
        why = "It printed something else than its line."
    return {"experiment": name, "database": database, "seed": seed, "figures": {}, "broken": [why]}


def filled(page: str, head: Line, lines: Sequence[Line], experiments: Mapping[str, Experiment]) -> str:
    """The page with each experiment's figures at its place, which stands between `<!-- figures: NAME -->` and
    `<!-- end of figures -->`; those without a place of their own are shown at the place `others`."""
    places = {found[2] for found in _PLACE.finditer(page)}
    shown: dict[str, list[str]] = {_MACHINE: [_about(head)]}
    for name, experiment in experiments.items():
        of_it = [line for line in lines if line["experiment"] == name]
        if not of_it:
            continue
        block = shown.setdefault(name if name in places else _OTHERS, [])
        block += ["", *_table(experiment, of_it)] if block else _table(experiment, of_it)
    return _PLACE.sub(lambda found: found[1] + "".join(f"{one}\n" for one in shown.get(found[2], [])) + found[3], page)


def _table(experiment: Experiment, lines: Sequence[Line]) -> list[str]:
    """One column for each database, one row for each figure that any of them has."""
    names = list(dict.fromkeys(name for line in lines for name in line["figures"]))
    columns = [
        [line["database"], *(_value(line["figures"].get(name, "–")) for name in names), *_ending(line)]
        for line in lines
    ]
    rows = [["", *names, "promise kept", "seconds", "used by others before"], *columns]
    cells = [[cell.replace("_", " ").replace("|", "/") for cell in column] for column in rows]
    table = [f"| {' | '.join(row)} |" for row in zip(*cells, strict=True)]
    return [
        f"*{experiment.promise}* `python -m tests.faults {experiment.name}`",
        "",
        table[0],
        f"|{'---|' * len(rows)}",
        *table[1:],
    ]


def _ending(line: Line) -> list[str]:
    return ["; ".join(line["broken"]) or "yes", str(line.get("seconds", "?")), f"{line.get('others_percent', '?')} %"]


def _about(head: Line) -> str:
    about = head["machine"]
    return (
        f"Of {head['date']}: {about['cores']} processors ({about['processor']}), a million additions in Python took"
        f" {about['million_additions_ms']} ms of one, and others used {about['others_percent']} % of the machine before"
        " the first experiment began."
    )


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_value(one)}" for name, one in value.items())
    if isinstance(value, list | tuple):
        return "; ".join(map(_value, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
