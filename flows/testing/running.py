"""Running the tests of a flow: each in a simulated conversation of its own, as far as the first difference."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flows.changed import changed
from flows.document import Flow
from flows.errors import DocumentError, FlowError
from flows.facts import Facts
from flows.limits import Limits
from flows.named import names_in
from flows.player.simulation import Around, Simulation
from flows.player.state import Simulated
from flows.testing.expectations import EXPECTATION_WORDS, is_ignored
from flows.testing.matching import shown
from flows.testing.observed import Observed
from flows.testing.reading import FlowTest, Turn, read_one
from flows.values import Value
from flows.walk import Steps

# A turn of a test may not take long; a test whose turns all do would.
MOST_TURNS = 200


@dataclass(frozen=True)
class Difference:
    """The first thing that was otherwise than a test expects. `turn` and `expectation` count from 0, None where it is
    none; `path` is the place in the document; `expected` and `got` are JSON as a test is written in."""

    path: str
    sentence: str
    turn: int | None = None
    expectation: int | None = None
    expected: Any = None
    got: Any = None


@dataclass(frozen=True)
class Tested:
    """What came of one test."""

    id: str
    name: str
    difference: Difference | None = None

    @property
    def passed(self) -> bool:
        """Whether everything was as expected."""
        return self.difference is None


@dataclass(frozen=True)
class Given:
    """What stands around the flow in its tests: the installed steps, the constants, and the flows it may call."""

    steps: Steps
    facts: Facts = field(default_factory=Facts)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


def run_tests(flow: Flow, given: Given) -> Iterator[Tested]:
    """What comes of each test, in the order of the document."""
    for index in range(len(flow.tests)):
        yield run_one(flow, index, given)


def run_one(flow: Flow, index: int, given: Given) -> Tested:
    """What comes of one test; a test that cannot be read differs where it cannot."""
    data, path = flow.tests[index], f"tests.{index}"
    try:
        found = _first_difference(read_one(flow, index, given.steps), flow, given, path)
    except DocumentError as problem:
        found = Difference(problem.path, f"The test cannot be run: {problem.sentence}")
    return Tested(data["id"], data["name"], found)


def with_stand_ins(flow: Flow, steps: Steps, constants: Mapping[str, Value]) -> dict[str, Value]:
    """The constants; for those a flow names and nobody has, an address, so that its tests run anywhere."""
    missing = names_in(flow, steps)["constant"] - constants.keys()
    return {**constants, **{name: f"https://{name.replace('_', '-')}.example.com" for name in missing}}


def _first_difference(test: FlowTest, flow: Flow, given: Given, path: str) -> Difference | None:
    language = test.contact.get("language")
    facts = changed(given.facts, contact=test.contact, language=language if isinstance(language, str) else "")
    state = Simulated(test.clock, facts, answers=test.answers)
    simulation = Simulation(flow, given.steps, state, Around(given.limits, given.flows))
    if len(test.turns) > MOST_TURNS:
        return Difference(f"{path}.turns", f"A test has at most {MOST_TURNS} turns; this one has {len(test.turns)}.")
    for index, turn in enumerate(test.turns):
        place = f"{path}.turns.{index}"
        try:
            seen = Observed.of(turn.act(simulation), Facts())
        except FlowError as problem:
            return Difference(place, f"Turn {index + 1} ({_event(turn)}) cannot be walked: {problem}", index)
        # Where nothing came of it, as of time that passed, everything is still as it was.
        seen = replace(seen, facts=simulation.state.facts, run=seen.run or simulation.run)
        found = _otherwise(turn, index, seen, flow)
        if found is not None:
            return changed(found, path=f"{place}.{found.path}")
    return _left_over(simulation.state, path)


def _otherwise(turn: Turn, index: int, seen: Observed, flow: Flow) -> Difference | None:
    """The first difference of a turn; its path is the place in the turn."""
    start = f"Turn {index + 1} ({_event(turn)})"
    if "endless" in seen.unmoved:
        return Difference("event", f"{start}: the flow goes on and on without anybody.", index)
    if is_ignored(seen) and ("ignored", True) not in turn.expect:
        why = "no trigger of the flow takes it" if "starts_nothing" in seen.unmoved else "the flow does not wait for it"
        return Difference("event", f"{start}: nothing came of it, because {why}.", index, got=list(seen.unmoved))
    if "answer_first" in seen.unmoved:
        return Difference("event", f"{start}: a step still waits for the answer of another system.", index)
    behind: dict[str, int] = {}
    for n, (name, wanted) in enumerate(turn.expect):
        word = EXPECTATION_WORDS[name]
        got = word.seen(seen)
        looked_at = got[behind.get(name, 0) :] if word.taken else got
        if not word.holds(wanted, looked_at):
            sentence = f"{start}: expected {_wanted(word.noun, wanted)}, but {_got(word.noun, wanted, looked_at)}"
            return Difference(f"expect.{n}", sentence, index, n, {name: wanted}, {name: looked_at})
        if word.taken and not isinstance(wanted, list):
            place = next(i for i, text in enumerate(looked_at) if word.holds(wanted, [text]))
            behind[name] = behind.get(name, 0) + place + 1
    if seen.open_ask is not None:
        step = seen.open_ask.step
        title = (flow.steps[step].name if step in flow.steps else "") or step
        asks = seen.asks[-1] if seen.asks else "something"
        sentence = f"{start}: “{title}” asks {asks}, and the test has no answer left for the step “{step}”."
        return Difference("event", sentence, index, got={"asks": asks})
    return None


def _left_over(state: Simulated, path: str) -> Difference | None:
    for step, answers in state.answers.items():
        if answers:
            sentence = f"“{step}” never asked for {len(answers)} of the answers prepared for it."
            return Difference(f"{path}.answers.{step}", sentence)
    return None


def _event(turn: Turn) -> str:
    return ", ".join(f"{name} {shown(value)}" if value is not True else name for name, value in turn.told.items())


def _wanted(noun: str, wanted: Any) -> str:
    if isinstance(wanted, list):
        return f"exactly {len(wanted)} × {noun}: {shown(wanted)}" if wanted else f"no {noun}"
    return noun if wanted is True else f"the {noun} {shown(wanted)}"


def _got(noun: str, wanted: Any, got: Any) -> str:
    if isinstance(wanted, dict) and isinstance(got, dict):  # of all variables only those in question
        got = {name: got[name] for name in wanted if name in got}
    return f"there was {shown(got)}." if got not in ([], {}, "", False) else f"there was no {noun}."
