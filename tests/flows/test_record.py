from dataclasses import replace
from pathlib import Path

import pytest

from flows.ask import Answer, HttpAnswer, QueueStateAnswer
from flows.document import read as read_flow
from flows.document import write as write_flow
from flows.errors import FlowError
from flows.event import CallerHungUp, CallPolled, CallStarted, DialEnded, Happening, MessageReceived, QueueLeft
from flows.facts import Facts
from flows.interpreter import begin
from flows.limits import Limits
from flows.record import TurnRecord, replay
from flows.registry import Registry
from flows.run import Given
from flows.wire import read, write
from tests.flows.toys import TOYS, Conversation, event_of, flow_of

EXAMPLES = Path(__file__).parents[2] / "examples" / "flows"
CALL = CallStarted("CA1", "+48600100200", "support-line")
HELLO = MessageReceived("hello")
QUEUE = QueueStateAnswer(exists=True, waiting=2, waiting_text={"en": "You are number {{ queue.position }}."})


@pytest.fixture(scope="module")
def registry() -> Registry:
    return Registry.discover(["steps"])


def crm(status: str) -> HttpAnswer:
    return HttpAnswer(200, {"content-type": "application/json"}, f'{{"status": "{status}", "name": "Ann"}}')


@pytest.mark.parametrize(
    ("name", "answers", "happenings", "outcome"),
    [
        ("vip_calls", [crm("gold")], [CALL, DialEnded("completed")], "completed"),
        ("vip_calls", [crm("platinum"), QUEUE], [CALL, DialEnded("busy"), CallPolled(), CallerHungUp()], ""),
        ("vip_calls", [HttpAnswer(404), QUEUE], [CALL, QueueLeft("closed")], "completed"),
        ("vip_calls", [HttpAnswer(error="timeout"), replace(QUEUE, maximum_length=2)], [CALL], "completed"),
        ("vip_calls", [HttpAnswer(200, body="<html>"), replace(QUEUE, exists=False)], [CALL], "completed"),
        ("vip_messages", [crm("gold"), QUEUE], [HELLO, QueueLeft("closed")], "completed"),
    ],
)
def test_every_turn_of_the_examples_replays_byte_for_byte(
    name: str, answers: list[Answer], happenings: list[Happening], outcome: str, registry: Registry
) -> None:
    flow = read_flow((EXAMPLES / f"{name}.json").read_bytes())
    flow = read_flow(write_flow(flow))  # as the database gives it back
    facts = Facts(
        contact={"name": "Ann", "phone": "+48600100200"},
        conversation={"kind": "call" if name == "vip_calls" else "messages", "number": "support-line"},
        constants={"customer_api": "http://127.0.0.1:8090"},
    )
    trigger = next(step.id for step in flow.steps.values() if step.type.startswith("incoming_"))
    run = begin("v1", flow, trigger, event_of(happenings[0], 1, facts), "7")
    talk = Conversation(flow, facts=facts, answers=list(answers), steps=registry, run=run)
    for happened in happenings:
        talk.feed(happened)  # replays the turn's record and compares
    assert talk.run is not None
    assert talk.run.outcome == outcome
    assert talk.answers == []


def record() -> TurnRecord:
    flow = flow_of({"start": ("begin", {"next": "f"}), "f": ("fetch", {"success": "end"})})
    event = event_of(HELLO)
    answers = (Given(0, HttpAnswer(200, body="b")),)
    return TurnRecord(("v1",), begin("v1", flow, "start", event, "7"), event, answers, Limits(steps_per_run=9))


def test_a_record_is_one_canonical_text() -> None:
    text = write(record())
    assert read(TurnRecord, text) == record()
    assert text.startswith('{"answers":[{"answer":{"attempts":1,')


def test_a_record_without_its_last_answer_stops_where_it_is_missing() -> None:
    flow = flow_of({"start": ("begin", {"next": "f"}), "f": ("fetch", {"success": "end"})})
    assert replay(replace(record(), answers=()), {"v1": flow}, TOYS).ask is not None
    assert replay(record(), {"v1": flow}, TOYS).run.outcome == "completed"


def test_a_record_that_does_not_fit_says_why() -> None:
    flow = flow_of({"start": ("begin", {"next": "end"})})
    with pytest.raises(FlowError, match="needs the version v1"):
        replay(record(), {}, TOYS)
    with pytest.raises(FlowError, match="this turn asks nothing more"):
        replay(record(), {"v1": flow}, TOYS)
