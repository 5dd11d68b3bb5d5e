"""Proving: every experiment once on each of its databases, written to docs/faults.jsonl and into docs/faults.md."""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults.experiments import Experiment
from tests.faults.machine import machine

_ROOT = Path(__file__).resolve().parents[2]
LINES, PAGE = _ROOT / "docs" / "faults.jsonl", _ROOT / "docs" / "faults.md"
_TABLE = re.compile(r"(<!-- figures -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_LONGEST_SECONDS = 900.0
Line = Mapping[str, Any]


def prove(experiments: Sequence[Experiment], seed: int) -> int:
    """Runs all, each in a process of its own; 1 when a promise was broken, 2 when nothing could be written down."""
    head = {"machine": machine(), "date": datetime.now(UTC).date().isoformat()}
    lines = []
    for experiment in experiments:
        for database in experiment.databases:
            line = _run(experiment.name, database, seed)
            print(json.dumps(line), flush=True)  # noqa: T201  what the command is for
            lines.append(line)
    LINES.write_text("".join(json.dumps(line) + "\n" for line in [head, *lines]))
    page = PAGE.read_text()
    table = _shown(head, lines, {one.name: one for one in experiments})
    written, places = _TABLE.subn(lambda found: found[1] + table + found[2], page)
    if not places:
        print(f"{PAGE} has no place for the figures: give it back its two markers.", file=sys.stderr)  # noqa: T201
        return 2
    PAGE.write_text(written)
    return 1 if any(line["broken"] for line in lines) else 0


def _run(name: str, database: str, seed: int) -> dict[str, Any]:
    """The experiment's line; one that prints none has broken its promise."""
    command = [sys.executable, "-m", "tests.faults", name, "--database", database, "--seed", str(seed)]
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


def _shown(head: Line, lines: Iterable[Line], experiments: Mapping[str, Experiment]) -> str:
    rows = [
        _about(head),
        "",
        "| experiment | promise | database, seed | figures | kept | took | others |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in lines:
        figures = " · ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in line["figures"].items())
        cells = [
            f"`{line['experiment']}`",
            experiments[line["experiment"]].promise,
            f"{line['database']}, {line['seed']}",
            figures,
            "; ".join(line["broken"]) or "yes",
            f"{line.get('seconds', '?')} s",
            f"{line.get('others_percent', '?')} %",
        ]
        rows.append(f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |")
    return "\n".join(rows) + "\n"


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
    return f"{value:,}" if isinstance(value, int) else str(value)
