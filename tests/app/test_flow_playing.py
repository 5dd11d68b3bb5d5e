"""`patchbay flows play`: a flow in a file, talked to in the terminal."""

import io
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


def play(monkeypatch: pytest.MonkeyPatch, typed: str, *arguments: str) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    return main(["flows", "play", *arguments])


def test_a_flow_is_played_with_typed_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = 'hello\n+48500100100\n200 {"status": "gold", "name": "Ann"}\n'
    assert play(monkeypatch, typed, str(ROOT / "examples/flows/vip_messages.json")) == 0
    assert "people get it: queue gold" in capsys.readouterr().out


def test_answers_may_be_prepared_and_the_contact_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({"loyalty": [{"status": 200, "body": {"status": "platinum"}}]}))
    file = str(ROOT / "examples/flows/vip_messages.json")
    assert play(monkeypatch, "hello\n", file, "--phone", "+48500100100", "--answers", str(answers), "--trace") == 0
    assert "queue platinum" in capsys.readouterr().out


def test_a_caller_is_known_by_the_number_they_call_from(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    typed = "404\n/hangup\n/call +48111222333\n"
    assert play(monkeypatch, typed, str(ROOT / "examples/flows/vip_calls.json")) == 0
    shown = capsys.readouterr().out
    assert "? GET http://127.0.0.1:8001/customers/%2B48600100200" in shown
    assert "? GET http://127.0.0.1:8001/customers/%2B48111222333" in shown


@pytest.mark.parametrize("content", ["{", "[]"])
def test_what_is_no_flow_gets_a_sentence(
    content: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "flow.json"
    file.write_text(content)
    assert play(monkeypatch, "hello\n", str(file)) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("patchbay: ")
    assert shown.count("\n") == 1


def stored(folder: Path, name: str, steps: dict[str, Any]) -> str:
    """A flow in a file."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps({"format": 1, "name": name, "languages": ["en"], "steps": steps}))
    return str(file)


def test_a_flow_is_played_with_the_flows_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outputs = [{"output": "who", "variable": "who"}]
    caller = {
        "in": {"type": "incoming_message", "config": {"numbers": ["web-chat"]}, "exits": {"next": "run"}},
        "run": {"type": "run_flow", "config": {"flow": "Asks", "outputs": outputs}, "exits": {"completed": "hi"}},
        "hi": {"type": "send_message", "config": {"text": {"en": "Hello {{ who }}"}}, "exits": {"success": "end"}},
    }
    asks = {
        "begin": {"type": "called_by_flow", "exits": {"next": "ask"}},
        "ask": {
            "type": "ask_question",
            "name": "The name",
            "config": {"text": {"en": "Your name?"}, "answer": {"kind": "text"}, "variable": "name"},
            "exits": {"reply": "over", "invalid": "over", "timed_out": "over"},
        },
        "over": {"type": "end", "config": {"outputs": [{"name": "who", "value": "{{ name }}"}]}, "exits": {}},
    }
    root, called = stored(tmp_path, "Caller", caller), stored(tmp_path, "Asks", asks)
    assert play(monkeypatch, "hello\nAnn\n", root, "--trace", "--with", called) == 0
    shown = capsys.readouterr().out
    assert "< Hello Ann" in shown
    assert "· run runs a flow" in shown
    assert "· The name (message_received) → reply" in shown
    assert play(monkeypatch, "hello\n", root) == 0
    assert "! run: The flow “Asks” was not given. (flow_missing)" in capsys.readouterr().out
    assert play(monkeypatch, "", called) == 0
    assert "Other flows run this one" in capsys.readouterr().out
