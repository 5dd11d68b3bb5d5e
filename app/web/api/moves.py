"""What a simulated conversation did, as the editor's simulator shows it."""

from typing import Annotated, Any, Final, NotRequired, TypedDict

from app.simulating import Went
from app.web.api.answers import Instant, OneOf
from app.web.api.called import Called, StepPlaceData
from app.web.api.run_views import RunErrorData, error_data
from app.web.api.visit_views import AwaitedWord, VisitData, rows_of, visit_data
from flows.ask import HttpRequest, Request
from flows.player.moves import Advanced, Asked, TimeUp, Unmoved
from flows.player.words import effect_lines, failure_lines, request_lines
from flows.secrecy import HIDDEN, plain_values, private_texts
from flows.wire import to_data

_SENTENCES: Final = {
    "kept": "No message is expected now; it is kept for the next step that expects one.",
    "read_by_people": "People have the conversation; they read that.",
    "not_awaited": "The flow does not wait for that now.",
    "starts_nothing": "Nothing starts by that: no trigger of this flow takes it.",
    "no_time_limit": "Nothing here has a time limit: say how much time passes.",
    "answer_first": "A step waits for the answer of another system: give it first.",
    "endless": "The flow goes on and on without anybody; it was stopped here.",
}


class TriedVisitData(VisitData):
    """A visit in a simulated conversation."""

    failed: Annotated[list[str], "Why it failed, in words; none where it did not."]


class TriedTurnData(TypedDict):
    """What happened, and all that came of it until the run waited, asked or ended."""

    came_by: Annotated[dict[str, Any], "What happened: its `kind`, such as message_received, and its fields."]
    begins: Annotated[bool, "Whether a run began with it."]
    steps: list[TriedVisitData]
    effects: Annotated[
        list[dict[str, Any]], "Each with its `kind`, such as send_message, its fields, and `lines`, the same in words."
    ]
    ended: Annotated[str, "How the run ended with it; empty while it goes on."]


class SimulationNoteData(TypedDict):
    """Why something moved nothing, or that a time limit was over."""

    word: Annotated[str, OneOf((*_SENTENCES, "time_up"))]
    sentence: str
    at: Annotated[Instant | None, "When the time was up."]


class AwaitedAnswerData(StepPlaceData):
    """A step that wants an answer which nobody prepared."""

    request: Annotated[dict[str, Any], "Its `kind`, such as http_request, and its fields."]
    lines: Annotated[list[str], "The same in words."]
    hint: NotRequired[str]


class MovesData(TypedDict):
    """What an event of a simulated conversation made happen."""

    turns: list[TriedTurnData]
    notes: list[SimulationNoteData]
    asks: AwaitedAnswerData | None


class TriedRunData(TypedDict):
    """Where a simulated run stands and what it knows; values of private variables are hidden."""

    status: Annotated[str, OneOf(("active", "waiting", "asks", "ended"))]
    outcome: Annotated[str, "How it ended; empty before."]
    step: Annotated[str, "The id of the step that it stands on."]
    stack: Annotated[list[StepPlaceData], "The flow that was begun first, then those that it called."]
    variables: Annotated[dict[str, Any], "Those of the flow that was called last, by name."]
    outputs: Annotated[dict[str, Any], "What the flow gives back, by name."]
    error: RunErrorData
    waits_for: list[AwaitedWord]
    until: Annotated[Instant | None, "When the present wait is over at the latest."]
    in_queue: Annotated[bool, "Whether people have the conversation on its behalf."]
    on_call: bool
    turns: Annotated[int, "How many it has had."]


def moves_data(went: Went) -> MovesData:
    """The turns that were walked, what did not move and why, and what is asked of the author."""
    turns: list[TriedTurnData] = []
    notes: list[SimulationNoteData] = []
    asks: AwaitedAnswerData | None = None
    is_open = False
    for move in went.moves:
        if isinstance(move, Advanced):
            if not is_open:
                came_by = to_data(move.came_by)
                turns.append({"came_by": came_by, "begins": move.begins, "steps": [], "effects": [], "ended": ""})
            _add(turns[-1], went, move)
            is_open = not move.is_over
        elif isinstance(move, Asked):
            asks = _awaited(went, move.request)
        elif isinstance(move, TimeUp):
            notes.append({"word": "time_up", "sentence": "The time is up.", "at": move.at.isoformat()})
        elif isinstance(move, Unmoved):
            notes.append({"word": move.word, "sentence": _SENTENCES[move.word], "at": None})
    return {"turns": turns, "notes": notes, "asks": asks}


def run_data(went: Went) -> TriedRunData | None:
    """Where the latest run stands; private variables are hidden, as in a trace."""
    state, run = went.state, went.state.run
    if run is None:
        return None
    waiting, flow = run.waiting, went.flow_of(run.stack[-1].version if run.stack else "")
    return {
        "status": "asks" if run.open_turn else run.status,
        "outcome": run.outcome,
        "step": run.stack[-1].step if run.stack else "",
        "stack": _standing(went),
        "variables": {
            name: HIDDEN if flow.variables.get(name, {}).get("private") else value
            for name, value in plain_values(run.variables).items()
        },
        "outputs": plain_values(run.outputs, private_texts([(flow, run.variables)])),
        "error": error_data(run),
        "waits_for": list(waiting.accepts) if waiting else [],
        "until": state.due_at.isoformat() if state.due_at and waiting else None,
        "in_queue": run.in_queue,
        "on_call": state.facts.on_call and not run.call_ended and run.status != "ended",
        "turns": run.turn,
    }


def _add(turn: TriedTurnData, went: Went, move: Advanced) -> None:
    for entry in move.trace:
        versions = {row: _called(went, row) for row in rows_of(entry)}
        failed = list(failure_lines(went.flow_of(entry["version"]), entry))
        turn["steps"].append({**visit_data(entry, versions), "failed": failed})
    for effect in move.effects:
        turn["effects"].append({**to_data(effect), "lines": [line.strip() for line in effect_lines(effect)]})
    turn["ended"] = move.run.outcome if move.is_over and move.run.status == "ended" else ""


def _awaited(went: Went, request: Request) -> AwaitedAnswerData:
    place = _standing(went)[-1]
    asks: AwaitedAnswerData = {
        "flow": place["flow"],
        "version": place["version"],
        "step": place["step"],
        "title": place["title"],
        "request": to_data(request),
        "lines": list(request_lines(request)),
    }
    if isinstance(request, HttpRequest):
        asks["hint"] = "Send the event {“answer”: …}, or set the fetches of this step to real, slow or broken."
    return asks


def _standing(went: Went) -> list[StepPlaceData]:
    """The steps that the run stands on: of the flow that was begun first, then of those that it called."""
    run = went.state.run
    return [_called(went, frame.version).place(frame.step) for frame in run.stack] if run else []


def _called(went: Went, version: str) -> Called:
    flow = went.flow_of(version)
    return Called(flow.name, None, flow)
