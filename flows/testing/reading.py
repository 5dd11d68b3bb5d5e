"""Reading the tests of a flow: everything in them of its kind, each fault with its place and a sentence."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from flows.ask import Answer
from flows.document import Flow
from flows.document_keys import typed
from flows.errors import DocumentError, FlowError
from flows.plain_json import shortened
from flows.player.answers import answer_of, read_answer
from flows.player.lines import CALLER
from flows.testing.acting import Action
from flows.testing.events import read_event
from flows.testing.expectations import read_expectation
from flows.values import Value, from_plain
from flows.walk import Steps

MONDAY_MORNING: Final = datetime(2026, 1, 5, 9, tzinfo=UTC)  # when a test plays that does not say when
CONTACT: Final[Mapping[str, Value]] = {"name": "", "phone": CALLER, "email": "", "language": "", "attributes": {}}
_FIELDS: Final = (*CONTACT, "segments", "account_manager", "first_seen_at", "is_new")


@dataclass(frozen=True)
class Turn:
    """An event and what is expected of it; `told` is the event as it was written."""

    act: Action
    told: Mapping[str, Any]
    expect: tuple[tuple[str, Any], ...]


@dataclass(frozen=True)
class FlowTest:
    """A conversation with a flow, and what is expected of it."""

    id: str
    name: str
    clock: datetime
    contact: Mapping[str, Value]
    answers: Mapping[str, tuple[Answer, ...]]
    turns: tuple[Turn, ...]


def read_one(flow: Flow, index: int, steps: Steps) -> FlowTest:
    """One test of a flow. Raises: DocumentError for its first fault."""
    data, path = flow.tests[index], f"tests.{index}"
    turns = [_turn(turn, flow, steps, f"{path}.turns.{n}") for n, turn in enumerate(data["turns"])]
    clock, contact, answers = _head(data, path)
    return FlowTest(data["id"], data["name"], clock, contact, answers, tuple(turns))


def faults_of(flow: Flow, steps: Steps) -> Iterator[DocumentError]:
    """What is wrong with the tests of a flow: the first fault of each turn, and of what stands before the turns."""
    for index, data in enumerate(flow.tests):
        path = f"tests.{index}"
        pieces: list[Callable[[], object]] = [partial(_head, data, path)]
        pieces += [partial(_turn, turn, flow, steps, f"{path}.turns.{n}") for n, turn in enumerate(data["turns"])]
        for piece in pieces:
            try:
                piece()
            except DocumentError as fault:
                yield fault


def _head(data: Mapping[str, Any], path: str) -> tuple[datetime, Mapping[str, Value], Mapping[str, tuple[Answer, ...]]]:
    answers = {
        step: tuple(_answer(one, f"{path}.answers.{step}.{n}") for n, one in enumerate(several))
        for step, several in data.get("answers", {}).items()
    }
    clock = instant(data["at"], f"{path}.at") if data.get("at") else MONDAY_MORNING
    return clock, contact_of(data.get("contact", {}), f"{path}.contact"), answers


def _turn(data: Mapping[str, Any], flow: Flow, steps: Steps, path: str) -> Turn:
    act = read_event(data["event"], flow, steps, f"{path}.event")
    expect = [read_expectation(one, f"{path}.expect.{n}") for n, one in enumerate(data.get("expect", ()))]
    return Turn(act, data["event"], tuple(expect))


def instant(text: str, path: str) -> datetime:
    """An instant with its zone. Raises: DocumentError."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise DocumentError(path, "An instant is written with its zone, such as 2026-01-05T09:00:00Z.")
    return at.astimezone(UTC)


def contact_of(data: Mapping[str, Any], path: str) -> Mapping[str, Value]:
    """Who writes or calls: somebody, but for what is said here. Raises: DocumentError."""
    unknown = next((name for name in data if name not in _FIELDS), None)
    if unknown is not None:
        known = f"known are {', '.join(_FIELDS)}; everything else stands in attributes"
        raise DocumentError(f"{path}.{shortened(unknown)}", f"A contact has no such field; {known}.", "unknown_key")
    for name in ("name", "phone", "email", "language"):
        typed(data.get(name, ""), str, f"{path}.{name}")
    typed(data.get("attributes", {}), dict, f"{path}.attributes")
    try:
        told = {name: from_plain(value) for name, value in data.items()}
    except FlowError as problem:
        raise DocumentError(path, str(problem)) from None
    if isinstance(told.get("first_seen_at"), str):
        told["first_seen_at"] = instant(str(told["first_seen_at"]), f"{path}.first_seen_at")
    # As a conversation knows it: what is empty is missing.
    return {name: None if value == "" else value for name, value in {**CONTACT, **told}.items()}


def _answer(data: Any, path: str) -> Answer:
    try:
        return read_answer(data) if isinstance(data, str) else answer_of(data)
    except FlowError as problem:
        raise DocumentError(path, str(problem)) from None
