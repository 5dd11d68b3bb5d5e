"""Whole conversations in tests/flows/transcripts: what a person typed (»), and what the player printed.

After a wanted change run this file with UPDATE=1 in the environment and read the diff.
"""

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from flows.ask import HttpAnswer, QueueStateAnswer
from flows.document import Flow, read
from flows.errors import FlowError
from flows.facts import Facts
from flows.player import Player, play, prepared
from flows.player.answers import read_answer
from flows.player.lines import read_line
from flows.registry import Registry
from tests.flows.toys import NOW, TOYS, flow_of

ROOT = Path(__file__).parents[2]
TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.json"))
STARTED = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(["steps"])


def played(told: Mapping[str, Any], registry: Registry) -> list[str]:
    """The transcript that the typed lines of one make today."""
    flow = read((ROOT / told["flow"]).read_bytes())
    contact = told.get("contact", {"name": "Ann", "phone": "+48600100200"})
    facts = Facts(contact=contact, constants=told.get("constants", {}), language=told.get("language", ""))
    player = Player(flow, registry, STARTED, facts, prepared(told.get("answers", {})))
    player.tracing = told.get("trace", True)
    lines = player.open()
    for line in (line for line in told["lines"] if line.startswith("» ")):
        lines += [line, *player.feed(line.removeprefix("» "))]
    return lines


@pytest.mark.parametrize("file", TRANSCRIPTS, ids=lambda file: file.stem)
def test_a_conversation_goes_as_it_was_written_down(file: Path, registry: Registry) -> None:
    told = json.loads(file.read_text(encoding="utf-8"))
    lines = played(told, registry)
    if os.environ.get("UPDATE"):
        file.write_text(json.dumps({**told, "lines": lines}, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        return
    assert lines == told["lines"]


def test_the_transcripts_are_there() -> None:
    assert len(TRANSCRIPTS) >= 9


def toys(flow: Flow, *lines: str, **keys: Any) -> list[str]:
    """What the player prints last for the last of the typed lines, on a flow of toy steps."""
    player = Player(flow, TOYS, NOW, **keys)
    printed = player.open()
    for line in lines:
        printed = player.feed(line)
    return printed


def test_a_flow_without_a_trigger_says_so() -> None:
    assert toys(flow_of({"note": ("note",)}))[-1] == "This flow has no trigger, so nothing can start it."
    assert toys(flow_of({"note": ("note",)}), "hello") == [
        "(Nothing starts by that: no trigger of this flow takes it.)"
    ]


def test_play_ends_with_quit(registry: Registry) -> None:
    flow = read((ROOT / "examples/flows/vip_messages.json").read_bytes())
    printed = list(play(Player(flow, registry, STARTED), iter(["/help", "/quit", "/unknown"])))
    assert printed[0].startswith("VIP messages: ")
    assert not any("unknown" in line for line in printed)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("/dance", "! There is no /dance; type /help for what there is."),
        ("/wait long", "! A time is a number with s, m, h or d, such as /wait 10m."),
        ("/key x", "! Keys are digits, * and #, such as /key 12#."),
        ("/dial up", "! A forward ends completed, busy, no-answer, failed, canceled; type one of them after /dial."),
        ("/answer {", "! This is no answer; type one such as"),
        ("/hangup", "(Nothing starts by that: no trigger of this flow takes it.)"),
        ("/wait", "(Nothing here has a time limit; say how long, such as /wait 10m.)"),
    ],
)
def test_what_cannot_be_done_is_answered_by_a_sentence(line: str, sentence: str) -> None:
    assert toys(flow_of({"start": ("begin", {"next": "end"})}), line)[0].startswith(sentence)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("404", HttpAnswer(404, {"content-type": "text/plain; charset=utf-8"})),
        ('200 {"a": 1}', HttpAnswer(200, {"content-type": "application/json"}, '{"a": 1}', 8)),
        ('{"a": 1}', HttpAnswer(200, {"content-type": "application/json"}, '{"a": 1}', 8)),
        ('{"status": "gold"}', HttpAnswer(200, {"content-type": "application/json"}, '{"status": "gold"}', 18)),
        ('{"status": 503}', HttpAnswer(503, {"content-type": "text/plain; charset=utf-8"})),
        ("200 <html>", HttpAnswer(200, {"content-type": "text/plain; charset=utf-8"}, "<html>", 6)),
        ("timeout", HttpAnswer(error="timeout", message="Typed: timeout.", retryable=True)),
        ("bad_address", HttpAnswer(error="bad_address", message="Typed: bad_address.")),
        ("dns There is no such host.", HttpAnswer(error="dns", message="There is no such host.")),
    ],
)
def test_an_answer_is_typed_as_a_person_would(typed: str, answer: HttpAnswer) -> None:
    assert read_answer(typed) == answer


def test_prepared_answers_are_read_by_step() -> None:
    given = prepared(
        {"crm": [{"body": {"a": 1}}, {"error": "dns"}], "q": [{"kind": "queue_state_answer", "exists": False}]}
    )
    assert given["crm"][0] == HttpAnswer(200, {"content-type": "application/json"}, '{"a": 1}', 8)
    assert given["crm"][1] == HttpAnswer(error="dns", headers={"content-type": "text/plain; charset=utf-8"})
    assert given["q"] == [QueueStateAnswer(exists=False)]


@pytest.mark.parametrize(
    "data", [[], {"crm": {}}, {"crm": ["x"]}, {"crm": [{"kind": "say"}]}, {"crm": [{"colour": 1}]}]
)
def test_prepared_answers_that_are_none_are_refused(data: Any) -> None:
    with pytest.raises(FlowError):
        prepared(data)


def test_a_choice_is_taken_by_its_label_or_its_id() -> None:
    for typed in ("Sales ", "sales", "key_sales"):
        happening = read_line(typed, False, {"Sales": "key_sales"}).happening
        assert getattr(happening, "choice", None) == "key_sales"


def test_a_flow_that_goes_on_without_the_person_is_stopped() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "say"}, {"claims": "messages"}),
            "say": ("note", {"next": "wait"}, {"text": "Again."}),
            "wait": ("listen", {"other": "say"}, {"accepts": ["accepted"]}),
        }
    )
    player = Player(flow, TOYS, NOW)
    printed = player.feed("hello")
    assert printed[-1] == "! The flow goes on and on without you; the player stops it here."
    assert player.over
