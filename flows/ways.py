"""By which of our numbers a message goes: where the contact wrote or called from, where they wrote last, or a list."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from flows.ask import Answer, WaysToContact, WaysToContactAnswer
from flows.context import Context
from flows.form import Schema, advanced, choice, named, rows, unique
from flows.step import Ask, Config, Problem, Take, fail

SAME: Final = ""
"""The way back: the number the contact wrote to or called."""

FIRST_TRY: Final = Take("success")
"""What came of the tries before the first one."""

_CHANNELS = {
    "same": "Where the contact wrote or called from",
    "preferred": "Where the contact wrote last, on whatever channel",
    "listed": "The numbers below, in their order",
}

WAY_FIELDS: Mapping[str, Schema] = {
    "channel": advanced(choice("Channel", "By which of our numbers it goes.", _CHANNELS, default="same")),
    "numbers": advanced(
        unique(
            rows(
                "Numbers",
                "Where one does not reach the contact, the next is tried.",
                named("number", "Number", "One of our numbers, chat pages or accounts that sends messages."),
                maximum=10,
            )
        )
    ),
}


def way_problems(config: Config) -> Sequence[Problem]:
    """A list that nobody filled in, and one that nobody asks for."""
    listed, numbers = config.get("channel") == "listed", config.get("numbers")
    if listed and not numbers:
        return [Problem("numbers_missing", "numbers", "No number is listed, so nothing can be sent.", "Add one.")]
    if numbers and not listed:
        mend = "Choose “the numbers below”, or remove them."
        return [Problem("numbers_unused", "numbers", "The listed numbers are not used.", mend, "warning")]
    return []


def most_ways(config: Config) -> int:
    """How many numbers are tried at most, one after the other."""
    return max(1, len(config.get("numbers", ()))) if config.get("channel") == "listed" else 1


def ask_ways(context: Context, config: Mapping[str, Any]) -> Ask | None:
    """The question by which numbers the contact can be reached; None where the message goes back where they are."""
    if config["channel"] == "same":
        return None
    numbers = tuple(config.get("numbers", ())) if config["channel"] == "listed" else ()
    return Ask(WaysToContact(str(context.facts.conversation.get("reference") or ""), numbers))


def open_ways(config: Mapping[str, Any], answer: Answer) -> Sequence[str] | Take:
    """The numbers that reach the contact, in the order to try them; the failure of a list of which none does."""
    if not isinstance(answer, WaysToContactAnswer):
        raise TypeError(f"The ways to the contact were asked for, and {type(answer).__name__} came.")
    reaching = [way.number for way in answer.ways if not way.error]
    if config["channel"] == "preferred":
        return reaching[:1] or [SAME]
    if reaching:
        return reaching
    kind = answer.ways[0].error if answer.ways else "channel_disconnected"
    return fail(kind, " ".join(way.message for way in answer.ways) or "No number is listed.")


def given_up(lost: Take) -> Take:
    """How a number failed to reach the contact, as the trace tells it of a step that goes on to the next one."""
    failure = {"kind": lost.failure.kind, "message": lost.failure.message} if lost.failure else {}
    return replace(lost, why={"goes_on_because": {**lost.why, **failure}})
