"""A recorded turn: all that went into it as canonical text, from which the same turn comes out again byte for byte."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from flows.document import Flow
from flows.errors import FlowError
from flows.event import Answered, Event
from flows.interpreter import advance
from flows.limits import Limits
from flows.run import Given, Run, Turn
from flows.walk import Steps


@dataclass(frozen=True)
class TurnRecord:
    """What a turn was made of. `versions` names the flows it needs, `answers` stand in the order of their Asks.

    Write it with `flows.wire.write`, read it with `flows.wire.read(TurnRecord, text)`.
    """

    versions: tuple[str, ...]
    run_before: Run
    event: Event
    answers: tuple[Given, ...] = ()
    limits: Limits = field(default_factory=Limits)


def replay(record: TurnRecord, flows: Mapping[str, Flow], steps: Steps) -> Turn:
    """The recorded turn, made again; a record without its last answers stops where they are missing.

    Raises: FlowError when a flow is missing or an answer is given that nobody asked for.
    """
    for version in record.versions:
        if version not in flows:
            raise FlowError(f"The recorded turn needs the version {version}; give its flow too.")
    turn = advance(flows, record.run_before, record.event, record.limits, steps)
    for given in record.answers:
        if turn.ask is None:
            raise FlowError(f"The record holds an answer to Ask {given.n}, but this turn asks nothing more.")
        event = replace(record.event, happened=Answered(given.n, given.answer))
        turn = advance(flows, turn.run, event, record.limits, steps)
    return turn
