"""The step `forward_to_queue`: hands the conversation to people, in a queue of ours or on somebody else's system."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import phonenumbers

from flows.ask import Answer, QueueState, QueueStateAnswer
from flows.context import Context
from flows.dialling import dial, dialled, longest_dial_seconds
from flows.effect import Dial, Effect, EnterQueue, LeaveQueue, Say, SendMessage
from flows.event import CallPolled, DialEnded, Event, QueueLeft, TimerFired
from flows.form import filled, record
from flows.queueing import QUEUE_ERRORS, QUEUE_FIELDS
from flows.silence import in_silence
from flows.step import Ask, Config, Example, Exit, Group, Json, Medium, Outcome, Problem, Step, Take, Wait, fail
from flows.values import Value
from flows.whole_address import NotWhole, whole_address

POLL_SECONDS = 10
_DAYS_30 = 2_592_000.0

_OURS: Mapping[str, Json] = {"target": {"queue": "standard"}}
_THEIRS: Mapping[str, Json] = {"target": {"sip": "sip:gold@queues.example.com;transport=tcp"}}
_OPEN = QueueStateAnswer(exists=True, waiting=2, waiting_text={"en": "Please hold the line."})


class ForwardToQueueStep(Step):
    """Hands the conversation to people: to a queue of ours, or on a call to a queue on another system by its SIP
    address or telephone number. The flow goes on when they have closed it, or when nobody took it in time."""

    type: ClassVar[str] = "forward_to_queue"
    title: ClassVar[str] = "Forward to a queue"
    group: ClassVar[Group] = "people"
    icon: ClassVar[str] = "users"
    waits: ClassVar[bool] = True
    at_once: ClassVar[frozenset[str]] = frozenset({"full", "out_of_hours"})
    schema: ClassVar[Mapping[str, Json]] = record(QUEUE_FIELDS, required=["target"])
    errors: ClassVar[Mapping[str, str]] = QUEUE_ERRORS
    examples: ClassVar[Sequence[Example]] = (
        Example("An agent helps and closes", _OURS, "closed", turns=[_OPEN, QueueLeft("closed")]),
        Example(
            "Nobody takes it in time",
            {**_OURS, "maximum_wait_seconds": 60},
            "timed_out",
            turns=[_OPEN, TimerFired()],
        ),
        Example("The line is full", _OURS, "full", turns=[QueueStateAnswer(exists=True, waiting=5, maximum_length=5)]),
        Example(
            "Outside the opening hours", _OURS, "out_of_hours", turns=[QueueStateAnswer(exists=True, is_open=False)]
        ),
        Example("No such queue", _OURS, "failure", turns=[QueueStateAnswer(exists=False)], error="queue_missing"),
        Example(
            "The flow goes on beside the agent",
            {**_OURS, "goes_on": "when_assigned"},
            "assigned",
            turns=[_OPEN, QueueLeft("assigned")],
        ),
        Example("A caller waits", _OURS, "closed", turns=[_OPEN, CallPolled(), QueueLeft("closed")], on_call=True),
        Example(
            "Somebody else's queue answers",
            {**_THEIRS, "headers": [{"name": "X-Tier", "value": "gold"}], "maximum_wait_seconds": 30},
            "closed",
            turns=[DialEnded("completed", seconds=90)],
            on_call=True,
            effects=[Dial(sip="sip:gold@queues.example.com;transport=tcp", headers={"X-Tier": "gold"})],
        ),
        Example("Nobody answers there", _THEIRS, "timed_out", turns=[DialEnded("no-answer")], on_call=True),
        Example(
            "The other system is down",
            _THEIRS,
            "failure",
            turns=[DialEnded("failed", sip_status=503)],
            on_call=True,
            error="sip_status",
        ),
        Example("A number that is none", {"target": {"number": "12"}}, "failure", on_call=True, error="invalid_target"),
        Example("A message cannot be put through", _THEIRS, "failure", error="not_a_call"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """By the target, and by when the flow goes on."""
        timed_out = Exit("timed_out", "timed out")
        if "queue" not in config.get("target", {"queue": ""}):
            return (Exit("closed"), timed_out)
        first = Exit("assigned") if config.get("goes_on") == "when_assigned" else Exit("closed")
        return (first, timed_out, Exit("full"), Exit("out_of_hours", "out of hours"))

    def media_of(self, config: Config) -> frozenset[Medium]:
        """Another system can be dialled only from a call."""
        return self.media if "queue" in config.get("target", {"queue": ""}) else frozenset({"call"})

    def summary(self, config: Config) -> str:
        """Where it goes."""
        target = config.get("target", {})
        return f"→ {target.get('queue') or target.get('sip') or target.get('number') or '…'}"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Targets that can never be reached, and settings that the target has no use for."""
        target = config.get("target", {})
        found: list[Problem] = []
        if not target.get("sip", "sip:").lower().startswith(("sip:", "sips:", "{{")):
            mend = "Write it as sip:queue@example.com."
            found.append(
                Problem("invalid_target", "target.sip", "The address does not begin with sip: or sips:.", mend)
            )
        number = target.get("number", "{{")
        if "{{" not in number and _e164(number) is None:
            sentence = f"“{number}” is no telephone number with + and country code."
            found.append(Problem("invalid_target", "target.number", sentence, "Write it as +48221234567."))
        if "queue" not in target and config.get("goes_on") == "when_assigned":
            sentence = "Another system does not tell when somebody is assigned."
            found.append(Problem("goes_on_unknown", "goes_on", sentence, "Go on when it is closed."))
        return found

    def effective_limit(self, config: Config) -> float | None:
        """The longest wait for people, or for a forwarded call to end; a queue of ours may say less."""
        if "queue" in config.get("target", {"queue": ""}):
            return float(config.get("maximum_wait_seconds", _DAYS_30))
        return longest_dial_seconds(config)

    def run(self, context: Context) -> Outcome:
        """Dial somebody else's queue, or look how ours stands."""
        target = context.config["target"]
        if "queue" not in target:
            return _dial(context)
        name = context.strict_text(target["queue"]).strip()
        return Ask(QueueState(name, context.now), keep={"queue": name})

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Join the line, unless it is closed or full."""
        if not isinstance(answer, QueueStateAnswer):
            raise TypeError(f"A queue's state was asked for, and {type(answer).__name__} came.")
        config, name = filled(self.schema, context.config), context.kept["queue"]
        why = {"queue": name, "waiting": answer.waiting, "maximum_length": answer.maximum_length}
        if not answer.exists:
            return fail("queue_missing", f"There is no queue “{name}”; make it or choose another.", why=why)
        if not answer.is_open:
            opening = answer.next_opening_at
            return Take("out_of_hours", why={**why, "next_opening": opening and opening.isoformat()})
        if 0 < answer.maximum_length <= answer.waiting:
            return Take("full", why=why)
        wanted = config.get("maximum_wait_seconds") or answer.maximum_wait_seconds or context.limits.wait_seconds
        until = context.now + timedelta(seconds=min(wanted, context.limits.wait_seconds))
        words = _waiting_words(context, config, answer)
        placed = context.flow.steps[context.step]
        reason = context.text(config["note"]) or f"{context.flow.name}: {placed.name or placed.id}"
        enters = EnterQueue(
            name,
            priority=config["priority"],
            maximum_wait_seconds=int(config.get("maximum_wait_seconds", 0)),
            reason=reason,
        )
        first = [] if context.on_call or not words else [SendMessage(words, language=context.language)]
        keep = {"queue": name, "until": until.isoformat(), "words": words}
        return _wait(context, keep, [*first, enters], why)

    def resume(self, context: Context, event: Event) -> Outcome:
        """Leave as the people or the other system did, or wait on."""
        happened = event.happened
        if isinstance(happened, DialEnded):
            return dialled(happened)
        if isinstance(happened, TimerFired):
            ours = "queue" in context.config["target"]
            leaves = [LeaveQueue("timed_out")] if ours else []
            return Take("timed_out", effects=leaves, why={"reason": "The wait is over."})
        if isinstance(happened, CallPolled):
            return _wait(context, context.kept, [], {})
        outcome = happened.outcome if isinstance(happened, QueueLeft) else "closed"
        beside = context.config.get("goes_on") == "when_assigned"
        if outcome == "assigned" and not beside:
            # Somebody has it: from here on only their closing ends the wait, not the limit on waiting for them.
            until = context.now + timedelta(seconds=context.limits.wait_seconds)
            return _wait(context, {**context.kept, "until": until.isoformat(), "words": ""}, [], {"assigned": True})
        way = "timed_out" if outcome == "timed_out" else "assigned" if beside else "closed"
        return Take(way, why={"outcome": outcome, "result": getattr(happened, "result", "")})


def _wait(context: Context, keep: Mapping[str, Any], effects: Sequence[Effect], why: Mapping[str, Any]) -> Wait:
    """Wait for people; on a call the carrier is told something to say and comes back when it has said it."""
    said = [Say(keep["words"], language=context.language)] if keep["words"] and context.on_call else []
    until = datetime.fromisoformat(keep["until"])
    wait = Wait(("queue",), until=until, keep=keep, effects=[*effects, *said], why=why)
    return in_silence(context, wait, POLL_SECONDS)


def _waiting_words(context: Context, config: Mapping[str, Any], answer: QueueStateAnswer) -> str:
    """The author's words; on a call else the queue's own, which make no sense in a chat."""
    texts = config.get("waiting_text") or (answer.waiting_text if context.on_call else {})
    queue: dict[str, Value] = {"position": Decimal(answer.waiting + 1), "next_opening": answer.next_opening_at}
    return context.localised(texts, {"queue": queue}).strip() if texts else ""


def _dial(context: Context) -> Outcome:
    """Ring the other system; the run goes on when the call comes back."""
    if not context.on_call:
        kind = "call_ended" if context.facts.on_call else "not_a_call"
        return fail(kind, QUEUE_ERRORS[kind])
    config = filled(ForwardToQueueStep.schema, context.config)
    target = config["target"]
    if "number" in target:
        written = context.strict_text(target["number"])
        if (number := _e164(written)) is None:
            return fail("invalid_target", f"“{written[:60]}” is no telephone number with + and country code.")
        return dial(context, config, number=number)
    try:
        return dial(context, config, sip=whole_address(context, target["sip"], schemes=("sip:", "sips:")))
    except NotWhole as problem:
        return fail("invalid_target", str(problem))


def _e164(written: str) -> str | None:
    """A telephone number with country code, normalised; None when it can be none."""
    try:
        number = phonenumbers.parse(written.strip())
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
