"""What is around a simulated conversation: addresses that answer, messages that arrive, and what was said too early.

What becomes of a message is its fate: "" it is taken and delivered, "accepted" taken only, "nothing" neither, or the
error kind with which it fails.
"""

from collections.abc import Callable, Mapping, Sequence

from flows.ask import (
    AddressState,
    AddressStateAnswer,
    Answer,
    CalendarState,
    CalendarStateAnswer,
    FileState,
    FileStateAnswer,
    FlowVersion,
    FlowVersionAnswer,
    HttpAnswer,
    HttpRequest,
    PhonesOfContacts,
    PhonesOfContactsAnswer,
    QueueState,
    QueueStateAnswer,
    Request,
    Way,
    WaysToContact,
    WaysToContactAnswer,
    WebhookState,
    WebhookStateAnswer,
)
from flows.changed import changed
from flows.effect import Effect, PostToTeam, SendEmail, SendMessage, UpdateContact
from flows.event import (
    Attachment,
    CallerHungUp,
    Happening,
    MessageAccepted,
    MessageDelivered,
    MessageFailed,
    RecordingLost,
    RecordingStored,
)
from flows.facts import Facts
from flows.hanging_up import must_hang_up
from flows.interpreter import accepts
from flows.player.state import Simulated
from flows.values import Value

TAKEN, NOTHING = "accepted", "nothing"
Host = Callable[[str, Request], Answer | None]  # the answer to a step's request, None where it has none


def after_effects(state: Simulated, effects: Sequence[Effect], before: str) -> Simulated:
    """The conversation after a turn that is over; `before` is the key of its effects without their number."""
    for index, effect in enumerate(effects):
        if isinstance(effect, SendMessage):
            choices = {choice.label: choice.id for choice in effect.choices}
            state = changed(state, sent=f"{before}/{index}", sent_fate=state.fate, fate="", choices=choices)
        elif isinstance(effect, SendEmail | PostToTeam):
            state = changed(state, sent=f"{before}/{index}", sent_fate=state.fate, fate="")
        elif isinstance(effect, UpdateContact):
            state = changed(state, facts=_updated(state.facts, effect))
    return state


def take_answer(
    state: Simulated, request: Request, flows: Mapping[str, str], host: Host | None = None
) -> tuple[Simulated, Answer | None]:
    """The answer to a request, and the conversation without it; None when a person has to give it.

    flows: the versions of the flows that may be called, by their names. host: asked for what is not prepared.
    """
    step = state.run.stack[-1].step if state.run else ""
    prepared = state.answers.get(step, ())
    if prepared and isinstance(request, HttpRequest) == isinstance(prepared[0], HttpAnswer):
        return changed(state, answers={**state.answers, step: prepared[1:]}), prepared[0]
    if isinstance(request, HttpRequest) and state.next_answers:
        return changed(state, next_answers=state.next_answers[1:]), state.next_answers[0]
    answer = host(step, request) if host else None
    return state, _usual(request, flows) if answer is None else answer


def follows(state: Simulated) -> tuple[Simulated, Happening | None]:
    """What happens next by itself: messages leave and arrive, and kept ones are read."""
    run = state.run
    if run is None or run.waiting is None:
        return state, None
    awaited, fate = run.waiting.accepts, state.sent_fate
    if must_hang_up(run):
        return state, CallerHungUp()
    if "stored" in awaited and "recorded" not in awaited:  # it was recorded already
        recording = str(run.waiting.keep.get("effect", ""))
        if state.fate not in {"", TAKEN, NOTHING}:
            return changed(state, fate=""), RecordingLost(recording, "You said so.")
        return state, RecordingStored(recording, Attachment("audio/wav", "recording.wav", file="0" * 64))
    if state.sent:
        if fate not in {"", TAKEN, NOTHING} and "failed" in awaited:
            return changed(state, sent_fate=NOTHING), MessageFailed(state.sent, fate, "You said so.")
        if fate != NOTHING and "accepted" in awaited:
            return state, MessageAccepted(state.sent)
        if fate == "" and "delivered" in awaited:
            return state, MessageDelivered(state.sent)
    if state.kept and accepts(run, state.kept[0]):
        return changed(state, kept=state.kept[1:]), state.kept[0]
    return state, None


def _usual(request: Request, flows: Mapping[str, str]) -> Answer | None:
    """What is answered where nothing is prepared: everything is there, and open."""
    if isinstance(request, CalendarState):
        return CalendarStateAnswer(exists=True, state="open")
    if isinstance(request, QueueState):
        return QueueStateAnswer(exists=True)
    if isinstance(request, AddressState):
        return AddressStateAnswer("nobody")
    if isinstance(request, WebhookState):
        return WebhookStateAnswer()
    if isinstance(request, FileState):
        return FileStateAnswer("1", "audio/wav", request.file)
    if isinstance(request, PhonesOfContacts):
        return PhonesOfContactsAnswer(("+48500100100",) * len(request.addresses))
    if isinstance(request, WaysToContact):
        return WaysToContactAnswer(tuple(Way(name) for name in request.numbers))
    if isinstance(request, FlowVersion):
        missing = f"The flow “{request.flow}” was not given."
        return FlowVersionAnswer(flows.get(request.flow, ""), "" if request.flow in flows else missing)
    return None


def _updated(facts: Facts, effect: UpdateContact) -> Facts:
    """The facts after an update; consent is as of now, and a segment that a contact joins is one of theirs."""
    contact = dict(facts.contact)
    held = contact.get("attributes")
    attributes = {**(held if isinstance(held, dict) else {}), **effect.attributes}
    contact["attributes"] = {name: value for name, value in attributes.items() if value is not None}
    told = {"name": effect.name, "language": effect.language, "zone": effect.zone, **effect.addresses}
    told |= {"account_manager": effect.account_manager, "consent": effect.consent or None}
    contact |= {name: value for name, value in told.items() if value is not None}
    if effect.joins or effect.leaves:
        before = contact.get("segments")
        staying: list[Value] = [one for one in before if one not in effect.leaves] if isinstance(before, list) else []
        contact["segments"] = [*staying, *(one for one in effect.joins if one not in staying)]
    return changed(facts, contact=contact, language=effect.language or facts.language)
