"""What one event of a simulated conversation made happen, gathered so that it can be compared and shown."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.ask import HttpRequest
from flows.effect import Dial, Effect, EnterQueue, Gather, HangUp, Phone, Play, Reject, Say, SendMessage
from flows.facts import Facts
from flows.player.moves import Advanced, Asked, Move, Unmoved, Word
from flows.run import Run
from flows.trace import Entry
from flows.values import Value
from flows.wire import to_data


@dataclass
class Observed:
    """All that came of one event, in order. `sent` and `said` are texts, `exits` and `fails` are "step.exit" and
    "step.kind", `open_ask` is the step that wants an answer nobody prepared."""

    run: Run | None = None
    facts: Facts = field(default_factory=Facts)
    effects: list[Effect] = field(default_factory=list)
    trace: list[Entry] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    unmoved: list[Word] = field(default_factory=list)
    open_ask: Asked | None = None

    @classmethod
    def of(cls, moves: Iterable[Move], facts: Facts) -> "Observed":
        """What these moves made happen; `facts` are those after them."""
        seen = cls(facts=facts)
        for move in moves:
            if isinstance(move, Advanced):
                seen.run = move.run
                seen.effects += move.effects
                seen.trace += move.trace
                if move.is_over and move.run.status == "ended":
                    seen.outcomes.append(move.run.outcome)
            elif isinstance(move, Asked):
                seen.open_ask = move
            elif isinstance(move, Unmoved):
                seen.unmoved.append(move.word)
        return seen

    @property
    def sent(self) -> list[str]:
        """The texts of the messages that went out."""
        return [effect.text for effect in self.effects if isinstance(effect, SendMessage)]

    @property
    def said(self) -> list[str]:
        """The texts a caller heard."""
        return [verb.text for verb in self._heard() if isinstance(verb, Say)]

    @property
    def played(self) -> list[str]:
        """The sounds a caller heard, by their addresses, stored files by their sha256."""
        return [verb.url or verb.file for verb in self._heard() if isinstance(verb, Play)]

    @property
    def visits(self) -> list[str]:
        """The steps that did something."""
        return [entry["step"] for entry in self.trace]

    @property
    def exits(self) -> list[str]:
        """The exits that were taken."""
        return [f"{entry['step']}.{entry['exit']}" for entry in self.trace if entry["exit"]]

    @property
    def fails(self) -> list[str]:
        """The failures."""
        return [f"{entry['step']}.{entry['failure']['kind']}" for entry in self.trace if "failure" in entry]

    @property
    def queues(self) -> list[str]:
        """The queues that were entered."""
        return [effect.queue for effect in self.effects if isinstance(effect, EnterQueue)]

    @property
    def forwards(self) -> list[str]:
        """Where the call was forwarded to."""
        dials = (effect for effect in self.effects if isinstance(effect, Dial))
        return [phone.number or phone.sip for dial in dials for phone in (Phone(dial.number, dial.sip), *dial.also)]

    @property
    def asks(self) -> list[str]:
        """The requests to other systems, as "GET https://…"."""
        requests = [ask["request"] for entry in self.trace for ask in entry.get("asks", ())]
        told = [f"{one['method']} {one['url']}" for one in requests if one.get("kind") == "http_request"]
        unanswered = self.open_ask.request if self.open_ask else None
        if isinstance(unanswered, HttpRequest):
            told.append(f"{unanswered.method} {unanswered.url}")
        return told

    @property
    def hangs_up(self) -> bool:
        """Whether the flow ended the call."""
        return any(isinstance(effect, HangUp | Reject) for effect in self.effects)

    @property
    def waits_at(self) -> str:
        """The step that waits afterwards; empty when none does."""
        return self.run.stack[-1].step if self.run and self.run.status == "waiting" else ""

    @property
    def outputs(self) -> Mapping[str, Value]:
        """What the flow gives back to the one that runs it, once it has ended."""
        return self.run.outputs if self.run and self.run.status == "ended" else {}

    @property
    def effects_data(self) -> list[dict[str, Any]]:
        """All effects as JSON data."""
        return [to_data(effect) for effect in self.effects]

    def _heard(self) -> Iterator[Effect]:
        for effect in self.effects:
            yield from effect.prompts if isinstance(effect, Gather) else (effect,)
