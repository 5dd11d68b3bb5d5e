"""The step `send_email`: writes an e-mail to anybody, with files, and goes on when the mail server has taken it."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from flows.context import Context
from flows.effect import CancelMessage, SendEmail
from flows.event import Attachment, Event, MessageAccepted, MessageFailed, TimerFired
from flows.form import Schema, advanced, filled, localised, named, record, rows, text, value
from flows.letters import MAIL_ERRORS, SEND_SECONDS, begin, go_on, recipients, recipients_field, subject_fault
from flows.step import Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import Value

_HASH: Final = re.compile("[0-9a-f]{64}")
_FILES: Schema = advanced(
    rows(
        "Files",
        "What goes with the e-mail.",
        record(
            {
                "file": named("file", "Stored file", "A file that was uploaded, by its sha256."),
                "recording": value("Recording", "A variable that a step recorded into, such as {{ recording }}."),
                "name": text("Name", "The file's name as the recipient sees it.", default=""),
            },
            exactly_one_of=["file", "recording"],
        ),
        maximum=10,
    )
)
_FIRST = "example/0/0"
_WORDS: Mapping[str, Any] = {
    "credential": "mail",
    "to": ["{{ contact.email }}"],
    "subject": {"en": "Your order"},
    "text": {"en": "Hello {{ contact.name }}"},
}
_ANNA: Mapping[str, Value] = {"name": "Anna", "email": "anna@example.com"}
_SENT = SendEmail("mail", ("anna@example.com",), "Your order", "Hello Anna")


class SendEmailStep(Step):
    """Sends an e-mail by the mail account of a credential (kind “smtp”), to the contact or to anybody else. The flow
    goes on when the mail server has taken it. In the formatted text each value stands as text, whatever is in it. An
    e-mail that comes back later is shown on the errors page."""

    type: ClassVar[str] = "send_email"
    title: ClassVar[str] = "Send an e-mail"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "mail"
    waits: ClassVar[bool] = True
    at_once: ClassVar[frozenset[str]] = frozenset({"success"})
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "credential": named(
                "credential", "Mail account", "A credential of the kind smtp: server, user and sender."
            ),
            "to": recipients_field("To", "Who gets it; each address once.", minimum=1),
            "cc": advanced(recipients_field("Copy", "Who gets a copy, seen by all.")),
            "bcc": advanced(recipients_field("Blind copy", "Who gets a copy that the others do not see.")),
            "subject": localised("Subject", "One line, per language."),
            "text": localised("Text", "What is written, per language; made of the formatted text when it is empty."),
            "html": advanced(localised("Formatted text", "The same in HTML; each value stands in it as text.")),
            "files": _FILES,
            "send_timeout_seconds": SEND_SECONDS,
        },
        required=["credential", "to", "subject"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        **MAIL_ERRORS,
        "opted_out": "A recipient asked not to be written to any more.",
        "media_too_large": "The files are larger than an e-mail may be.",
        "media_unreachable": "A file is not stored here, or the variable holds no recording.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "The mail server takes it",
            _WORDS,
            leaves_by="success",
            turns=[MessageAccepted(_FIRST)],
            contact=_ANNA,
            effects=[_SENT],
        ),
        Example(
            "Formatted, a value is only ever text",
            {**_WORDS, "html": {"en": "<p>Hello {{ contact.name }}</p>"}},
            leaves_by="success",
            turns=[MessageAccepted(_FIRST)],
            contact={**_ANNA, "name": "<b>Anna</b>"},
            effects=[
                SendEmail(
                    "mail",
                    ("anna@example.com",),
                    "Your order",
                    "Hello <b>Anna</b>",
                    html="<p>Hello &lt;b&gt;Anna&lt;/b&gt;</p>",
                )
            ],
        ),
        Example(
            "The password is wrong",
            _WORDS,
            leaves_by="failure",
            turns=[MessageFailed(_FIRST, "smtp_auth")],
            contact=_ANNA,
            error="smtp_auth",
        ),
        Example(
            "The recipient's server refuses it",
            _WORDS,
            leaves_by="failure",
            turns=[MessageFailed(_FIRST, "bounced", "550 There is no such user.")],
            contact=_ANNA,
            error="bounced",
        ),
        Example(
            "The mail server is away",
            _WORDS,
            leaves_by="failure",
            turns=[TimerFired()],
            contact=_ANNA,
            effects=[_SENT, CancelMessage(_FIRST)],
            error="send_timeout",
        ),
        Example(
            "A name that would begin another header",
            {**_WORDS, "subject": {"en": "From {{ contact.name }}"}},
            leaves_by="failure",
            contact={**_ANNA, "name": "x\nBcc: all@example.com"},
            effects=[],
            error="header_invalid",
        ),
        Example("Nobody to write to", _WORDS, leaves_by="failure", contact={"name": "Anna"}, error="expression_error"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """One."""
        return (Exit("success", "sent"),)

    def summary(self, config: Config) -> str:
        """Who gets what."""
        subject: str = next(iter(config.get("subject", {}).values()), "")
        to = ", ".join(config.get("to", ()))
        return " ".join(f"{to}: {subject}".split()) if to or subject else self.title

    def problems(self, config: Config) -> Sequence[Problem]:
        """An e-mail without words."""
        if config.get("text") or config.get("html"):
            return []
        return [Problem("text_missing", "text", "The e-mail has no text.", "Write a text or a formatted text.")]

    def effective_limit(self, config: Config) -> float | None:
        """How long it may take until the mail server has it."""
        return float(filled(self.schema, config)["send_timeout_seconds"])

    def run(self, context: Context) -> Outcome:
        """Send it, whole or not at all."""
        config = filled(self.schema, context.config)
        letter = _letter(context, config)
        return letter if isinstance(letter, Take) else begin(context, letter, config["send_timeout_seconds"])

    def resume(self, context: Context, event: Event) -> Outcome:
        """Leave when its fate is known."""
        return go_on(context, event, self.errors)


def _letter(context: Context, config: Mapping[str, Any]) -> SendEmail | Take:
    """The e-mail of a config, or the failure of one that cannot be sent. Raises: ExpressionError, TooLarge."""
    lists = []
    for field in ("to", "cc", "bcc"):
        found = recipients(context, config.get(field, ()))
        if isinstance(found, Take):
            return found
        lists.append(found)
    subject = context.localised(config["subject"]).strip()
    if fault := subject_fault(subject):
        return fault
    media = [_attachment(context, row) for row in config.get("files", ())]
    for item in media:
        if isinstance(item, Take):
            return item
    words = context.localised(config["text"]).strip() if config.get("text") else ""
    html = context.localised_html(config["html"]).strip() if config.get("html") else ""
    if not words and not html:
        return fail("empty_text", f"{MAIL_ERRORS['empty_text']} Give the values a default or add fixed words.")
    to, cc, bcc = lists
    files = tuple(item for item in media if isinstance(item, Attachment))
    return SendEmail(config["credential"], to, subject, words, html, cc, bcc, files)


def _attachment(context: Context, row: Mapping[str, Any]) -> Attachment | Take:
    """A stored file is named by its hash: whoever does not know it cannot have it sent."""
    file = row.get("file") or ""
    if "recording" in row:
        held = context.value(row["recording"])
        file = held.get("file") if isinstance(held, dict) else held
    if not isinstance(file, str) or not _HASH.fullmatch(file):
        return fail("media_unreachable", "The variable holds no recording: no step has recorded into it.")
    return Attachment("application/octet-stream", row.get("name", ""), file=file)
