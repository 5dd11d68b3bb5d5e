"""The trigger `incoming_message`: a contact writes to one of our numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import ClassVar

from flows.context import Context
from flows.event import MessageReceived, message_values
from flows.expression import ExpressionError
from flows.form import advanced, choice, filled, length, named, record, rows, text, unique, value, whole, yes_no
from flows.phrase_mode import PHRASE_MODE
from flows.phrases import contains_phrase
from flows.step import Claim, Config, Example, Json, Medium, Outcome, Problem, Take, Trigger
from flows.values import TooLarge

_MATCH = {
    "any": "Any message",
    "keywords": "Messages with certain words",
    "expression": "Messages for which an expression says yes",
}
# Keywords come before any (DESIGN §4); an author's expression is as deliberate, but looser.
_BY_KEYWORD, _BY_EXPRESSION, _ANY = 2_000, 1_000, 0
_HELLO = MessageReceived("Hello, I want to track my order")


class IncomingMessageTrigger(Trigger):
    """Starts the flow when somebody writes to one of these numbers, chat pages or messenger accounts: with any
    message, or only with certain words. A trigger with words goes before one that takes any message."""

    type: ClassVar[str] = "incoming_message"
    title: ClassVar[str] = "Incoming message"
    icon: ClassVar[str] = "message"
    media: ClassVar[frozenset[Medium]] = frozenset({"messages"})
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "numbers": unique(
                rows(
                    "Numbers",
                    "The numbers, chat pages or accounts of ours this flow answers.",
                    named("number", "Number", "One of our numbers, chat pages or accounts."),
                    minimum=1,
                )
            ),
            "match": choice("Starts with", "Which messages start this flow.", _MATCH, default="any"),
            "keywords": unique(
                rows(
                    "Words",
                    "One of these must stand in the message.",
                    length(
                        text("Word or phrase", "Such as “track my order”.", pattern=r"\S", says="a word or more"),
                        maximum=200,
                    ),
                    maximum=500,
                )
            ),
            "mode": PHRASE_MODE,
            "expression": advanced(
                value("Expression", "{{ … }} that gives yes or no, such as {{ message.media | length > 0 }}.")
            ),
            "priority": advanced(
                whole("Priority", "Among triggers with words the higher one wins.", minimum=0, maximum=999, default=0)
            ),
            "interrupts": advanced(
                yes_no(
                    "Interrupts", "Whether such words end a flow that is under way with this contact.", default=False
                )
            ),
        },
        required=["numbers"],
    )
    examples: ClassVar[Sequence[Example]] = (
        Example("Any message", {"numbers": ["web-chat"]}, leaves_by="next", turns=[_HELLO]),
        Example(
            "Only with certain words",
            {"numbers": ["web-chat"], "match": "keywords", "keywords": ["track my order"], "interrupts": True},
            leaves_by="next",
            turns=[_HELLO],
        ),
    )

    def summary(self, config: Config) -> str:
        """The numbers, and what a message must be like."""
        numbers = ", ".join(config.get("numbers", ()))
        wanted = {"keywords": ", ".join(config.get("keywords", ())), "expression": config.get("expression", "")}
        wants = wanted.get(config.get("match", "any"), "")
        return f"{numbers}: {wants}" if wants else numbers

    def problems(self, config: Config) -> Sequence[Problem]:
        """A way of matching that was chosen but not filled in."""
        match = config.get("match", "any")
        if match == "keywords" and not config.get("keywords"):
            return [
                Problem(
                    "keywords_missing", "keywords", "No words are given, so no message can start this flow.", "Add one."
                )
            ]
        if match == "expression" and not config.get("expression"):
            return [
                Problem(
                    "expression_missing", "expression", "The expression is empty.", "Write one, or take any message."
                )
            ]
        if config.get("interrupts") and match != "keywords":
            sentence = "Only words can interrupt a flow under way; any message would end every flow at once."
            return [Problem("interrupts_needs_words", "interrupts", sentence, "Choose words, or turn it off.")]
        return []

    def claims(self, config: Config) -> Sequence[Claim]:
        """Its words on its numbers; with an expression it may want any message."""
        full = filled(self.schema, config)
        words = tuple(full.get("keywords", ())) if full["match"] == "keywords" else ()
        interrupts = bool(words) and full["interrupts"]
        return [Claim("messages", tuple(full.get("numbers", ())), words, full["priority"], interrupts)]

    def matches(self, config: Config, context: Context) -> int | None:
        """Words before an expression before any; an expression that cannot be worked out does not match."""
        full = filled(self.schema, config)
        happened = context.event.happened
        if not isinstance(happened, MessageReceived) or context.facts.conversation.get("number") not in full["numbers"]:
            return None
        if full["match"] == "keywords":
            words, language = full.get("keywords", ()), context.language
            hit = any(contains_phrase(happened.text, word, full["mode"], language) for word in words)
            return _BY_KEYWORD + int(full["priority"]) if hit else None
        if full["match"] == "expression":
            return (
                _BY_EXPRESSION + int(full["priority"])
                if _is_true(context, happened, full.get("expression", ""))
                else None
            )
        return _ANY

    def run(self, context: Context) -> Outcome:
        """Go on to the first step."""
        return Take("next")


def _is_true(context: Context, happened: MessageReceived, expression: str) -> bool:
    """Whether an expression says yes, read with the message that may begin a run."""
    heard = replace(context.run, message=message_values(happened, context.event.at))
    try:
        return replace(context, run=heard).value(expression) is True
    except (ExpressionError, TooLarge):
        return False
