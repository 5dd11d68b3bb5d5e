"""The model: whose a conversation is and what is said in it, event by event. Plain Python, nothing of the product."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from tests.faults.properties.flows import Flow, Step
from tests.faults.properties.run import Run, Said, Wait

SECOND: Final = 1_000_000
SEND_SECONDS: Final = 600
LONGEST_WAIT_SECONDS: Final = 30 * 86_400
STOP, START = "STOP", "START"
CONFIRMATION: Final = "You will get no more messages from us. Write START to get them again."

Event = Mapping[str, Any]
"""A row of the inbox."""


@dataclass(eq=False)
class Contact:
    """Somebody who writes on one number."""

    number: str
    flow: Flow
    opted_out: bool = False
    has_opted_out: bool = False  # at some time
    conversations: "list[Conversation]" = field(default_factory=list)


@dataclass(eq=False)
class Conversation:
    """One conversation. `handle` says what its next event comes to."""

    contact: Contact
    id: int
    owner: str = "none"
    is_open: bool = True
    run: Run | None = None
    is_taken_up: bool = False  # the run's place in the queue
    said: list[Said] = field(default_factory=list)
    kept: list[int] = field(default_factory=list)
    # What the event handled last came to:
    new: list[Said] = field(default_factory=list)
    cancelled: list[Said] = field(default_factory=list)
    released: list[int] = field(default_factory=list)  # events that were kept, and are to be handled now
    _now: int = 0

    def handle(self, event: Event, what: Any, label: str | None) -> str:
        """The event's state from now on: done or kept.

        what: a message's text, an agent's words, the message that the news is about. label: of the version that a new
        run takes; None when no flow answers.
        """
        self.new, self.cancelled, self.released, self._now = [], [], [], int(event["now"])
        match event["kind"]:
            case "message_received":
                return self._message(event, str(what), label)
            case "agent_replied" | "agent_took_over":
                self._take_over(what)
            case "agent_closed":
                self._close()
            case "timer_fired":
                self._time_is_up(event)
            case "message_status":
                if what.delivered and self._waits_for_news_of(what.said):
                    self._leave("success")
            case "message_accepted":
                if self._waits_for_news_of(what):
                    self._was_taken()
            case "message_failed":
                self._was_lost(what)
            case kind:
                raise AssertionError(f"nobody expects {kind}")
        return "done"

    def is_answered_anew(self, text: str) -> bool:
        """Whether that message begins a run, if a flow answers."""
        return text != STOP and self.owner != "people" and self.run is None

    def settled(self, said: Said, at: int) -> None:
        """A question's limit begins when it has left, or surely has not."""
        wait = self.run.wait if self.run else None
        if wait is not None and wait.said is said and wait.until is None:
            wait.until = at + wait.step.seconds * SECOND

    @property
    def due(self) -> int | None:
        """When the present wait ends by itself."""
        wait = self.run.wait if self.run else None
        return None if wait is None else wait.send_by if wait.until is None else wait.until

    def _message(self, event: Event, text: str, label: str | None) -> str:
        if text == STOP:
            self._opt_out()
            return "done"
        if text == START:
            self.contact.opted_out = False
        if self.owner == "people":
            return "done"
        if self.run is None and label is None:
            self.owner, self.is_open = "people", True
        elif self.run is None:
            self.run = Run(str(label))
            self._enter(next(iter(self.contact.flow)))
        elif self.run.waits.step.kind == "ask":
            self.run.name = text
            self._leave("reply")
        else:
            self.kept.append(event["id"])
            return "kept"
        return "done"

    def _opt_out(self) -> None:
        before, self.contact.opted_out, self.contact.has_opted_out = self.contact.opted_out, True, True
        for one in self.contact.conversations:
            self._cancel(one.said)
        if self.run is not None:
            self.run, self.kept = None, []
        if before and self.owner != "people":
            self.owner, self.is_open = "none", False
        elif not before:
            self.owner, self.is_open = "people", True
            self._say(CONFIRMATION, "house")

    def _take_over(self, words: str) -> None:
        self.is_open = True
        if self.owner != "people":
            self._cancel([one for one in self.said if one.by == "flow"])
            if self.run is not None:
                self.run, self.kept = None, []
        self.owner = "people"
        if words:
            self._say(words, "agent")
        if self.run is not None and not self.is_taken_up:  # the limit was on waiting for somebody
            self.is_taken_up, self.run.waits.until = True, self._now + LONGEST_WAIT_SECONDS * SECOND

    def _close(self) -> None:
        if self.run is not None and self.run.in_queue:
            self._leave("closed")
            return
        if self.run is not None:
            self._cancel([one for one in self.said if one.run is self.run])
            self.run, self.kept = None, []
        self.owner, self.is_open = "none", False

    def _time_is_up(self, event: Event) -> None:
        assert self.run is not None, "a timer fires though no run waits"
        wait = self.run.waits
        assert self.due is not None
        assert abs(self.due - event["at"]) < SECOND, f"{wait.step.kind} ends at {self.due}, not at {event['at']}"
        if wait.step.kind == "queue":
            self._leave("timed_out")
        elif wait.taken:
            self._leave("not_delivered")
        else:
            assert wait.said is not None
            self._cancel([wait.said])
            asked = wait.step.kind == "ask" and wait.until is not None
            self._leave("timed_out" if asked else "failure")

    def _waits_for_news_of(self, said: Said) -> bool:
        wait = self.run.wait if self.run else None
        return wait is not None and wait.said is said and wait.step.kind == "send"

    def _was_taken(self) -> None:
        assert self.run is not None
        wait = self.run.waits
        if wait.step.waits_for == "accepted":
            self._leave("success")
        elif not wait.taken:
            wait.taken, wait.until = True, self._now + wait.step.seconds * SECOND

    def _was_lost(self, said: Said) -> None:
        if self.run is not None and self.run.waits.said is said:
            self._leave("not_delivered" if self.run.waits.taken else "failure")
        elif self.run is None and self.owner != "people":
            self.owner, self.is_open = "people", True

    # the flow

    def _leave(self, exit_: str) -> None:
        assert self.run is not None
        self._enter(self.run.waits.step.exits[exit_])

    def _enter(self, name: str) -> None:
        assert self.run is not None
        while name != "end":
            step = self.contact.flow[name]
            text = f"{self.run.label}: {step.text.format(name=self.run.name)}"
            said = self._say(text, "flow") if step.text else None
            if step.kind == "send" and step.waits_for == "nothing":
                name = step.exits["success"]
                continue
            self._wait(step, said)
            return
        self.run, self.owner, self.is_open = None, "none", False
        self.released, self.kept = self.kept, []

    def _wait(self, step: Step, said: Said | None) -> None:
        assert self.run is not None
        latest = self._now + SEND_SECONDS * SECOND
        self.run.wait = wait = Wait(step, latest, said, latest)
        self.owner, self.is_open = "flow", True
        if step.kind == "queue":
            self.owner, self.is_taken_up, self.kept = "people", False, []
            wait.until = self._now + step.seconds * SECOND
        elif step.kind == "ask":
            self.released, self.kept = self.kept, []
            wait.until = self._now + step.seconds * SECOND if self.contact.opted_out else None

    def _say(self, text: str, by: str) -> Said:
        said = Said(text, by, self.run if by == "flow" else None)
        self.said.append(said)
        self.new.append(said)
        return said

    def _cancel(self, messages: Sequence[Said]) -> None:
        for said in messages:
            said.may_be_cancelled = True
        self.cancelled += messages
