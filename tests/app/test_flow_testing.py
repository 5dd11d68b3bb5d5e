"""`patchbay flows test`: the tests in a file, run in the terminal."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """There is no installation."""
    monkeypatch.setenv("PATCHBAY_DATA", str(tmp_path / "none"))
    monkeypatch.delenv("DATABASE_URL", raising=False)


def flow(queue: str, **more: Any) -> dict[str, Any]:
    """A flow that hands a message to a queue, with a test that wants the queue `standard`."""
    turn = {"event": {"message": "hi"}, "expect": [{"queue": "standard"}]}
    return {
        "format": 1,
        "name": "Front desk",
        "languages": ["en"],
        "steps": {
            "message": {"type": "incoming_message", "config": {"numbers": ["chat"]}, "exits": {"next": "people"}},
            "people": {
                "type": "forward_to_queue",
                "config": {"target": {"queue": queue}, "waiting_text": {"en": "{{ constants.hello }}"}},
                "exits": {"closed": "end", "timed_out": "end", "full": "end", "out_of_hours": "end"},
            },
        },
        "tests": [{"id": "one", "name": "People", "turns": [turn]}],
        **more,
    }


@pytest.mark.parametrize(
    ("content", "code", "line"),
    [
        (flow("standard"), 0, "Front desk: ok      People"),
        (
            flow("vip"),
            1,
            "Front desk: FAILED  People. Turn 1 (message “hi”): expected the queue “standard”, but there was “vip”.",
        ),
        (flow("vip", tests=[]), 0, "Front desk: there are no tests."),
        ({"format": 1, "flows": [flow("standard")]}, 0, "Front desk: ok      People"),
    ],
)
def test_each_test_is_a_line(
    content: dict[str, Any], code: int, line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "flow.json"
    file.write_text(json.dumps(content))
    assert main(["flows", "test", str(file)]) == code
    assert capsys.readouterr().out.splitlines() == [line]


@pytest.mark.parametrize("content", ["{", "[]", '{"format": 2, "flows": []}'])
def test_what_holds_no_flows_gets_a_sentence(content: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "flow.json"
    file.write_text(content)
    assert main(["flows", "test", str(file)]) == 1
    assert capsys.readouterr().err.startswith(f"patchbay: {file}: ")
