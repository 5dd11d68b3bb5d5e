"""One person and one flow: typed lines in, lines to print out, and a clock that only the person moves."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from flows.ask import Answer
from flows.document import Flow
from flows.effect import UpdateContact
from flows.errors import FlowError
from flows.event import CallPolled, Event, Happening, MessageReceived, TimerFired
from flows.facts import Facts
from flows.interpreter import accepts, advance
from flows.limits import Limits
from flows.player.answers import EXAMPLES, read_answer
from flows.player.lines import CALLER, HELP, Typed, read_line
from flows.player.start import VERSION, begun_by, kinds
from flows.player.words import effect_lines, failure_lines, request_lines, trace_line
from flows.player.world import World
from flows.run import Run, Turn
from flows.values import Value
from flows.walk import Steps
from flows.wire import read, write

# Happenings that follow from one line by themselves: a flow may go on for ever, a player may not.
MOST_IN_A_ROW = 50


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
        self.clock = clock
        self.facts = facts or Facts(contact={"name": "", "phone": CALLER, "attributes": {}})
        self.limits = Limits()
        self.tracing = False
        self.over = False  # the person wants to stop
        self.run: Run | None = None
        self._runs = 0
        self._due: datetime | None = None  # when the time limit of the present wait is over
        self._event: Event | None = None  # of a turn that waits for a typed answer
        self._world = World(answers or {})
        self._printed = (0, 0)  # effects and trace entries of the open turn

    def open(self) -> list[str]:
        """The first lines. A flow that only takes calls is called at once."""
        begins = kinds(self.flow, self.steps)
        title = [f"{self.flow.name}: {self.flow.description}".rstrip(": "), "Type /help for what you can do."]
        if begins == {"calls"}:
            return [*title, "You call.", *self.feed("/call")]
        return [*title, "Write a message." if begins else "This flow has no trigger, so nothing can start it."]

    def feed(self, line: str) -> list[str]:
        """What one typed line makes of the conversation, as lines to print."""
        try:
            return list(self._obey(self._read(line)))
        except FlowError as problem:
            return [f"! {problem}"]

    def _read(self, line: str) -> Typed:
        if self._event is not None and not line.startswith("/"):
            return Typed("answer", line)
        return read_line(line, self._is_on_call(), self._world.choices)

    def _obey(self, typed: Typed) -> Iterator[str]:
        if typed.word == "help":
            yield from HELP
        elif typed.word == "quit":
            self.over = True
        elif typed.word == "trace":
            self.tracing = not self.tracing
            yield f"The trace is {'on' if self.tracing else 'off'}."
        elif typed.word == "answer":
            self._world.next_answers.append(read_answer(typed.text))
            yield from self._go_on()
        elif typed.word == "fail":
            self._world.failure = typed.text or "provider_code"
            yield "The next message will fail."
        elif self._event is not None:
            yield f"The flow waits for an answer first: {EXAMPLES}."
        elif typed.word == "wait":
            yield from self._let_time_pass(typed.seconds)
        elif typed.happening is not None:
            yield from self._happen(typed.happening)

    def _happen(self, happened: Happening) -> Iterator[str]:
        """Give a happening to the run, or let it start one; then all that follows by itself."""
        begun = begun_by(self.flow, self.steps, self._event_of(happened), self.run, str(self._runs + 1))
        if begun is not None:
            self.run, self.facts = begun.run, begun.event.facts
            self._runs += 1
            self._world.begin_anew()
            yield from self._advance(begun.event)
        elif self.run is not None and accepts(self.run, happened):
            yield from self._advance(self._event_of(happened))
        elif isinstance(happened, MessageReceived) and self.run is not None and self.run.in_queue:
            yield "(The people of the queue read that.)"
        elif isinstance(happened, MessageReceived) and self._is_under_way():
            self._world.kept.append(happened)
            yield "(No message is expected now; it is kept for the next step that expects one.)"
        elif self._is_under_way():
            yield "(The flow does not wait for that now.)"
        else:
            yield "(Nothing starts by that: no trigger of this flow takes it.)"

    def _advance(self, event: Event) -> Iterator[str]:
        """One turn, and what follows from it by itself."""
        yield from self._turn(event)
        yield from self._go_on()

    def _turn(self, event: Event) -> Iterator[str]:
        if self.run is None:
            return
        if self._event is None:
            self._event, self._printed = event, (0, 0)
        turn = advance({VERSION: self.flow}, self.run, event, self.limits, self.steps)
        yield from self._told(turn)
        waited = self.run.waiting
        self.run = read(Run, write(turn.run))  # as it would be stored between two turns
        if turn.ask is None:
            self._event = None
            self._note(turn)
            if turn.run.waiting is not waited:
                self._due = _due(turn.run, self.clock)
            if turn.run.status == "ended":
                yield f"(The run has ended: {turn.run.outcome}.)"

    def _told(self, turn: Turn) -> Iterator[str]:
        """The lines of what is new since the last Ask of the same turn."""
        effects, entries = self._printed
        done = len(turn.trace) - (turn.ask is not None)  # the step that asks is not done yet
        for entry in turn.trace[entries:done]:
            yield from [trace_line(self.flow, entry)] if self.tracing else failure_lines(self.flow, entry)
        entries = max(done, entries)
        for effect in turn.effects[effects:]:
            yield from effect_lines(effect)
        self._printed = (len(turn.effects), entries)

    def _note(self, turn: Turn) -> None:
        """Keep what later lines depend on."""
        self._world.note(turn)
        for effect in turn.effects:
            if isinstance(effect, UpdateContact):
                held = self.facts.contact.get("attributes")
                attributes: dict[str, Value] = dict(held) if isinstance(held, dict) else {}
                attributes.update(effect.attributes)
                kept: Value = {name: value for name, value in attributes.items() if value is not None}
                self.facts = replace(self.facts, contact={**self.facts.contact, "attributes": kept})

    def _go_on(self) -> Iterator[str]:
        for _ in range(MOST_IN_A_ROW):
            if self._event is not None:
                answer = self._world.answer(self.run) if self.run else None
                if answer is None:
                    yield from self._ask_the_person()
                    return
                yield from self._turn(replace(self._event, happened=answer))
            else:
                follows = self._world.follows(self.run) if self.run else None
                if follows is None:
                    return
                yield from self._turn(self._event_of(follows))
        yield "! The flow goes on and on without you; the player stops it here."
        self.over = True

    def _ask_the_person(self) -> Iterator[str]:
        opened = self.run.open_turn if self.run else None
        if opened is not None:
            yield from request_lines(opened.request)
            yield f"  (type its answer: {EXAMPLES})"

    def _let_time_pass(self, seconds: float | None) -> Iterator[str]:
        """Let time limits on the way fire, and the carrier ask again at the end."""
        until = self._due if seconds is None else self.clock + timedelta(seconds=seconds)
        if until is None:
            yield "(Nothing here has a time limit; say how long, such as /wait 10m.)"
            return
        for _ in range(MOST_IN_A_ROW):
            if self._due is None or self._due > until or not self._is_under_way():
                break
            self.clock = max(self.clock, self._due)
            self._due = None
            yield f"(It is {self.clock:%d.%m.%Y %H:%M:%S} UTC: the time is up.)"
            yield from self._advance(self._event_of(TimerFired()))
            if self._event is not None:
                return
        self.clock = max(self.clock, until)
        if self.run is not None and self.run.waiting is not None and "poll" in self.run.waiting.accepts:
            yield from self._advance(self._event_of(CallPolled()))

    def _event_of(self, happened: Happening) -> Event:
        return Event(happened, at=self.clock, now=self.clock, facts=self.facts)

    def _is_under_way(self) -> bool:
        return self.run is not None and self.run.status != "ended"

    def _is_on_call(self) -> bool:
        run = self.run
        return run is not None and self._is_under_way() and self.facts.on_call and not run.call_ended


def _due(run: Run, now: datetime) -> datetime | None:
    """When the wait that just began is over; in the player a message is settled at once, so its limit begins now."""
    waiting = run.waiting
    if waiting is None or waiting.until is not None or waiting.limit_seconds is None:
        return waiting.until if waiting else None
    return now + timedelta(seconds=waiting.limit_seconds)
