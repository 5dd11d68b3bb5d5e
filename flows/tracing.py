"""Writes the trace: what each visited step read, did and why, as bounded JSON data without secrets."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from decimal import Decimal
from math import isfinite
from typing import Any

from flows.ask import Answer, FlowVersionAnswer, HttpAnswer, HttpRequest, Request
from flows.context import Context
from flows.document import Flow, PlacedStep
from flows.errors import FlowError
from flows.secrecy import HIDDEN, has_secret_name, without, without_pairs
from flows.step import Failure
from flows.trace import Entry
from flows.values import Value, clean_text, encode
from flows.wire import kind_of

# A trace is read by people and stored with every turn: enough to see what a thing was, not a second copy of it.
LONGEST_TEXT = 500
MOST_PARTS = 50
DEEPEST = 8

Private = tuple[str, ...]  # texts that must not be shown: `flows.secrecy.private_texts`


def new_entry(stands_on: tuple[str, str, PlacedStep | None], came_by: str = "") -> Entry:
    """The entry of a visit that begins; `came_by` is the kind of the event that ended a wait."""
    version, step, placed = stands_on
    entry: Entry = {
        "version": version,
        "step": step,
        "type": placed.type if placed else "",
        "exit": None,
        "inputs": {},
        "missing": [],
        "set": {},
        "why": {},
        "effects": 0,
    }
    if came_by:
        entry["came_by"] = came_by
    return entry


def note_inputs(entry: Entry, context: Context, private: Private) -> None:
    """What the step's templates read, and what had no value."""
    entry["inputs"].update(_values(context.flow, context.inputs, private))
    entry["missing"] += [name for name in dict.fromkeys(context.missing) if name not in entry["missing"]]


def note_sets(entry: Entry, flow: Flow, sets: Mapping[str, Value], private: Private) -> None:
    """What the step set."""
    entry["set"].update(_values(flow, sets, private))


def note_why(entry: Entry, why: Mapping[str, Any], private: Private) -> None:
    """The step's own words."""
    entry["why"].update(shown(dict(why), private))


def note_request(entry: Entry, request: Request, private: Private) -> None:
    """What the step asked of the host; its answer follows."""
    entry.setdefault("asks", []).append({"request": _request(request, private)})


def note_answer(entry: Entry, answer: Answer, private: Private) -> None:
    """What came back, without its body."""
    told: dict[str, Any] = {part.name: getattr(answer, part.name) for part in fields(answer)}
    if isinstance(answer, HttpAnswer):
        for name in ("headers", "body"):
            del told[name]
    entry["asks"][-1]["answer"] = shown(told, private)
    if isinstance(answer, FlowVersionAnswer):
        entry["asks"][-1]["answer"]["version"] = answer.version  # the house's own id, even where a PIN has its digits


def note_failure(entry: Entry, failure: Failure) -> None:
    """Why the step failed, in bounded words; it left by `failure` unless the exit it took leads nowhere."""
    entry["exit"] = entry["exit"] or "failure"
    entry["failure"] = {
        "kind": failure.kind,
        "message": failure.message,
        "retryable": failure.retryable,
    }


def shown(data: object, private: Private = (), depth: int = 0) -> Any:
    """Anything as bounded JSON data without private texts: long texts and lists are cut and say so, values are written
    as `encode` does."""
    if isinstance(data, str):  # most of a trace: asked first
        return _shown_text(data, private)
    if data is None or isinstance(data, int):
        return data
    if isinstance(data, float):
        return data if isfinite(data) else str(data)
    if depth >= DEEPEST:
        return "…"
    if isinstance(data, (dict, Mapping)):
        some = {str(key)[:LONGEST_TEXT]: shown(data[key], private, depth + 1) for key in list(data)[:MOST_PARTS]}
        return some if len(data) <= MOST_PARTS else {**some, "…": f"{len(data) - MOST_PARTS} more"}
    if isinstance(data, (list, tuple)):
        few = [shown(part, private, depth + 1) for part in data[:MOST_PARTS]]
        return few if len(data) <= MOST_PARTS else [*few, f"… {len(data) - MOST_PARTS} more"]
    if is_dataclass(data):
        return shown(vars(data), private, depth)
    if isinstance(data, (Decimal, date)):
        try:
            return shown(encode(data), private, depth)
        except FlowError:
            return f"({type(data).__name__})"
    return f"({type(data).__name__})"


def _shown_text(text: str, private: Private) -> str:
    seen = without(text, private)
    if len(seen) > LONGEST_TEXT:
        return f"{clean_text(seen[:LONGEST_TEXT])}… ({len(seen)} characters)"
    return clean_text(seen)


def _values(flow: Flow, values: Mapping[str, Value], private: Private) -> dict[str, Any]:
    return {name: HIDDEN if _is_private(flow, name) else shown(value, private) for name, value in values.items()}


def _is_private(flow: Flow, path: str) -> bool:
    return flow.variables.get(path.partition(".")[0], {}).get("private") is True


def _request(request: Request, private: Private) -> Any:
    told: dict[str, Any] = {part.name: getattr(request, part.name) for part in fields(request)}
    if isinstance(request, HttpRequest):
        told["url"] = without_pairs(request.url)
        told["body"] = request.body and without_pairs(request.body)
        told["headers"] = {name: HIDDEN if has_secret_name(name) else value for name, value in request.headers.items()}
    return shown({"kind": kind_of(type(request)), **told}, private)
