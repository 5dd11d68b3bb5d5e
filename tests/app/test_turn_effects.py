"""What a turn leaves behind: run, record, counts, contact, problems; and that all of it can be told again."""

import json
import os
import subprocess
import sys
import time

import pytest

from flows import document, wire
from flows.record import TurnRecord, replay
from flows.values import canonical_json
from tests.app.api import Api
from tests.app.drawn import Document, asks, drawn, echo, fetches, interview, placed, sends, starts_with
from tests.app.house import ANNA, APOLOGY, Runtime


def sets(name: str, value: str, to: str = "end", scope: str = "run") -> dict[str, object]:
    row = {"name": name, "type": "text", "value": value, "scope": scope}
    return placed("set_variable", {"variables": [row]}, next=to)


def test_every_recorded_turn_replays_to_the_identical_turn(room: Runtime, api: Api) -> None:
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": asks("Your name?", to="look", variable="name"),
        "look": fetches(
            api.url("/customers/{{ name }}"),
            "set",
            mapping=[{"path": "tier", "variable": "tier", "type": "text", "default": "none"}],
        ),
        "set": sets("greeting", "Dear {{ name }} ({{ tier }})", to="out"),
        "out": sends("{{ greeting }}", wait_for="accepted", failure="end"),
    }
    version_id = room.publish(drawn("Long", steps))
    api.answers.append({"tier": "gold"})
    room.write("hello")
    room.drive()
    room.write("Anna")
    room.drive()
    assert room.provider.texts == ["Your name?", "Dear Anna (gold)"]
    turns = room.rows("SELECT number, record, trace FROM turns ORDER BY number")
    assert [row["number"] for row in turns] == [0, 1, 2]
    stored = room.one("SELECT document FROM versions WHERE id = :id", id=version_id)["document"]
    flows = {str(version_id): document.read(stored)}
    replayed = []
    for row in turns:
        record = wire.read(TurnRecord, row["record"])
        assert wire.write(record) == row["record"]
        replayed.append(replay(record, flows, room.house.steps))
        assert canonical_json(list(replayed[-1].trace)) == row["trace"]
    runs = [wire.write(turn.run) for turn in replayed]
    befores = [wire.write(wire.read(TurnRecord, row["record"]).run_before) for row in turns[1:]]
    assert runs == [*befores, room.one("SELECT state FROM runs")["state"]]
    told = json.dumps([str(version_id), stored, [row["record"] for row in turns]])
    for seed in ("1", "20261122"):
        assert in_another_process(told, seed) == [wire.write(turn) for turn in replayed]


REPLAYING = """
import json, sys
from flows import document, wire
from flows.record import TurnRecord, replay
from flows.registry import Registry
version, stored, records = json.load(sys.stdin)
for text in records:
    turn = replay(wire.read(TurnRecord, text), {version: document.read(stored)}, Registry.discover(["steps"]))
    print(json.dumps(wire.write(turn)))
"""


def in_another_process(told: str, hash_seed: str) -> list[str]:
    """The turns that a process with another order of its sets makes of what the database holds."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    printed = subprocess.run(
        [sys.executable, "-c", REPLAYING], input=told, env=environment, capture_output=True, check=True, text=True
    )
    return [json.loads(line) for line in printed.stdout.splitlines()]


def test_a_run_has_the_id_of_the_event_that_began_it(room: Runtime) -> None:
    room.publish(echo("keys"))
    put = room.write("hello")
    room.drive()
    assert room.column("SELECT id FROM runs") == [put.event_id]
    assert room.column("SELECT key FROM effects") == [f"{put.event_id}/0/0"]


def test_exits_are_counted_per_version_step_and_quarter_of_an_hour(room: Runtime) -> None:
    version_id = room.publish(echo("keys"))
    for n in range(5):
        room.write("hello", contact=f"+4860000000{n}")
    room.drive()
    query = (
        "SELECT step, exit, sum(taken) AS taken, sum(failed) AS failed FROM step_counts"
        " GROUP BY step, exit ORDER BY step"
    )
    expected = [("in", "next", 5, 0), ("out", "success", 5, 0)]
    assert [(row["step"], row["exit"], int(row["taken"]), int(row["failed"])) for row in room.rows(query)] == expected
    assert set(room.column("SELECT version_id FROM step_counts")) == {version_id}
    assert {at % (15 * 60 * 1_000_000) for at in room.column("SELECT quarter_at FROM step_counts")} == {0}
    room.move_clock(900)
    room.write("hello", contact="+48600000000")
    room.drive()
    assert len(set(room.column("SELECT quarter_at FROM step_counts"))) == 2


def test_what_a_flow_notes_of_a_contact_is_known_to_the_next_run(room: Runtime) -> None:
    steps = {
        "in": starts_with("keys", "out"),
        "out": sends("last time: {{ contact.attributes.said }}", to="note"),
        "note": sets("said", "{{ message.text }}", scope="contact"),
    }
    room.publish(drawn("Remembers", steps))
    for words in ("one", "two"):
        room.write(words)
        room.drive()
    assert room.provider.texts == ["last time:", "last time: one"]


def test_a_run_stays_on_the_version_it_began_with(room: Runtime) -> None:
    old, new = interview("keys"), interview("keys")
    new["steps"]["greet"]["config"]["text"] = {"en": "Welcome {{ name }}"}
    room.publish(old)
    room.write("hello", contact="+48600000001")
    room.drive()
    room.publish(new)
    room.write("hello", contact="+48600000002")
    room.drive()
    room.write("Anna", contact="+48600000001")
    room.write("Eva", contact="+48600000002")
    room.drive()
    assert sorted(room.provider.texts[2:]) == ["Hello Anna", "Welcome Eva"]


# failures


def failing(to: str | None = None, **more: object) -> Document:
    steps = {"in": starts_with("keys", "bad"), "bad": fetches("http://127.0.0.1:9/never")}
    steps["bad"]["exits"].pop("failure")
    if to:
        steps["sorry"] = sends(to)
        more["on_failure"] = "sorry"
    return drawn("Failing", steps, **more)


def test_a_failure_nobody_wired_goes_to_on_failure_and_onto_the_errors_page(room: Runtime) -> None:
    room.publish(failing(to="We are sorry"))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["We are sorry"]
    assert room.rows("SELECT step, kind FROM problems") == [{"step": "bad", "kind": "blocked_address"}]
    assert (room.entries(), room.outcomes()) == ([], ["completed"])


def test_a_failure_that_the_flow_gets_over_is_on_the_errors_page_and_in_the_counts_too(room: Runtime) -> None:
    steps = {"in": starts_with("keys", "bad"), "bad": fetches("http://127.0.0.1:9/never", to="out")}
    room.publish(drawn("Gets over it", {**steps, "out": sends("Hello anyway")}))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["Hello anyway"]
    assert room.rows("SELECT step, kind FROM problems") == [{"step": "bad", "kind": "blocked_address"}]
    counted = room.rows("SELECT exit, taken, failed FROM step_counts WHERE step = 'bad'")
    assert counted == [{"exit": "failure", "taken": 1, "failed": 1}]


def test_without_on_failure_the_installation_apologises_and_people_get_it(room: Runtime) -> None:
    room.publish(failing())
    put = room.write("hello")
    room.drive()
    assert room.provider.texts == [APOLOGY]
    assert room.entries() == [("people", "waiting")]
    assert room.conversation(put.conversation_id)["owner"] == "people"
    assert room.outcomes() == ["failed"]


def test_a_flow_that_never_waits_is_stopped_and_its_circle_named(room: Runtime) -> None:
    steps = {"in": starts_with("keys", "a"), "a": sets("x", "1", to="b"), "b": sets("x", "2", to="a")}
    room.publish(drawn("Round", steps))
    room.write("hello")
    started = time.monotonic()
    room.drive()
    assert time.monotonic() - started < 10
    (problem,) = room.rows("SELECT kind, message FROM problems")
    assert problem["kind"] == "loop_detected"
    assert "a → b → a" in problem["message"] or "b → a → b" in problem["message"]
    assert room.entries() == [("people", "waiting")]


def test_a_queue_that_is_gone_is_a_failure_and_not_silence(room: Runtime) -> None:
    leaves = {"closed": "end", "timed_out": "end", "full": "end", "out_of_hours": "end"}
    steps = {"in": starts_with("keys", "q"), "q": placed("forward_to_queue", {"target": {"queue": "gone"}}, **leaves)}
    room.publish(drawn("Gone", steps))
    room.write("hello")
    room.drive()
    assert room.problems() == ["queue_missing"]
    assert room.entries() == [("people", "waiting")]


# what is known of a conversation


def test_references_are_readable_and_facts_are_told(room: Runtime) -> None:
    words = "{{ conversation.reference }} {{ conversation.count }} {{ contact.phone }} {{ conversation.channel }}"
    room.publish(drawn("Facts", {"in": starts_with("keys", "out"), "out": sends(words)}))
    put = room.write("hello")
    room.drive()
    assert room.provider.texts == [f"PB-{10_000 + put.conversation_id} 1 {ANNA} double_keys"]


@pytest.mark.parametrize("text", ["{{ 7*7 }}", "{% for x in y %}", "<b>bold</b>", "\u202eתשובה"])
def test_what_a_contact_writes_is_never_worked_out(room: Runtime, text: str) -> None:
    room.publish(echo("keys"))
    room.write(text)
    room.drive()
    assert room.provider.texts == [f"echo {text}"]
    assert text in json.loads(room.one("SELECT payload FROM effects")["payload"])["text"]
