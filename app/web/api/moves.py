"""What a simulated conversation did, as the editor's simulator shows it."""

from typing import Any, Final

from app.simulating import Went
from app.web.api.called import Called, rows_of, visit_data
from flows.ask import HttpRequest
from flows.player.moves import Advanced, Asked, TimeUp, Unmoved
from flows.player.words import effect_lines, failure_lines, request_lines
from flows.secrecy import HIDDEN, plain_values, private_texts
from flows.values import encode
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


def moves_data(went: Went) -> dict[str, Any]:
    """The turns that were walked, what did not move and why, and what is asked of the author."""
    turns: list[dict[str, Any]] = []
    notes: list[dict[str, Any]] = []
    asks: dict[str, Any] | None = None
    is_open = False
    for move in went.moves:
        if isinstance(move, Advanced):
            if not is_open:
                turns.append({"came_by": to_data(move.came_by), "begins": move.begins, "steps": [], "effects": []})
            _add(turns[-1], went, move)
            is_open = not move.is_over
        elif isinstance(move, Asked):
            request = to_data(move.request)
            shown = list(request_lines(move.request))
            asks = {**_standing(went)[-1], "request": request, "lines": shown}
            if isinstance(move.request, HttpRequest):
                asks["hint"] = "Send the event {“answer”: …}, or set the fetches of this step to real, slow or broken."
        elif isinstance(move, TimeUp):
            notes.append({"word": "time_up", "sentence": "The time is up.", "at": move.at.isoformat()})
        elif isinstance(move, Unmoved):
            notes.append({"word": move.word, "sentence": _SENTENCES[move.word], "at": None})
    return {"turns": turns, "notes": notes, "asks": asks}


def run_data(went: Went) -> dict[str, Any] | None:
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
        "error": {name: encode(value) for name, value in run.error.items()},
        "waits_for": list(waiting.accepts) if waiting else [],
        "until": state.due_at.isoformat() if state.due_at and waiting else None,
        "in_queue": run.in_queue,
        "on_call": state.facts.on_call and not run.call_ended and run.status != "ended",
        "turns": run.turn,
    }


def _add(turn: dict[str, Any], went: Went, move: Advanced) -> None:
    for entry in move.trace:
        versions = {row: _called(went, row) for row in rows_of(entry)}
        failed = list(failure_lines(went.flow_of(entry["version"]), entry))
        turn["steps"].append({**visit_data(entry, versions), "failed": failed})
    for effect in move.effects:
        turn["effects"].append({**to_data(effect), "lines": [line.strip() for line in effect_lines(effect)]})
    turn["ended"] = move.run.outcome if move.is_over and move.run.status == "ended" else ""


def _standing(went: Went) -> list[dict[str, Any]]:
    """The steps that the run stands on: of the flow that was begun first, then of those that it called."""
    run = went.state.run
    return [_called(went, frame.version).place(frame.step) for frame in run.stack] if run else []


def _called(went: Went, version: str) -> Called:
    flow = went.flow_of(version)
    return Called(flow.name, None, flow)
