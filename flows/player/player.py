"""One person and one flow in a terminal: typed lines in, lines to print out, and a clock that only the person moves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from flows.ask import Answer
from flows.called import entry_of
from flows.document import Flow
from flows.errors import FlowError
from flows.facts import Facts
from flows.limits import Limits
from flows.player.answers import EXAMPLES, read_answer
from flows.player.lines import CALLER, HELP, Typed, read_line
from flows.player.moves import Advanced, Asked, Move, TimeUp
from flows.player.simulation import Around, Simulation
from flows.player.start import kinds
from flows.player.state import Simulated
from flows.player.words import effect_lines, failure_lines, outputs_lines, request_lines, trace_line
from flows.walk import Steps

_UNMOVED = {
    "kept": "(No message is expected now; it is kept for the next step that expects one.)",
    "read_by_people": "(The people of the queue read that.)",
    "not_awaited": "(The flow does not wait for that now.)",
    "starts_nothing": "(Nothing starts by that: no trigger of this flow takes it.)",
    "no_time_limit": "(Nothing here has a time limit; say how long, such as /wait 10m.)",
    "answer_first": f"The flow waits for an answer first: {EXAMPLES}.",
    "endless": "! The flow goes on and on without you; the player stops it here.",
}


class Player:
    """One person and one flow. Nothing is sent, called or asked; answers are prepared or typed.

    steps: the registry. clock: when it begins. facts: the contact and constants; the conversation is the player's own.
    answers: prepared answers by step, taken in order; where none is left, the person is asked.
    """

    def __init__(
        self,
        flow: Flow,
        steps: Steps,
        clock: datetime,
        facts: Facts | None = None,
        answers: Mapping[str, Iterable[Answer]] | None = None,
    ) -> None:
        self.flow = flow
        self.steps = steps
        facts = facts or Facts(contact={"name": "", "phone": CALLER, "attributes": {}})
        prepared = {step: tuple(given) for step, given in (answers or {}).items()}
        self.simulation = Simulation(flow, steps, Simulated(clock, facts, answers=prepared))
        self.tracing = False
        self.over = False  # the person wants to stop

    def give(self, flows: Mapping[str, Flow]) -> None:
        """Let the flow run these, by their names."""
        self.simulation = Simulation(self.flow, self.steps, self.simulation.state, Around(self.limits, flows))

    @property
    def limits(self) -> Limits:
        """Within which the flow runs."""
        return self.simulation.limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self.simulation.limits = limits

    def open(self) -> list[str]:
        """The first lines. A flow that only takes calls is called at once."""
        begins = kinds(self.flow, self.steps)
        title = [f"{self.flow.name}: {self.flow.description}".rstrip(": "), "Type /help for what you can do."]
        if begins == {"calls"}:
            return [*title, "You call.", *self.feed("/call")]
        if not begins and entry_of(self.flow, self.steps) is not None:
            alone = 'type /run with its inputs, such as /run {"order": "A-17"}'
            return [*title, f"Other flows run this one: {alone}, or play one of them with this file (--with)."]
        return [*title, "Write a message." if begins else "This flow has no trigger, so nothing can start it."]

    def feed(self, line: str) -> list[str]:
        """What one typed line makes of the conversation, as lines to print."""
        try:
            return list(self._obey(self._read(line)))
        except FlowError as problem:
            return [f"! {problem}"]

    def _read(self, line: str) -> Typed:
        if self.simulation.open_request is not None and not line.startswith("/"):
            return Typed("answer", line)
        return read_line(line, self.simulation.is_on_call, self.simulation.state.choices)

    def _obey(self, typed: Typed) -> Iterator[str]:
        if typed.word == "help":
            yield from HELP
        elif typed.word == "quit":
            self.over = True
        elif typed.word == "trace":
            self.tracing = not self.tracing
            yield f"The trace is {'on' if self.tracing else 'off'}."
        elif typed.word == "fail":
            self.simulation.state = replace(self.simulation.state, fate=typed.text or "provider_code")
            yield "The next message will fail."
        else:
            for move in self._moves(typed):
                yield from self._told(move)

    def _moves(self, typed: Typed) -> Iterator[Move]:
        if typed.word == "answer":
            yield from self.simulation.answer(read_answer(typed.text))
        elif typed.word == "wait":
            yield from self.simulation.pass_time(typed.seconds)
        elif typed.happening is not None:
            yield from self.simulation.happen(typed.happening)

    def _told(self, move: Move) -> Iterator[str]:
        if isinstance(move, Advanced):
            for entry in move.trace:
                flow = self.simulation.flow_of(entry["version"])
                yield from [trace_line(flow, entry)] if self.tracing else failure_lines(flow, entry)
            for effect in move.effects:
                yield from effect_lines(effect)
            if move.is_over and move.run.status == "ended":
                yield f"(The run has ended: {move.run.outcome}.)"
                yield from outputs_lines(move.run.outputs)
        elif isinstance(move, Asked):
            yield from request_lines(move.request)
            yield f"  (type its answer: {EXAMPLES})"
        elif isinstance(move, TimeUp):
            yield f"(It is {move.at:%d.%m.%Y %H:%M:%S} UTC: the time is up.)"
        else:
            self.over = self.over or move.word == "endless"
            yield _UNMOVED[move.word]
