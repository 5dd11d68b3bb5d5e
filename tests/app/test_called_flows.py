"""Flows that run flows in the house: which version is entered, what is recorded, what a crash in the middle does."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import publishing
from app.publishing.uses import uses_of_file
from app.runner.taking import Taker
from app.store.versions import version_to_enter
from flows import document, wire
from flows.ask import FlowVersion, FlowVersionAnswer
from flows.document import Flow
from flows.record import TurnRecord, replay
from flows.run import Run
from flows.values import canonical_json
from tests.app.api import Api
from tests.app.drawn import Document, Step, asks, drawn, fetches, placed, sends, starts_with
from tests.app.house import Runtime
from tests.app.processes import die_at


def runs(flow: str, to: str = "end", **config: object) -> Step:
    """Runs another flow."""
    return placed("run_flow", {"flow": flow, **config}, completed=to)


def called(name: str, steps: dict[str, Step], first: str, **config: object) -> Document:
    """A flow that others run."""
    return drawn(name, {"begin": placed("called_by_flow", config, next=first), **steps})


def greeting(words: str) -> Document:
    """Asks for a name and gives it back, with a word of its version."""
    outputs = [{"name": "who", "value": f"{{{{ answer }}}} {words}"}]
    steps = {"ask": asks(f"Name? ({words})", to="over"), "over": placed("end", {"outputs": outputs})}
    return called("Greeting", steps, "ask", outputs=[{"name": "who"}])


CALLER = drawn(
    "Caller",
    {
        "in": starts_with("keys", "run"),
        "run": runs("Greeting", "tell", outputs=[{"output": "who", "variable": "who"}]),
        "tell": sends("Hello {{ who }}"),
    },
)


def assert_replays(room: Runtime) -> None:
    """Every recorded turn, made again from its record and the versions that names, is the same."""
    turns = room.rows("SELECT record, trace FROM turns ORDER BY run_id, number")
    assert turns
    for row in turns:
        record = wire.read(TurnRecord, row["record"])
        flows: dict[str, Flow] = {
            version: document.read(
                room.one("SELECT document FROM versions WHERE id = :id", id=int(version))["document"]
            )
            for version in record.versions
        }
        assert canonical_json(list(replay(record, flows, room.house.steps).trace)) == row["trace"]


def test_the_latest_version_is_entered_and_stays_and_every_turn_replays(room: Runtime) -> None:
    room.publish(CALLER)
    first = room.publish(greeting("one"))
    room.write("hello")
    room.drive()
    second = room.publish(greeting("two"))
    room.write("Ann")
    room.drive()
    room.write("hello", contact="+48600100201")
    room.drive()
    room.write("Bob", contact="+48600100201")
    room.drive()
    assert room.provider.texts == ["Name? (one)", "Hello Ann one", "Name? (two)", "Hello Bob two"]
    assert room.outcomes() == ["completed"] * 2
    records = room.rows("SELECT record FROM turns ORDER BY created_at, run_id")
    told = [wire.read(TurnRecord, row["record"]).versions for row in records]
    assert [versions[1] for versions in told] == [str(first), str(first), str(second), str(second)]
    assert_replays(room)
    room.assert_consistent()
    counted = "SELECT version_id, step FROM step_counts WHERE step = 'over' ORDER BY version_id"
    assert [row["version_id"] for row in room.rows(counted)] == [first, second]


def test_a_file_of_the_version_that_a_run_stands_in_below_is_still_needed(room: Runtime) -> None:
    def uses() -> list[str]:
        with room.house.database.reading() as session:
            return uses_of_file(session, "ab" * 32, 1)

    room.publish(CALLER)
    room.publish(greeting("ab" * 32))
    room.write("hello")
    room.drive()
    room.publish(greeting("two"))
    assert uses() == ["the flow “Greeting”"]
    room.write("Ann")
    room.drive()
    assert uses() == []


def test_a_pinned_version_is_entered_however_many_follow(room: Runtime) -> None:
    steps = {"in": starts_with("keys", "run"), "run": runs("Greeting", version=1)}
    room.publish(drawn("Caller", steps))
    room.publish(greeting("one"))
    room.publish(greeting("two"))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["Name? (one)"]


@pytest.mark.parametrize(
    ("config", "kind", "sentence"),
    [
        ({}, "flow_missing", "There is no flow “Greeting” (any more)."),
        ({"version": 7}, "not_published", "The flow “Greeting” has no version 7."),
    ],
)
def test_a_flow_that_is_not_there_fails_the_step_and_people_read_why(
    room: Runtime, config: dict[str, Any], kind: str, sentence: str
) -> None:
    room.publish(drawn("Caller", {"in": starts_with("keys", "run"), "run": runs("Greeting", **config)}))
    if config:
        room.publish(greeting("one"))
    room.write("hello")
    room.drive()
    problems = room.rows("SELECT step, kind, message FROM problems")
    assert [tuple(row.values()) for row in problems] == [("run", kind, sentence)]
    assert room.entries() == [("people", "waiting")]


def test_a_failure_below_is_one_problem_of_the_step_that_failed(room: Runtime) -> None:
    room.publish(drawn("Caller", {"in": starts_with("keys", "run"), "run": runs("Middle")}))
    room.publish(called("Middle", {"run2": runs("Deep")}, "run2"))
    room.publish(called("Deep", {"set": placed("set_variable", {"variables": [{"name": "x", "type": "number",
                 "value": "no number"}]}, next="end")}, "set"))  # fmt: skip
    room.write("hello")
    room.drive()
    assert [row["step"] for row in room.rows("SELECT step FROM problems")] == ["set"]
    assert room.outcomes() == ["failed"]


def test_a_flow_without_published_version_is_told_apart_from_none(room: Runtime) -> None:
    room.publish(greeting("one"))
    room.execute("DELETE FROM versions")
    with room.house.database.reading() as session:
        answers = [version_to_enter(session, FlowVersion(*wanted)) for wanted in [("Greeting",), ("greeting",)]]
    assert [answer.error for answer in answers] == ["not_published", "flow_missing"]


def test_a_killed_turn_goes_on_once_in_the_version_it_had_entered(room: Runtime, api: Api) -> None:
    """The journal holds the version beside the POST, so the repeated turn is the same whatever was published since."""
    room.publish(drawn("Caller", {"in": starts_with("keys", "run"), "run": runs("Sub", "tell"), "tell": sends("done")}))
    steps = {"tell1": fetches(api.url("/tickets"), "say", method="POST"), "say": sends("one")}
    room.publish(called("Sub", steps, "tell1"))
    room.write("hello")
    die_at("commit:before")
    room.start().wait_until_dead()
    room.publish(called("Sub", {"say": sends("two")}, "say"))
    room.drive()
    assert len(api.requests) == 1
    assert room.provider.texts == ["one", "done"]
    assert_replays(room)
    room.assert_consistent()


def test_a_web_process_takes_a_turn_that_enters_a_flow(room: Runtime) -> None:
    room.publish(CALLER)
    room.publish(greeting("one"))
    put = room.write("hello")
    assert Taker(room.house).take(put.conversation_id)
    state = wire.read(Run, room.one("SELECT state FROM runs")["state"])
    assert [frame.step for frame in state.stack] == ["run", "ask"]
    assert_replays(room)


def test_a_turn_enters_a_flow_in_one_version_and_looks_for_it_once(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[FlowVersion] = []

    def counted(session: Session, request: FlowVersion) -> FlowVersionAnswer:
        asked.append(request)
        return version_to_enter(session, request)

    monkeypatch.setattr("app.perform.version_to_enter", counted)
    loop = placed("loop", {"count": "5"}, each="run", done="tell", exhausted="tell")
    steps = {"in": starts_with("keys", "loop"), "loop": loop, "run": runs("Sub", "loop"), "tell": sends("done")}
    room.publish(drawn("Caller", steps))
    room.publish(called("Sub", {"say": sends("hi")}, "say"))
    room.write("hello")
    room.drive()
    assert room.provider.texts == ["hi"] * 5 + ["done"]
    assert asked == [FlowVersion("Sub")]
    assert_replays(room)


def test_who_changes_a_flow_reads_which_published_flows_would_fail(room: Runtime) -> None:
    room.publish(CALLER)
    room.publish(drawn("Old", {"in": starts_with("neither", "run"), "run": runs("Greeting")}))
    room.publish(drawn("Old", {"in": starts_with("neither", "say"), "say": sends("hi")}))
    changed = called("Greeting", {"over": placed("end", {"outcome": "rejected"})}, "over")
    with room.house.database.reading() as session:
        found = publishing.findings(session, room.house, 0, document.from_data(changed))
    told = [one.sentence for one in found if one.code == "caller_breaks"]
    assert told == ["“run” of the published flow “Caller” would fail: it has no exit for “rejected”."]
