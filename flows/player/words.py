"""What the player prints: effects as the contact or the desk would meet them, and the trace in one line a step."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from flows.ask import HttpRequest, Request
from flows.document import Flow
from flows.effect import (
    CancelMessage,
    Dial,
    Effect,
    EnterQueue,
    Gather,
    HangUp,
    LabelConversation,
    LeaveQueue,
    Pause,
    Phone,
    Play,
    PostToTeam,
    Record,
    Reject,
    Say,
    SendEmail,
    SendMessage,
    UpdateContact,
)
from flows.trace import Entry
from flows.values import Value, to_text

LONGEST = 100


def effect_lines(effect: Effect) -> Iterator[str]:
    """What one effect looks like."""
    if isinstance(effect, SendMessage):
        yield from _message(effect)
    elif isinstance(effect, Gather):
        for prompt in effect.prompts:
            yield from effect_lines(prompt)
        how = " or ".join(word for word, wanted in (("keys", effect.keys), ("speech", effect.speech)) if wanted)
        yield f"  (waits {effect.timeout_seconds} s for {how})"
    else:
        yield from _ONE_LINE[type(effect)](effect)


def trace_line(flow: Flow, entry: Entry) -> str:
    """One visited step: where it left, what it set, why it failed."""
    parts = [f"  · {_title(flow, entry)}"]
    if "came_by" in entry:
        parts.append(f"({entry['came_by']})")
    went = "waits" if "waits" in entry else "runs a flow" if "enters" in entry else ""
    parts.append(f"→ {entry['exit']}" if entry["exit"] else went)
    parts += [f"{key} = {_short(value)}" for key, value in entry["set"].items()]
    if "failure" in entry:
        parts.append(f"[{entry['failure']['kind']}: {entry['failure']['message']}]")
    if entry["missing"]:
        parts.append(f"(no value: {', '.join(entry['missing'])})")
    return " ".join(part for part in parts if part)


def failure_lines(flow: Flow, entry: Entry) -> Iterator[str]:
    """Why a step failed, as the errors page shows it; nothing for one that did not."""
    if failure := entry.get("failure"):
        yield f"! {_title(flow, entry)}: {failure['message']} ({failure['kind']})"


def request_lines(request: Request) -> Iterator[str]:
    """What the flow asks for."""
    if isinstance(request, HttpRequest):
        yield f"? {request.method} {request.url}"
        if request.body:
            yield f"    {_short(request.body)}"


def outputs_lines(outputs: Mapping[str, Value]) -> Iterator[str]:
    """What a flow gives back to the one that runs it; nothing for most."""
    if outputs:
        yield f"(It gives back {', '.join(f'{name} = {_short(to_text(value))}' for name, value in outputs.items())}.)"


def _title(flow: Flow, entry: Entry) -> str:
    placed = flow.steps.get(entry["step"])
    return (placed.name if placed else "") or entry["step"]


def _message(effect: SendMessage) -> Iterator[str]:
    way = f" ({effect.number})" if effect.number else ""
    for index, line in enumerate((effect.text or "(no text)").splitlines()):
        yield f"< {line}{way}" if index == 0 else f"  {line}"
    for item in effect.media:
        yield f"  [file: {item.name or item.url or item.file}]"
    for choice in effect.choices:
        yield f"  [{choice.label}]"


def _dial(effect: Dial) -> Iterator[str]:
    headers = "".join(f" {name}: {value}" for name, value in sorted(effect.headers.items()))
    phones = ", ".join(phone.number or phone.sip for phone in (Phone(effect.number, effect.sip), *effect.also))
    yield f"  (forwards to {phones}{headers}; /dial says how it ends)"
    if effect.whisper is not None:
        yield f"  (whoever answers hears first: {effect.whisper.text})"


def _enter(effect: EnterQueue) -> Iterator[str]:
    after = "; /assign and /close are theirs" if effect.run_waits else ""
    because = f" – {effect.reason}" if effect.reason else ""
    yield f"  (people get it: queue {effect.queue}{because}{after})"


def _update(effect: UpdateContact) -> Iterator[str]:
    for name, value in sorted(effect.attributes.items()):
        yield f"  (the contact's {name} is now {_short(value)})"


def _label(effect: LabelConversation) -> Iterator[str]:
    labels = [effect.category, *effect.tags, effect.result]
    yield f"  (labels the conversation: {', '.join(label for label in labels if label)})"


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


_ONE_LINE: Mapping[type, Any] = {
    Say: lambda effect: [f"says: {effect.text}"],
    Play: lambda effect: [f"plays: {effect.url or effect.name or effect.file}"],
    Pause: lambda effect: [f"  (silent for {effect.seconds} s; /wait goes on)"],
    HangUp: lambda _: ["  (hangs up)"],
    Reject: lambda effect: [f"  (refuses the call: {effect.reason})"],
    Dial: _dial,
    Record: lambda effect: [f"  (records for at most {effect.maximum_seconds} s; /record says how long it became)"],
    EnterQueue: _enter,
    LeaveQueue: lambda effect: [f"  (leaves the queue: {effect.outcome})"],
    UpdateContact: _update,
    LabelConversation: _label,
    CancelMessage: lambda _: ["  (cancels its message, had it not left yet)"],
    SendEmail: lambda effect: [f"  (e-mail to {', '.join(effect.to)}: {effect.subject or _short(effect.text)})"],
    PostToTeam: lambda effect: [f"  (posts to the team: {_short(effect.text)})"],
}
