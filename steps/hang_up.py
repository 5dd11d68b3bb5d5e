"""The step `hang_up`: says its last words and ends the call."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from flows.context import Context
from flows.effect import HangUp, Say
from flows.form import advanced, localised, record, text
from flows.step import Config, Example, Group, Json, Medium, Outcome, Step, Take, fail
from flows.voice import spoken


class HangUpStep(Step):
    """Ends the call, after its last words if there are any. The flow goes on without the caller: it can still send
    messages or e-mails, but nothing that is said from here on is heard."""

    type: ClassVar[str] = "hang_up"
    title: ClassVar[str] = "Hang up"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "phone-off"
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "text": localised("Last words", "What is said before the call ends; leave it out to end it at once."),
            "voice": advanced(
                text("Voice", "The name of a voice of your provider; empty means its own choice.", default="")
            ),
        },
    )
    errors: ClassVar[Mapping[str, str]] = {"call_ended": "This conversation is no call, so there is nothing to end."}
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "Say goodbye",
            {"text": {"en": "Goodbye, {{ contact.name }}."}},
            leaves_by="next",
            contact={"name": "Anna"},
            on_call=True,
            effects=[Say("Goodbye, Anna.", language="en"), HangUp()],
        ),
        Example("Without a word", {}, leaves_by="next", on_call=True, effects=[HangUp()]),
        Example("A message has no end", {"text": {"en": "Bye"}}, leaves_by="failure", error="call_ended"),
    )

    def media_of(self, config: Config) -> frozenset[Medium]:
        """Calls only; the class says both, so that a caller who was faster does no harm."""
        return frozenset({"call"})

    def summary(self, config: Config) -> str:
        """The last words."""
        return next(iter(config.get("text", {}).values()), "") or self.title

    def run(self, context: Context) -> Outcome:
        """End the call; one that the caller has ended already is what the author wanted."""
        if not context.facts.on_call:
            return fail("call_ended", "This conversation is no call, so there is nothing to end.")
        if not context.on_call:
            return Take("next", why={"already": "The caller has hung up."})
        words = spoken(context, context.config.get("text", {}), voice=context.config.get("voice", ""))
        return Take("next", effects=[*([words] if words else []), HangUp()])
