"""The step `notify_team`: tells our own people, by e-mail or in their chat, with the address of the run."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from flows.context import Context
from flows.effect import CancelMessage, PostToTeam, SendEmail
from flows.event import Event, MessageAccepted, MessageFailed, TimerFired
from flows.form import filled, named, record, template, variants, yes_no
from flows.letters import (
    LETTER_ERRORS,
    MAIL_ERRORS,
    SEND_SECONDS,
    begin,
    go_on,
    recipients,
    recipients_field,
    subject_fault,
)
from flows.step import Config, Example, Exit, Group, Json, Outcome, Step, Take, fail

_BY_EMAIL = record(
    {
        "credential": named("credential", "Mail account", "A credential of the kind smtp: server, user and sender."),
        "to": recipients_field("To", "Who of the team gets it.", minimum=1),
        "subject": template("Subject", "One line.", default="Patchbay: {{ conversation.reference }}"),
    },
    required=["credential", "to"],
)
_BY_CHAT = record(
    {
        "credential": named(
            "credential", "Chat", "A credential of the kind chat_webhook: the address the chat gave you."
        )
    },
    required=["credential"],
)
_FIRST = "example/0/0"
_CHAT: Mapping[str, Any] = {"by": {"means": "chat", "credential": "team-chat"}, "text": "{{ contact.name }} waits."}
_MAIL: Mapping[str, Any] = {
    "by": {"means": "email", "credential": "mail", "to": ["team@example.com"], "subject": "Somebody waits"},
    "text": "{{ contact.name }} waits.",
}
_POSTED = PostToTeam("team-chat", "Anna waits.", with_link=True)


class NotifyTeamStep(Step):
    """Tells our own people that something happened, by e-mail or in the team's chat, and can add the address of the
    run. The flow goes on when the mail server or the chat has taken it; the contact sees nothing of it."""

    type: ClassVar[str] = "notify_team"
    title: ClassVar[str] = "Notify the team"
    group: ClassVar[Group] = "people"
    icon: ClassVar[str] = "bell-ringing"
    waits: ClassVar[bool] = True
    at_once: ClassVar[frozenset[str]] = frozenset({"success"})
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "by": variants(
                "Where",
                "Where the team reads it.",
                "means",
                {"email": ("By e-mail", _BY_EMAIL), "chat": ("In the team's chat", _BY_CHAT)},
            ),
            "text": template("Text", "What the team is told."),
            "link": yes_no(
                "Address of the run", "Whether the address of this run stands below the text.", default=True
            ),
            "send_timeout_seconds": SEND_SECONDS,
        },
        required=["by", "text"],
    )
    errors: ClassVar[Mapping[str, str]] = MAIL_ERRORS
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "In the team's chat",
            _CHAT,
            leaves_by="success",
            turns=[MessageAccepted(_FIRST)],
            contact={"name": "Anna"},
            effects=[_POSTED],
        ),
        Example(
            "By e-mail, without the address",
            {**_MAIL, "link": False},
            leaves_by="success",
            turns=[MessageAccepted(_FIRST)],
            contact={"name": "Anna"},
            effects=[SendEmail("mail", ("team@example.com",), "Somebody waits", "Anna waits.", to_team=True)],
        ),
        Example(
            "The chat refuses it",
            _CHAT,
            leaves_by="failure",
            turns=[MessageFailed(_FIRST, "provider_code", "The chat answered 404.")],
            contact={"name": "Anna"},
            error="provider_code",
        ),
        Example(
            "The chat is away",
            _CHAT,
            leaves_by="failure",
            turns=[TimerFired()],
            contact={"name": "Anna"},
            effects=[_POSTED, CancelMessage(_FIRST)],
            error="send_timeout",
        ),
        Example(
            "Nothing to tell", {**_CHAT, "text": "{{ contact.nickname }}"}, leaves_by="failure", error="empty_text"
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One."""
        return (Exit("success", "told"),)

    def summary(self, config: Config) -> str:
        """What is told."""
        return " ".join(str(config.get("text", "")).split()) or self.title

    def effective_limit(self, config: Config) -> float | None:
        """How long it may take until somebody has it."""
        return float(filled(self.schema, config)["send_timeout_seconds"])

    def run(self, context: Context) -> Outcome:
        """Tell them."""
        config = filled(self.schema, context.config)
        letter = _letter(context, config)
        return letter if isinstance(letter, Take) else begin(context, letter, config["send_timeout_seconds"])

    def resume(self, context: Context, event: Event) -> Outcome:
        """Leave when its fate is known."""
        return go_on(context, event, self.errors)


def _letter(context: Context, config: Mapping[str, Any]) -> SendEmail | PostToTeam | Take:
    """Raises: ExpressionError, TooLarge."""
    words, by = context.text(config["text"]).strip(), config["by"]
    if not words:
        return fail("empty_text", f"{LETTER_ERRORS['empty_text']} Give the values a default or add fixed words.")
    if by["means"] == "chat":
        return PostToTeam(by["credential"], words, with_link=config["link"])
    to = recipients(context, by["to"])
    if isinstance(to, Take):
        return to
    subject = context.text(by["subject"]).strip()
    if fault := subject_fault(subject):
        return fault
    return SendEmail(by["credential"], to, subject, words, with_link=config["link"], to_team=True)
