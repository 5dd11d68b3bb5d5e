"""Simulated conversations with a flow of this installation: no channel, no outbox and no table is ever touched.

What other systems would answer is prepared, played (slow, broken), or, where the author says so, asked in earnest.
"""

import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db import now
from app.directory import Directory
from app.errors import Invalid
from app.house import House
from app.models import Constant, FlowRow, Installation, Revision, Version
from app.perform import Performer
from flows import document
from flows.ask import Answer, CalendarState, FileState, HttpAnswer, HttpRequest, QueueState, Request
from flows.changed import changed
from flows.document import Flow
from flows.errors import FlowError
from flows.facts import Facts
from flows.named import names_in
from flows.player.answers import prepared
from flows.player.moves import Move
from flows.player.simulation import Around, Simulation
from flows.player.state import Simulated
from flows.testing import Tested, read_event, run_tests
from flows.testing.reading import contact_of, instant
from flows.testing.running import Given, with_stand_ins
from flows.values import Value, decode
from flows.wire import from_data, to_data

FETCHES: Final = ("ask", "real", "slow", "broken")
MOST_STATE_BYTES: Final = 400_000  # it travels with every request, beside the document
_KNOWN_HERE: Final = (CalendarState, QueueState, FileState)
_PLAYED: Final[Mapping[str, Answer]] = {
    "slow": HttpAnswer(error="timeout", message="Played: no answer in time.", retryable=True),
    "broken": HttpAnswer(status=500, headers={"content-type": "text/plain; charset=utf-8"}, body="Played: broken."),
}


@dataclass(frozen=True)
class Wanted:
    """What one request of a simulation asks for; `state` is that of the answer before, None at the beginning."""

    state: Mapping[str, Any] | None = None
    event: Mapping[str, Any] | None = None
    contact: Mapping[str, Any] = field(default_factory=dict)
    at: str = ""
    answers: Mapping[str, Any] | None = None  # by step, in the order in which they are taken; None leaves those before
    fetches: Mapping[str, str] = field(default_factory=dict)  # by step, "" for all others: one of FETCHES
    may_write: bool = False  # whether a request in earnest may change something at another system


@dataclass(frozen=True)
class Went:
    """What came of it. flow_of: the flow that a version in it names."""

    state: Simulated
    moves: tuple[Move, ...]
    flow_of: Callable[[str], Flow]


def simulate(house: House, flow: Flow, wanted: Wanted) -> Went:
    """One event of a simulated conversation, or its beginning.

    Raises: flows.errors.DocumentError for an event, contact or instant that is none; Invalid for anything else.
    """
    with house.database.reading() as session:
        called, facts = called_flows(session, house, [flow]), _facts(session, house, flow)
        state = _state(session, wanted, facts)
    host = _Host(house, wanted.fetches, wanted.may_write)
    simulation = Simulation(flow, house.steps, state, Around(house.limits, called, host.answer))
    moves: tuple[Move, ...] = ()
    if wanted.event is not None:
        act = read_event(wanted.event, flow, house.steps)
        try:
            moves = tuple(act(simulation))
        except FlowError as problem:
            raise Invalid(f"The flow cannot be walked: {problem}", "cannot_simulate") from None
    if len(json.dumps(to_data(simulation.state))) > MOST_STATE_BYTES:
        sentence = f"The simulated conversation holds more than {MOST_STATE_BYTES >> 10} KiB: begin it anew."
        raise Invalid(sentence, "simulation_too_large")
    return Went(simulation.state, moves, simulation.flow_of)


def run_all(house: House, flow: Flow) -> Iterator[Tested]:
    """What comes of each test of a flow; between two of them others have their turn."""
    with house.database.reading() as session:
        called, facts = called_flows(session, house, [flow]), _facts(session, house, flow)
    for tested in run_tests(flow, Given(house.steps, facts, called, house.limits)):
        yield tested
        time.sleep(0)  # web serves everybody in one thread


def called_flows(session: Session, house: House, flows: Iterable[Flow]) -> dict[str, Flow]:
    """The flows that these call by their names, and those call: as they are published, else as drafted."""
    found: dict[str, Flow] = {}
    waiting = list(flows)
    while waiting:
        for name in names_in(waiting.pop(), house.steps)["flow"] - found.keys():
            stored = session.scalar(
                select(Version.document)
                .join(FlowRow, FlowRow.id == Version.flow_id)
                .where(FlowRow.name == name)
                .order_by(Version.number.desc())
                .limit(1)
            ) or session.scalar(
                select(Revision.document)
                .join(FlowRow, (FlowRow.id == Revision.flow_id) & (FlowRow.latest_revision == Revision.number))
                .where(FlowRow.name == name)
            )
            if stored is not None:
                found[name] = document.read(stored)
                waiting.append(found[name])
    return found


@dataclass(frozen=True)
class _Host:
    """Answers what is not prepared: calendars, queues and files as they are here, other systems as the author wants."""

    house: House
    fetches: Mapping[str, str]
    may_write: bool

    def answer(self, step: str, request: Request) -> Answer | None:
        """The answer; None where the author has to give it."""
        if isinstance(request, HttpRequest):
            way = self.fetches.get(step) or self.fetches.get("", "ask")
            return self._in_earnest(step, request) if way == "real" else _PLAYED.get(way)
        return self._perform(request) if isinstance(request, _KNOWN_HERE) else None

    def _in_earnest(self, step: str, request: HttpRequest) -> Answer:
        """A draft is nobody's word yet: what may change something needs the right to publish."""
        if request.method not in ("GET", "HEAD") and not self.may_write:
            sentence = (
                f"“{step}” would send a {request.method} to another system in earnest, which only those may let it who"
                " may publish: play it slow or broken, or give its answer."
            )
            raise Invalid(sentence, "needs_right_to_publish", {"step": step})
        return self._perform(request)

    def _perform(self, request: Request) -> Answer:
        house = self.house
        directory = Directory(house.key, house.settings.effective_public_url, house.machine)
        performer = Performer(house.database, directory, house.http, house.machine)
        return performer.perform(request, f"simulated/{time.time_ns()}")


def _facts(session: Session, house: House, flow: Flow) -> Facts:
    constants: dict[str, Value] = {row.name: decode(json.loads(row.value)) for row in session.scalars(select(Constant))}
    installation = session.get_one(Installation, 1)
    return Facts(
        constants=with_stand_ins(flow, house.steps, constants),
        language=installation.language,
        apology=json.loads(installation.apology),
        fallback_queue=installation.fallback_queue,
    )


def _state(session: Session, wanted: Wanted, facts: Facts) -> Simulated:
    if wanted.state is not None:
        sentence = "This is no state of a simulated conversation: send that of the latest answer as it came."
        try:
            state: Simulated = from_data(Simulated, dict(wanted.state))
        except FlowError:
            raise Invalid(sentence, "bad_state") from None
        if state.run is not None and not state.run.stack:
            raise Invalid(sentence, "bad_state")
        answers = state.answers if wanted.answers is None else _answers(wanted.answers)
        return changed(state, facts=changed(state.facts, constants=facts.constants), answers=answers)
    contact = contact_of(wanted.contact, "contact")
    language = contact.get("language")
    spoken = language if isinstance(language, str) and language else facts.language
    clock = instant(wanted.at, "at") if wanted.at else now(session)
    return Simulated(clock, changed(facts, contact=contact, language=spoken), answers=_answers(wanted.answers or {}))


def _answers(given: Mapping[str, Any]) -> dict[str, tuple[Answer, ...]]:
    try:
        return {step: tuple(several) for step, several in prepared(given).items()}
    except FlowError as problem:
        raise Invalid(str(problem), "bad_answers", field="answers") from None
