"""The two flows of the properties: as the model reads them, and as documents whose every text shows their version."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from tests.app.drawn import Document, asks, drawn, forwards, placed, starts_with


@dataclass(frozen=True)
class Step:
    """A step: ask, send or queue. `seconds`: its limit, of a question and of a delivery counted from the sending."""

    kind: str
    text: str = ""
    seconds: int = 0
    waits_for: str = "nothing"  # of a sent message: accepted, delivered
    exits: Mapping[str, str] = field(default_factory=lambda: {"success": "end"})


Flow = Mapping[str, Step]
"""The steps by their names; a run begins at the first."""

INTERVIEW: Final[Flow] = {
    "ask": Step("ask", "your name?", 70, exits={"reply": "thanks", "timed_out": "late", "failure": "people"}),
    "thanks": Step("send", "thanks {name}", 0, "accepted", {"success": "people", "failure": "people"}),
    "people": Step("queue", "", 130, exits={"closed": "bye", "timed_out": "sorry"}),
    "bye": Step("send", "goodbye"),
    "sorry": Step("send", "nobody is free"),
    "late": Step("send", "too late"),
}
NOTICE: Final[Flow] = {
    "notice": Step(
        "send", "read this", 50, "delivered", {"success": "got", "not_delivered": "lost", "failure": "lost"}
    ),
    "got": Step("send", "you have it"),
    "lost": Step("send", "it got lost"),
}
FLOWS: Final[Mapping[str, Flow]] = {"both": INTERVIEW, "lookup": NOTICE}
"""By the number that they answer: neither provider leaves an outcome unknown."""


def document_of(flow: Flow, label: str, number: str) -> Document:
    """The flow as an author drew it, live on this number; its texts begin with the label."""
    first = next(iter(flow))
    steps = {name: _placed(step, f"{label}: {step.text}") for name, step in flow.items()}
    return drawn(first, {"in": starts_with(number, first), **steps})


def _placed(step: Step, text: str) -> dict[str, Any]:
    if step.kind == "ask":
        return asks(text, step.exits["reply"], "name", step.exits["timed_out"], time_limit_seconds=step.seconds) | {
            "exits": {**step.exits, "invalid": "end"}
        }
    if step.kind == "queue":
        return forwards(
            to=step.exits["closed"],
            maximum_wait_seconds=step.seconds,
            exits={"timed_out": step.exits["timed_out"], "full": "end", "out_of_hours": "end"},
        )
    config: dict[str, Any] = {"text": {"en": text.format(name="{{ name }}")}, "wait_for": step.waits_for}
    if step.seconds:
        config["delivery_timeout_seconds"] = step.seconds
    return placed("send_message", config, **step.exits)
