"""A simulated conversation between two events, as plain data that goes to and from JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from flows.ask import Answer
from flows.event import Event, MessageReceived
from flows.facts import Facts
from flows.run import Run


@dataclass(frozen=True)
class Simulated:
    """Where a simulated conversation stands. Write it with `flows.wire.write`, read it with `read(Simulated, text)`.

    clock: only whoever simulates moves it. runs: how many have begun. due_at: when the present wait is over.
    open_event: the event of a turn that waits for an answer nobody prepared.
    answers: prepared, by step, taken in order; next_answers: for whichever step asks next.
    kept: messages nobody expected yet. choices: labels on offer and their ids.
    fate: what becomes of the next message (see `World`); sent: the key of the latest one, and sent_fate its own.
    """

    clock: datetime
    facts: Facts
    run: Run | None = None
    runs: int = 0
    due_at: datetime | None = None
    open_event: Event | None = None
    answers: Mapping[str, tuple[Answer, ...]] = field(default_factory=dict)
    next_answers: tuple[Answer, ...] = ()
    kept: tuple[MessageReceived, ...] = ()
    choices: Mapping[str, str] = field(default_factory=dict)
    fate: str = ""
    sent: str = ""
    sent_fate: str = ""
