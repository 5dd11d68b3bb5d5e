"""Small flows for the runtime's tests, as data."""

from collections.abc import Mapping
from typing import Any

Step = dict[str, Any]
Document = dict[str, Any]


def drawn(name: str, steps: Mapping[str, Step], **more: Any) -> Document:
    """A flow of these steps."""
    return {"format": 1, "name": name, "languages": ["en"], "steps": dict(steps), **more}


def placed(type: str, config: Mapping[str, Any], **exits: str) -> Step:
    """A placed step."""
    return {"type": type, "config": dict(config), "exits": exits}


def starts_with(number: str, to: str, *keywords: str, **config: Any) -> Step:
    """A trigger on one number; with keywords, only with these."""
    words = {"match": "keywords", "keywords": list(keywords)} if keywords else {}
    return placed("incoming_message", {"numbers": [number], **words, **config}, next=to)


def sends(text: str, to: str = "end", wait_for: str = "nothing", **exits: str) -> Step:
    """Sends a text and, unless told otherwise, waits for nothing."""
    return placed("send_message", {"text": {"en": text}, "wait_for": wait_for}, success=to, **exits)


def asks(text: str, to: str = "end", variable: str = "answer", timed_out: str = "end", **config: Any) -> Step:
    """Asks for a text."""
    full = {"text": {"en": text}, "answer": {"kind": "text"}, "variable": variable, **config}
    return placed("ask_question", full, reply=to, invalid="end", timed_out=timed_out)


def forwards(queue: str = "standard", to: str = "end", **config: Any) -> Step:
    """Hands the conversation to people."""
    leaves = {"timed_out": "end", "full": "end", "out_of_hours": "end"}
    if config.get("goes_on") == "when_assigned":
        return placed("forward_to_queue", {"target": {"queue": queue}, **config}, assigned=to, **leaves)
    leaves |= config.pop("exits", {})
    return placed("forward_to_queue", {"target": {"queue": queue}, **config}, closed=to, **leaves)


def fetches(url: str, to: str = "end", **config: Any) -> Step:
    """Asks another system; whatever it says, the flow goes on."""
    return placed("fetch_variable", {"url": url, **config}, success=to, not_found=to, failure=to)


def echo(number: str, name: str = "Echo") -> Document:
    """Answers every message with its own words, and that is all of a run."""
    return drawn(name, {"in": starts_with(number, "out"), "out": sends("echo {{ message.text }}")})


def interview(number: str, name: str = "Interview", **config: Any) -> Document:
    """Asks for a name and greets."""
    return drawn(
        name,
        {
            "in": starts_with(number, "ask"),
            "ask": asks("Your name?", to="greet", variable="name", timed_out="late", **config),
            "greet": sends("Hello {{ name }}"),
            "late": sends("Too late"),
        },
    )


def desk(number: str, name: str = "Desk", **config: Any) -> Document:
    """Forwards to the queue `standard` and says goodbye when people have closed."""
    return drawn(
        name,
        {
            "in": starts_with(number, "people"),
            "people": forwards(to="bye", exits={"timed_out": "sorry", "full": "sorry"}, **config),
            "bye": sends("Goodbye"),
            "sorry": sends("Nobody is free"),
        },
    )


def three(number: str) -> Document:
    """Says three messages, one after the other."""
    steps = {
        "in": starts_with(number, "a"),
        "a": sends("first", to="b"),
        "b": sends("second", to="c"),
        "c": sends("third"),
    }
    return drawn("Three", steps)
