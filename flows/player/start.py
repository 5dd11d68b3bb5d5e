"""Where a simulated run begins: which trigger a call or message starts, chosen as the runner chooses, or the one of a
flow that is run as another flow runs it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from flows.called import entry_of, misfits
from flows.context import Context
from flows.document import Flow
from flows.errors import FlowError
from flows.event import (
    ApiCalled,
    CallStarted,
    Event,
    FlowCalled,
    MessageReceived,
    ScheduleDue,
    call_values,
    message_values,
)
from flows.interpreter import begin
from flows.limits import Limits
from flows.player.lines import CALLER
from flows.run import Run
from flows.step import Claim, Trigger
from flows.todays_config import todays_config
from flows.values import Value
from flows.walk import Steps

VERSION = "draft"
_KINDS = {CallStarted: "calls", MessageReceived: "messages", ApiCalled: "api", ScheduleDue: "schedule"}


@dataclass(frozen=True)
class Begun:
    """A run on its trigger, and the event that began it, in a conversation with the number the trigger names."""

    run: Run
    event: Event


def kinds(flow: Flow, steps: Steps) -> set[str]:
    """What can start the flow: "calls", "messages" and so on, as triggers claim it, or nothing."""
    return {claim.kind for _, _, claim in _claims(flow, steps)}


def begun_by(flow: Flow, steps: Steps, event: Event, run: Run | None, run_id: str) -> Begun | None:
    """The run that an event begins; while another is under way only a trigger that interrupts it may.

    Raises: FlowError when the flow is run as others would run it, and cannot begin so.
    """
    happened = event.happened
    under_way = run is not None and run.status != "ended"
    if isinstance(happened, FlowCalled):
        return None if under_way else _begun_as_called(flow, steps, event, happened, run_id)
    kind = _KINDS.get(type(happened))
    if kind is None:
        return None
    best: tuple[int, Begun] | None = None
    for step, trigger, claim in _claims(flow, steps):
        if claim.kind != kind or (under_way and not claim.interrupts):
            continue
        begun = _begun(flow, step, claim, event, run_id)
        config = todays_config(trigger, flow.steps[step])
        context = Context(flow, step, config, begun.run, begun.event, Limits())
        score = trigger.matches(config, context)
        if score is not None and (best is None or score > best[0]):
            best = (score, begun)
    return best[1] if best else None


def _claims(flow: Flow, steps: Steps) -> Iterator[tuple[str, Trigger, Claim]]:
    for placed in flow.steps.values():
        trigger = steps.get(placed.type)
        if isinstance(trigger, Trigger):
            for claim in trigger.claims(todays_config(trigger, placed)):
                yield placed.id, trigger, claim


def _begun(flow: Flow, step: str, claim: Claim, event: Event, run_id: str) -> Begun:
    number = next(iter(claim.numbers), "")
    conversation: dict[str, Value] = {
        "kind": "call" if claim.kind == "calls" else "messages",
        "number": number,
        "channel": "player",
        "reference": f"PB-{run_id}",
        "started_at": event.now,
        "count": Decimal(run_id),
    }
    happened, contact = event.happened, event.facts.contact
    if isinstance(happened, CallStarted):  # whoever calls is known by the number they call from
        caller = happened.caller or _phone(event)
        happened, contact = replace(happened, caller=caller, called=number), {**contact, "phone": caller}
    facts = replace(event.facts, conversation=conversation, contact=contact)
    begins = replace(event, happened=happened, facts=facts)
    return Begun(begin(VERSION, flow, step, begins, run_id), begins)


def _begun_as_called(flow: Flow, steps: Steps, event: Event, called: FlowCalled, run_id: str) -> Begun | None:
    """The run of the flow alone: in earnest it would be a part of the run of the flow that runs it."""
    entry = entry_of(flow, steps)
    kind = steps.get(entry.type) if entry else None
    if entry is None or kind is None:
        return None
    for _, sentence in misfits(flow, steps, called):
        raise FlowError(sentence)
    on_call = "messages" not in ({called.medium} if called.medium else kind.media_of(todays_config(kind, entry)))
    begun = _begun(flow, entry.id, Claim("calls" if on_call else "messages", ()), event, run_id)
    run = replace(begun.run, variables=called.inputs)
    if on_call:
        run = replace(run, call=call_values(CallStarted("player", _phone(event), "")))
    if called.latest_message:
        run = replace(run, message=message_values(MessageReceived(called.latest_message), event.at))
    return Begun(run, begun.event)


def _phone(event: Event) -> str:
    phone = event.facts.contact.get("phone")
    return phone if isinstance(phone, str) and phone else CALLER
