"""A small edit of a flow is a small `git diff`, because canonical writing moves nothing else."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.document import from_data, write
from tests.flows.documents import changed, vip_calls

# (where, what it becomes, the lines git counts as added, as removed)
EDITS: list[tuple[str, Any, int, int]] = [
    ("name", "VIP callers", 1, 1),
    ("steps.sorry.config.text.en", "Sorry.", 1, 1),
    ("steps.best.exits.timed_out", "sorry", 1, 1),
    ("steps.tier.config.cases.0.conditions.0.operand", "diamond", 1, 1),
    ("steps.zebra", {"type": "end", "config": {}, "exits": {}}, 5, 0),
    ("steps.missed", ..., 0, 12),
    ("layout.at.call", [0, 200], 1, 1),
    ("languages", ["en", "pl", "ru"], 2, 1),
]


@pytest.mark.parametrize(("where", "value", "added", "removed"), EDITS)
def test_an_edit_of_one_place_is_a_diff_of_one_place(
    tmp_path: Path, where: str, value: Any, added: int, removed: int
) -> None:
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    before.write_text(write(from_data(vip_calls())), encoding="utf-8")
    after.write_text(write(from_data(changed(where, value))), encoding="utf-8")
    counted = subprocess.run(
        ["git", "diff", "--no-index", "--numstat", str(before), str(after)], capture_output=True, text=True, check=False
    )
    summary = subprocess.run(
        ["git", "diff", "--no-index", "--stat", str(before), str(after)], capture_output=True, text=True, check=False
    )
    assert counted.stdout.split("\t")[:2] == [str(added), str(removed)]
    assert "1 file changed" in summary.stdout
