"""The trigger `incoming_call`: a caller reaches one of our numbers."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.context import LANGUAGE, Context
from flows.effect import LimitCall, Reject
from flows.event import CallStarted
from flows.form import LANGUAGE_PATTERN, advanced, named, record, rows, seconds, text, unique
from flows.step import Claim, Config, Example, Finish, Json, Medium, Outcome, Take, Trigger
from flows.values import ValueType

_CALLERS = r"^(\+?[0-9 ]{1,30}\*?|anonymous)$"
_CALL = CallStarted("CA1", "+48500100100", "+48221234567")


def _callers(title: str, help_text: str) -> dict[str, Json]:
    caller = text(
        "Caller",
        "A number such as +48500100100, a beginning such as +48*, or anonymous.",
        pattern=_CALLERS,
        says="a telephone number, a beginning with *, or anonymous",
    )
    return advanced(unique(rows(title, help_text, caller, maximum=500)))


class IncomingCallTrigger(Trigger):
    """Starts the flow when somebody calls one of these numbers. A caller you do not let in is rejected before the call
    is answered."""

    type: ClassVar[str] = "incoming_call"
    title: ClassVar[str] = "Incoming call"
    icon: ClassVar[str] = "phone-incoming"
    media: ClassVar[frozenset[Medium]] = frozenset({"call"})
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "numbers": unique(
                rows(
                    "Numbers",
                    "The numbers of ours this flow answers.",
                    named("number", "Number", "One of our numbers."),
                    minimum=1,
                )
            ),
            "allow": _callers("Only these callers", "When filled, everybody else is rejected."),
            "deny": _callers("Never these callers", "They are rejected."),
            "language": text(
                "Language",
                "What is spoken to callers whose language is not known; empty means the number's.",
                default="",
                pattern=f"^$|{LANGUAGE_PATTERN}",
                says='a language code such as "en" or "pt-BR"',
            ),
            "maximum_duration_seconds": advanced(
                seconds(
                    "Longest call",
                    "After this time the call is ended as if the caller had hung up.",
                    minimum=10,
                    maximum=86_400,
                )
            ),
        },
        required=["numbers"],
    )
    examples: ClassVar[Sequence[Example]] = (
        Example("Anybody may call", {"numbers": ["support-line"]}, leaves_by="next", turns=[_CALL], on_call=True),
        Example(
            "A caller who is not let in",
            {"numbers": ["support-line"], "deny": ["+48500*"]},
            leaves_by="end",
            turns=[_CALL],
            on_call=True,
            effects=[Reject()],
        ),
        Example(
            "Only known callers",
            {"numbers": ["support-line"], "allow": ["+48 500 100 100"]},
            leaves_by="next",
            turns=[_CALL],
            on_call=True,
        ),
        Example(
            "In the number's own language",
            {"numbers": ["support-line"], "language": "pl"},
            leaves_by="next",
            turns=[_CALL],
            on_call=True,
            sets={"language": "pl"},
        ),
    )

    def summary(self, config: Config) -> str:
        """The numbers."""
        return ", ".join(config.get("numbers", ()))

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The language, which is set only for callers who speak none of the flow's."""
        return [(LANGUAGE, "text", ())] if config.get("language") else ()

    def claims(self, config: Config) -> Sequence[Claim]:
        """All calls of its numbers."""
        return [Claim("calls", tuple(config.get("numbers", ())))]

    def matches(self, config: Config, context: Context) -> int | None:
        """A call of one of its numbers, whoever calls: a caller who is not let in is rejected, not passed on."""
        is_ours = context.facts.conversation.get("number") in config.get("numbers", ())
        return 1 if is_ours and isinstance(context.event.happened, CallStarted) else None

    def run(self, context: Context) -> Outcome:
        """Let the caller in, or reject the call."""
        happened = context.event.happened
        caller = happened.caller if isinstance(happened, CallStarted) else ""
        allow, deny = context.config.get("allow", ()), context.config.get("deny", ())
        if _is_among(caller, deny) or (allow and not _is_among(caller, allow)):
            return Finish("rejected", effects=[Reject()], why={"caller": caller, "rejected": True})
        language = context.config.get("language", "")
        speaks = context.facts.contact.get("language") in context.flow.languages
        longest = context.config.get("maximum_duration_seconds")
        return Take(
            "next",
            sets={LANGUAGE: language} if language and not speaks else {},
            effects=[LimitCall(longest)] if longest else [],
        )


def _is_among(caller: str, callers: Sequence[str]) -> bool:
    written = caller.replace(" ", "") or "anonymous"
    return any(
        written.startswith(known[:-1]) if known.endswith("*") else written == known
        for known in (entry.replace(" ", "") for entry in callers)
    )
