"""Which trigger a typed call or message starts, chosen as the runner chooses: the best match of those that claim it."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal

from flows.context import Context
from flows.document import Flow
from flows.event import ApiCalled, CallStarted, Event, MessageReceived, ScheduleDue
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
    """The run that an event begins; while another is under way only a trigger that interrupts it may."""
    happened = event.happened
    kind = _KINDS.get(type(happened))
    if kind is None:
        return None
    under_way = run is not None and run.status != "ended"
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
        phone = contact.get("phone")
        caller = happened.caller or (phone if isinstance(phone, str) else "") or CALLER
        happened, contact = replace(happened, caller=caller, called=number), {**contact, "phone": caller}
    facts = replace(event.facts, conversation=conversation, contact=contact)
    begins = replace(event, happened=happened, facts=facts)
    return Begun(begin(VERSION, flow, step, begins, run_id), begins)
