"""Small kinds of step for the tests of the checks, where it matters what they say about a config, not what they do."""

from collections.abc import Mapping, Sequence
from typing import Any

from flows import form
from flows.document import Flow, from_data
from flows.step import Claim, Config, Exit, Problem, Step, Trigger
from flows.values import ValueType

_TEXT = form.localised("Text", "What is said.")
_SOUND = form.named("file", "Sound", "What is played.", media_types=["audio/wav"])
_NUMBERS = form.rows("Numbers", "What it answers.", form.named("number", "Number", "One number."), 1)


class CallIn(Trigger):
    """A call comes in."""

    type, title, icon, media = "call_in", "Call", "phone", frozenset({"call"})
    schema = form.record({"numbers": _NUMBERS}, ["numbers"])

    def claims(self, config: Config) -> Sequence[Claim]:
        return [Claim("calls", tuple(config["numbers"]))]


class MessageIn(Trigger):
    """A message comes in."""

    type, title, icon, media = "message_in", "Message", "mail", frozenset({"messages"})
    schema = form.record(
        {"numbers": _NUMBERS, "keywords": form.rows("Keywords", "Words.", form.text("Keyword", "A word."))}, ["numbers"]
    )

    def claims(self, config: Config) -> Sequence[Claim]:
        return [Claim("messages", tuple(config["numbers"]), tuple(config.get("keywords", ())))]


class Speak(Step):
    """Says a text on a call."""

    type, title, group, icon = "speak", "Speak", "talk", "speakerphone"
    media, talks = frozenset({"call"}), True
    schema = form.record({"text": _TEXT, "sound": _SOUND}, ["text"])


class Send(Step):
    """Sends a text; works on calls too."""

    type, title, group, icon, talks = "send", "Send", "talk", "send", True
    schema = form.record(
        {
            "text": _TEXT,
            "to": form.template("To", "A queue.", names="queue", extra=["queue"]),
            "by": form.named("number", "By", "A number."),
        },
        ["text"],
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        return (Exit("success"),)


class Question(Step):
    """Asks, and waits for the answer."""

    type, title, group, icon = "question", "Question", "talk", "help"
    media, talks, waits = frozenset({"messages"}), True, True
    schema = form.record(
        {
            "text": _TEXT,
            "variable": form.variable("Variable", "Where the answer goes."),
            "limit": form.seconds("Time limit", "How long it waits; 0 is for ever."),
        },
        ["text"],
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        return (Exit("reply"), Exit("timed_out", "timed out"))

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        return [(config["variable"], "text", ["reply"])] if "variable" in config else []

    def effective_limit(self, config: Config) -> float | None:
        return float(config.get("limit", 60)) or float("inf")


class Pause(Step):
    """Waits, on calls and messages alike, unless its time is nought."""

    type, title, group, icon, waits = "pause", "Pause", "decide", "clock", True
    schema = form.record({"seconds": form.seconds("Seconds", "How long.")})

    def effective_limit(self, config: Config) -> float | None:
        return config.get("seconds", 1) or None


class Put(Step):
    """Sets a variable."""

    type, title, group, icon, format = "put", "Put", "data", "variable", 2
    schema = form.record(
        {
            "name": form.variable("Name", "What is set."),
            "value": form.value("Value", "What it becomes."),
            "kind": form.choice("Type", "What it is.", {"text": "Text", "number": "Number"}),
        },
        ["name", "value"],
    )

    def upgrade(self, config: Config, format: int) -> Config:
        return {("name" if key == "variable" else key): value for key, value in config.items()}

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        return [(config["name"], config.get("kind"), ["next"])]


class Fetch(Step):
    """Asks another system; sets its variable when that succeeds."""

    type, title, group, icon = "fetch", "Fetch", "data", "cloud"
    schema = form.record(
        {
            "url": form.address("Address", "Where."),
            "credential": form.named("credential", "Credential", "Which key."),
            "variable": form.variable("Variable", "Where the answer goes."),
            "headers": form.rows(
                "Headers",
                "Sent along.",
                form.record(
                    {"name": form.text("Name", "Its name."), "value": form.header_value("Value", "Its value.")},
                    ["name"],
                ),
            ),
            "body": form.body("Body", "What is sent."),
        },
        ["url"],
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        return (Exit("success"), Exit("not_found", "not found"))

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        return [(config["variable"], None, ["success"])] if "variable" in config else []


class Fork(Step):
    """Takes the exit of the first case that holds."""

    type, title, group, icon = "fork", "Fork", "decide", "git-branch"
    schema = form.record(
        {
            "cases": form.rows(
                "Cases",
                "In order.",
                form.record(
                    {
                        "id": form.exit_id("Exit", "Its exit."),
                        "value": form.value("Value", "What is compared."),
                        "as": form.choice("As", "As what.", {"text": "Text", "number": "Number", "any": "Any"}),
                        "operator": form.text("Operator", "How."),
                        "operand": form.value("Operand", "With what."),
                    },
                    ["id"],
                ),
            )
        }
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        return (*(Exit(case["id"]) for case in config.get("cases", ())), Exit("otherwise"))


class People(Step):
    """Hands the conversation to people."""

    type, title, group, icon, waits = "people", "People", "people", "users", True
    at_once = frozenset({"full"})
    schema = form.record(
        {
            "queue": form.named("queue", "Queue", "Which queue."),
            "goes_on": form.choice("Goes on", "When.", {"when_closed": "Closed", "when_assigned": "Assigned"}),
        },
        ["queue"],
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        return (Exit("assigned" if config.get("goes_on") == "when_assigned" else "closed"), Exit("full"))

    def effective_limit(self, config: Config) -> float | None:
        return 600.0

    def problems(self, config: Config) -> Sequence[Problem]:
        return (
            [Problem("odd_queue", "queue", "The queue is odd.", "Even it.", "hint")] if "odd" in config["queue"] else []
        )


class Loop(Step):
    """Goes round a number of times."""

    type, title, group, icon = "loop", "Loop", "decide", "repeat"
    schema = form.record({})

    def exits(self, config: Config) -> Sequence[Exit]:
        return (Exit("each"), Exit("done"))


class Broken(Step):
    """A plugin's step whose code has a fault."""

    type, title, group, icon = "broken", "Broken", "data", "bug"
    schema = form.record({})

    def exits(self, config: Config) -> Sequence[Exit]:
        raise RuntimeError("no luck")


KINDS: Mapping[str, Step] = {
    kind.type: kind()
    for kind in (CallIn, MessageIn, Speak, Send, Question, Pause, Put, Fetch, Fork, People, Loop, Broken)
}


def flow(steps: Mapping[str, Any], **keys: Any) -> Flow:
    """A flow of short steps, each (type, config, exits); what a format-2 `put` is, is said for it."""
    placed = {
        id: {"type": type, "config": config, "exits": exits} | ({"format": 2} if type == "put" else {})
        for id, (type, config, exits) in steps.items()
    }
    return from_data({"format": 1, "name": "Test", "languages": ["en"], "steps": placed, **keys})
