"""One simulated conversation with one flow: nothing is sent, called or asked, and only whoever simulates moves time."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from flows.ask import Answer, Request
from flows.changed import changed
from flows.document import Flow
from flows.event import Answered, CallPolled, Event, Happening, MessageFailed, MessageReceived, TimerFired
from flows.interpreter import accepts, advance
from flows.limits import Limits
from flows.player.moves import Advanced, Asked, Move, TimeUp, Unmoved
from flows.player.start import VERSION, begun_by
from flows.player.state import Simulated
from flows.player.surroundings import NOTHING, Host, after_effects, follows, take_answer
from flows.run import Run
from flows.walk import Steps
from flows.wire import read, write

# Happenings that follow from one by themselves: a flow may go on for ever, a simulation may not.
MOST_IN_A_ROW = 50


@dataclass(frozen=True)
class Around:
    """What a simulation may use. flows: those it may call, by their names. host: answers what is not prepared."""

    limits: Limits = field(default_factory=Limits)
    flows: Mapping[str, Flow] = field(default_factory=dict)
    host: Host | None = None


class Simulation:
    """A conversation and the flow it is with. `state` is all there is to it: another one may go on from there."""

    def __init__(
        self,
        flow: Flow,
        steps: Steps,
        state: Simulated,
        around: Around | None = None,
    ) -> None:
        around = around or Around()
        self.flow = flow
        self.steps = steps
        self.state = state
        self.limits = around.limits
        self._host = around.host
        called = {flow.name: flow, **around.flows}
        self._called = {name: f"flow:{name}" for name in called}
        self._flows = {VERSION: flow, **{self._called[name]: one for name, one in called.items()}}

    def flow_of(self, version: str) -> Flow:
        """The flow that a trace's version names."""
        return self._flows.get(version, self.flow)

    @property
    def run(self) -> Run | None:
        """The latest run."""
        return self.state.run

    @property
    def is_under_way(self) -> bool:
        """Whether a run has begun and not ended."""
        return self.run is not None and self.run.status != "ended"

    @property
    def is_on_call(self) -> bool:
        """Whether there is a caller on the line."""
        run = self.run
        return run is not None and self.is_under_way and self.state.facts.on_call and not run.call_ended

    @property
    def open_request(self) -> Request | None:
        """What a step wants to know, when nobody prepared the answer."""
        run = self.run
        return run.open_turn.request if run is not None and run.open_turn is not None else None

    def happen(self, happened: Happening) -> Iterator[Move]:
        """Give a happening to the run, or let it start one; then all that follows by itself."""
        state = self.state
        if state.open_event is not None:
            yield Unmoved("answer_first")
            return
        begun = begun_by(self.flow, self.steps, self._event_of(happened), state.run, str(state.runs + 1))
        if begun is not None:
            self.state = replace(
                state, run=begun.run, facts=begun.event.facts, runs=state.runs + 1, kept=(), choices={}, sent=""
            )
            yield from self._turn(begun.event, begins=True)
        elif state.run is not None and accepts(state.run, happened):
            yield from self._turn(self._event_of(happened))
        else:
            yield self._unmoved(happened)
        yield from self._go_on()

    def answer(self, answer: Answer) -> Iterator[Move]:
        """Answer the step that asks now, or the one that asks next."""
        self.state = replace(self.state, next_answers=(*self.state.next_answers, answer))
        yield from self._go_on()

    def pass_time(self, seconds: float | None) -> Iterator[Move]:
        """Let time limits on the way fire (None: the next one), and the carrier ask again at the end."""
        if self.state.open_event is not None:
            yield Unmoved("answer_first")
            return
        until = self.state.due_at if seconds is None else self.state.clock + timedelta(seconds=seconds)
        if until is None:
            yield Unmoved("no_time_limit")
            return
        for _ in range(MOST_IN_A_ROW):
            due = self.state.due_at
            if due is None or due > until or not self.is_under_way:
                break
            self.state = replace(self.state, clock=max(self.state.clock, due), due_at=None)
            yield TimeUp(self.state.clock)
            yield from self._turn(self._event_of(self._over_time()))
            yield from self._go_on()
            if self.state.open_event is not None:
                return
        self.state = replace(self.state, clock=max(self.state.clock, until))
        if self.run is not None and self.run.waiting is not None and "poll" in self.run.waiting.accepts:
            yield from self._turn(self._event_of(CallPolled()))
            yield from self._go_on()

    def _turn(self, event: Event, *, begins: bool = False) -> Iterator[Move]:
        """One call of the engine: the turn as far as its next Ask."""
        run = self.run
        if run is None:
            return
        opened, waited = run.open_turn, run.waiting
        turn = advance(self._flows, run, event, self.limits, self.steps)
        began = event if opened is None else opened.event
        state = replace(self.state, run=read(Run, write(turn.run)))  # as it would be stored between two turns
        if turn.ask is None:
            state = after_effects(replace(state, open_event=None), turn.effects, f"{run.id}/{turn.run.turn - 1}")
            if turn.run.waiting is not waited:
                state = replace(state, due_at=_due_at(turn.run, state))
        else:
            state = replace(state, open_event=began)
        self.state = state
        effects, entries = (0, 0) if opened is None else (len(opened.effects), len(opened.trace) - 1)
        done = len(turn.trace) - (turn.ask is not None)  # the step that asks is not done yet
        yield Advanced(began.happened, begins, turn.effects[effects:], turn.trace[entries:done], turn.run)

    def _go_on(self) -> Iterator[Move]:
        for _ in range(MOST_IN_A_ROW):
            run, open_event = self.run, self.state.open_event
            if run is not None and run.open_turn is not None and open_event is not None:
                opened = run.open_turn
                self.state, answer = take_answer(self.state, opened.request, self._called, self._host)
                if answer is None:
                    yield Asked(run.stack[-1].step, opened.request)
                    return
                yield from self._turn(changed(open_event, happened=Answered(opened.n, answer)))
            else:
                self.state, next_one = follows(self.state)
                if next_one is None:
                    return
                yield from self._turn(self._event_of(next_one))
        yield Unmoved("endless")

    def _over_time(self) -> Happening:
        """What the end of a time limit is to the run: a message that never left has failed."""
        waiting = self.run.waiting if self.run else None
        if self.state.sent_fate == NOTHING and waiting and "failed" in waiting.accepts and waiting.send_seconds:
            return MessageFailed(self.state.sent, "send_timeout", "Nobody took the message in time.")
        return TimerFired()

    def _unmoved(self, happened: Happening) -> Unmoved:
        if isinstance(happened, MessageReceived) and self.run is not None and self.run.in_queue:
            return Unmoved("read_by_people")
        if isinstance(happened, MessageReceived) and self.is_under_way:
            self.state = replace(self.state, kept=(*self.state.kept, happened))
            return Unmoved("kept")
        return Unmoved("not_awaited" if self.is_under_way else "starts_nothing")

    def _event_of(self, happened: Happening) -> Event:
        return Event(happened, at=self.state.clock, now=self.state.clock, facts=self.state.facts)


def _due_at(run: Run, state: Simulated) -> datetime | None:
    """When the wait that just began is over; a simulated message is settled at once, so its limit begins now."""
    waiting = run.waiting
    if waiting is None or waiting.until is not None:
        return waiting.until if waiting else None
    never_left = state.sent_fate == NOTHING and "failed" in waiting.accepts
    seconds = waiting.send_seconds if never_left and waiting.send_seconds is not None else waiting.limit_seconds
    return None if seconds is None else state.clock + timedelta(seconds=seconds)
