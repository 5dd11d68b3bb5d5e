"""The API's simulations: turns with a draft in which nothing is sent or called in earnest; and a flow's tests."""

from collections.abc import Mapping
from typing import Annotated, Any, TypedDict

from sqlalchemy.orm import Session

from app import publishing
from app.accounts.roles import Right
from app.models import FlowRow
from app.simulating import FETCHES, Wanted, Went, run_all, simulate
from app.web.api.answers import Instant
from app.web.api.doors import Asked, Noun, Schema, fields, one_of, text, whole
from app.web.api.moves import MovesData, TriedRunData, moves_data, run_data
from flows import document
from flows.document import Flow
from flows.secrecy import private_texts
from flows.testing import Difference, Observed, SuggestedData, Tested, suggested
from flows.wire import to_data

noun = Noun("simulations", Right.READ_FLOWS, Right.EDIT_FLOWS)

_OBJECT: Schema = {"type": "object"}
_WHICH = {"document": _OBJECT, "revision": whole(1), "version": whole(1)}
_FETCHES: Schema = {"type": "object", "additionalProperties": one_of(*FETCHES), "maxProperties": 200}
_EVENT = {
    "state": _OBJECT,
    "event": _OBJECT,
    "contact": _OBJECT,
    "at": text(40),
    "answers": _OBJECT,
    "fetches": _FETCHES,
}


class OfferedChoiceData(TypedDict):
    """A button or row that the contact may press now."""

    id: str
    label: str


class SimulationData(MovesData):
    """A simulated conversation after an event."""

    state: Annotated[dict[str, Any], "Where it stands: send it back with the next event, as it came."]
    clock: Annotated[Instant, "Its time, which only events move."]
    run: TriedRunData | None
    choices: list[OfferedChoiceData]
    expect: Annotated[list[SuggestedData], "What a test of this event would expect."]


class TestDifferenceData(TypedDict):
    """The first thing that was otherwise than a test expects; `turn` and `expectation` count from 0, null for none."""

    path: Annotated[str, "The place in the document."]
    sentence: str
    turn: int | None
    expectation: int | None
    expected: Annotated[Any, "The expectation as the test has it, or null."]
    got: Annotated[Any, "What there was instead, or null."]


class TestResultData(TypedDict):
    """What came of one test; `difference` is null where it passed."""

    id: str
    name: str
    passed: bool
    difference: TestDifferenceData | None


class TestResultsData(TypedDict):
    """What came of all tests of a flow, in the order of its document."""

    passed: bool
    results: list[TestResultData]


@noun.post("/flows/<flow>/simulations", fields({**_WHICH, **_EVENT}))
def simulate_event(asked: Asked, flow: str) -> SimulationData:
    """One event of a simulated conversation, with everything it made happen; `state` goes back with the next one.

    Without `state`, or with an empty one, it begins: with this `contact`, at this instant. Nothing is stored, sent or
    called; other systems are asked only for steps whose `fetches` is `real`.
    `event`, `answers` and `expect` are in the words of a test.
    """
    body = asked.body
    drawn = document_of(asked, flow)
    given = {name: body[name] for name in ("event", "contact", "at", "answers", "fetches") if name in body}
    if body.get("state"):
        given["state"] = body["state"]
    may_write = Right.PUBLISH_FLOWS in asked.caller.rights
    return _shown(drawn, simulate(asked.house, drawn, Wanted(**given, may_write=may_write)))


@noun.post("/flows/<flow>/tests", fields(_WHICH))
def run_flow_tests(asked: Asked, flow: str) -> TestResultsData:
    """Runs the tests in a draft, or in this document, and tells the first difference of each."""
    results = [_tested(one) for one in run_all(asked.house, document_of(asked, flow))]
    return {"passed": all(one["passed"] for one in results), "results": results}


def document_of(asked: Asked, flow: str) -> Flow:
    """What a body means: the document in it, a revision, a version, else the draft. Raises: NotFound, DocumentError."""
    with asked.house.database.reading() as session:
        row = publishing.find_flow(session, flow)
        if "document" in asked.body:
            return document.from_data(asked.body["document"], asked.house.limits)
        return drawn_as(session, row, asked.body)


def drawn_as(session: Session, row: FlowRow, which: Mapping[str, Any]) -> Flow:
    """A version, a revision, else the draft of a flow. Raises: NotFound."""
    if "version" in which:
        return document.read(publishing.read_version(session, row, which["version"]).document)
    return publishing.read(session, row, which.get("revision", 0)).flow


def _tested(one: Tested) -> TestResultData:
    difference = _difference(one.difference) if one.difference else None
    return {"id": one.id, "name": one.name, "passed": one.passed, "difference": difference}


def _difference(found: Difference) -> TestDifferenceData:
    return {
        "path": found.path,
        "sentence": found.sentence,
        "turn": found.turn,
        "expectation": found.expectation,
        "expected": found.expected,
        "got": found.got,
    }


def _shown(flow: Flow, went: Went) -> SimulationData:
    state = went.state
    seen = Observed.of(went.moves, state.facts)
    private = private_texts([(flow, state.run.variables if state.run else {})])
    return {
        "state": to_data(state),
        "clock": state.clock.isoformat(),
        **moves_data(went),
        "run": run_data(went),
        "choices": [{"id": id, "label": label} for label, id in state.choices.items()],
        "expect": suggested(seen, private) if went.moves else [],
    }
