"""Turns a second of the bare engine: the VIP flow in one process, its API answered from memory, nothing stored."""

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from flows import document, wire
from flows.ask import HttpAnswer, HttpRequest, QueueStateAnswer
from flows.document import Flow
from flows.event import Answered, Event, MessageReceived, QueueLeft
from flows.facts import Facts
from flows.interpreter import advance, begin
from flows.limits import Limits
from flows.record import TurnRecord
from flows.registry import Registry
from flows.run import Given, Run
from flows.values import canonical_json

_FLOW = Path(__file__).resolve().parents[1] / "examples" / "flows" / "vip_messages.json"
_ANSWER = HttpAnswer(200, body='{"name": "Anna Kowalska", "orders": 42, "status": "platinum"}')
_NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class EngineFigures:
    """Turns a second of one core: of the engine alone, and with run, record and trace as JSON as they are stored."""

    turns_per_second: float
    stored_turns_per_second: float


def measure(seconds: float = 3.0) -> EngineFigures:
    """Plays conversations of two turns: the message that is forwarded to a queue, and the close by an agent."""
    flow = document.read(_FLOW.read_bytes())
    steps = Registry.discover(("steps",))
    return EngineFigures(_rate(flow, steps, seconds, stores=False), _rate(flow, steps, seconds, stores=True))


def _rate(flow: Flow, steps: Registry, seconds: float, *, stores: bool) -> float:
    _conversation(flow, steps, stores=stores)
    started, turns = time.process_time(), 0  # of this process only, so that a busy machine changes little
    while (passed := time.process_time() - started) < seconds:
        turns += _conversation(flow, steps, stores=stores)
    return turns / passed


def _conversation(flow: Flow, steps: Registry, *, stores: bool) -> int:
    facts = Facts(
        contact={"name": "", "phone": "+48500100100", "attributes": {}},
        conversation={"kind": "messages", "number": "web-chat", "channel": "web_chat", "reference": "PB-10001"},
        constants={"customer_api": "http://127.0.0.1:8001"},
    )
    event = Event(MessageReceived("Hello"), _NOW, _NOW, facts, "1")
    trigger = next(placed.id for placed in flow.steps.values() if placed.type == "incoming_message")
    run = _turn(flow, steps, begin("1", flow, trigger, event, "1"), event, stores=stores)
    if not run.in_queue:
        raise RuntimeError("The VIP flow did not forward the conversation: the benchmark measures something else.")
    run = _turn(flow, steps, run, replace(event, happened=QueueLeft("closed"), id="2"), stores=stores)
    if run.status != "ended":
        raise RuntimeError("The VIP flow did not end: the benchmark measures something else.")
    return 2


def _turn(flow: Flow, steps: Registry, run: Run, event: Event, *, stores: bool) -> Run:
    limits = Limits()
    given: list[Given] = []
    turn = advance({"1": flow}, run, event, limits, steps)
    while turn.ask is not None:
        answer = _ANSWER if isinstance(turn.ask, HttpRequest) else QueueStateAnswer(exists=True)
        n = len(given)
        given.append(Given(n, answer))
        turn = advance({"1": flow}, turn.run, replace(event, happened=Answered(n, answer)), limits, steps)
    if not stores:
        return turn.run
    wire.write(TurnRecord(("1",), run, event, tuple(given), limits))
    canonical_json(list(turn.trace))
    return wire.read(Run, wire.write(turn.run))
