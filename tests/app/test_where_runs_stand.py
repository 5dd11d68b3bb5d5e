"""Where runs stand: counted per step of a version, found by it, and what went wrong there belongs to that version."""

import pytest

from tests.app.api import Api
from tests.app.drawn import Step, asks, drawn, fetches, placed, starts_with
from tests.app.house import Runtime
from tests.app.statements import heard, plan
from tests.app.test_api_mending import Asking

BOB = "+48600100201"
CALLER = drawn(
    "Caller",
    {
        "in": starts_with("keys", "ask"),
        "ask": placed("run_flow", {"flow": "Greeting"}, completed="after"),
        "after": asks("And your city?"),
    },
)
GREETING = drawn("Greeting", {"begin": placed("called_by_flow", {}, next="ask"), "ask": asks("Your name?", to="end")})

# Else PostgreSQL may as well read the two runs that there are.
_MANY_ENDED = """
    INSERT INTO runs (id, conversation_id, version_id, state, status, outcome, turn, started_at, ended_at)
    WITH RECURSIVE numbers_to(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers_to WHERE n < 5000)
    SELECT -n, (SELECT min(id) FROM conversations), (SELECT min(id) FROM versions), '{}', 'ended', 'completed', 1, 0, 0
    FROM numbers_to"""


def waiting(ask: Asking, flow: str, query: str = "") -> list[tuple[int, str, int]]:
    """Version, step and how many wait there."""
    items = ask("GET", f"/flows/{flow}/waiting{query}")["items"]
    return [(one["version"], one["step"], one["waiting"]) for one in items]


def found(ask: Asking, query: str) -> list[tuple[str, str]]:
    """Flow and step of the runs that a filter finds."""
    return [(one["flow"], one["step"]) for one in ask("GET", f"/runs?{query}")["items"]]


@pytest.fixture
def two_wait(room: Runtime) -> Asking:
    """Anna and Bob are both asked for their name by the flow that their flow called."""
    room.publish(CALLER)
    room.publish(GREETING)
    for contact in (None, BOB):
        room.write("hello", **({"contact": contact} if contact else {}))
    room.drive()
    return Asking(room)


def test_runs_that_wait_are_counted_on_the_step_and_version_where_they_stand(room: Runtime, two_wait: Asking) -> None:
    assert waiting(two_wait, "Greeting") == [(1, "ask", 2)]
    assert waiting(two_wait, "Caller") == []
    room.write("Anna")
    room.drive()
    room.publish(CALLER)
    room.write("hello", contact="+48600100202")
    room.drive()
    assert waiting(two_wait, "Caller") == [(1, "after", 1)]
    assert waiting(two_wait, "Greeting") == [(1, "ask", 2)]
    assert waiting(two_wait, "Greeting", "?version=2") == []
    assert found(two_wait, "step=after") == [("Caller", "after")]
    assert found(two_wait, "step=ask&status=waiting") == [("Caller", "ask")] * 2
    room.write("Warsaw")
    room.drive()
    assert waiting(two_wait, "Caller") == []
    assert found(two_wait, "step=after") == []
    two_wait("GET", "/flows/Nowhere/waiting", 404)


def test_the_count_and_the_filter_read_an_index(room: Runtime, two_wait: Asking) -> None:
    engine = room.house.database.engine
    room.execute(_MANY_ENDED)
    if not room.house.database.is_sqlite:  # which nobody analyses
        room.execute("ANALYZE runs")
    with heard(engine) as statements:
        waiting(two_wait, "Greeting")
        found(two_wait, "step=ask")
    asked = [(statement, values) for statement, values in statements if "runs.status = 'waiting' OR" in statement]
    assert len(asked) == 2
    for statement, values in asked:
        lines = plan(engine, statement, values, as_if_large=True)
        assert "ix_runs_standing" in lines, lines
    assert [statement for statement, _ in statements if "FROM runs" in statement and "count(" in statement] == [
        asked[0][0]
    ]


def look(api: Api, to: str = "end") -> Step:
    """Always fails."""
    mapping = [{"path": "status", "variable": "status", "type": "text", "required": True}]
    return fetches(api.url("/x"), to, mapping=mapping, retries={"count": 0})


def test_what_fails_in_a_called_flow_belongs_to_it_and_not_to_the_callers_step_of_the_same_name(
    room: Runtime, api: Api
) -> None:
    called = {"begin": placed("called_by_flow", {}, next="look"), "look": look(api, "over")}
    room.publish(drawn("Sub", {**called, "over": placed("end", {})}))
    caller = {"in": starts_with("keys", "sub"), "sub": placed("run_flow", {"flow": "Sub"}, completed="look")}
    room.publish(drawn("Caller", {**caller, "look": look(api, "say"), "say": asks("Again?")}))
    room.write("hello")
    room.drive()
    ask = Asking(room)
    groups = [one for one in ask("GET", "/errors")["items"] if one["step"] == "look"]
    assert sorted((one["flow"], one["count"]) for one in groups) == [("Caller", 1), ("Sub", 1)]
    (run,) = room.column("SELECT id FROM runs")
    for one in groups:
        assert [(example["run"], example["version"]) for example in one["examples"]] == [(run, 1)]
        assert ask("GET", f"/errors?flow={one['flow']}&version=1&step=look")["items"] == [one]
    listed = {(one["flow"], one["version"]) for one in ask("GET", "/problems")["items"] if one["step"] == "look"}
    assert listed == {("Caller", 1), ("Sub", 1)}
    assert found(ask, "step=look") == [("Caller", "say")]
