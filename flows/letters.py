"""What the steps share that write to others than the contact: an e-mail or a post leaves, and the step waits for it.

Such a letter goes by the outbox like a message, but beside the conversation's line: a mail server that is away must not
hold up what the contact is told.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from flows.answers import read_email
from flows.composing import SEND_TIMEOUT
from flows.context import Context
from flows.effect import CancelMessage, Effect, PostToTeam, SendEmail
from flows.event import CallPolled, Event, MessageFailed, TimerFired
from flows.form import Schema, rows, template
from flows.silence import in_silence
from flows.step import Outcome, Take, Wait, fail
from flows.values import in_one_line, is_one_line

LETTER_ERRORS: Mapping[str, str] = {
    "secret_missing": "There is no such credential, it is of another kind, or its secret must be entered again.",
    "blocked_address": "The server lies in a private network that flows may not reach.",
    "send_timeout": "It could not be handed over in time; it was cancelled.",
    "provider_code": "The server refused it for a reason of its own, told in the error's message.",
    "empty_text": "Nothing is left of the text once its values are filled in.",
}
MAIL_ERRORS: Mapping[str, str] = {
    "smtp_auth": "The mail server refused the user name or the password of the credential.",
    "bounced": "The recipient's mail server refused the e-mail.",
    "invalid_recipient": "A recipient is no e-mail address.",
    "header_invalid": "The subject has a line break or control character in it.",
    **LETTER_ERRORS,
}
SEND_SECONDS: Schema = SEND_TIMEOUT
MOST_RECIPIENTS: Final = 20


def recipients_field(title: str, help_text: str, minimum: int = 0) -> Schema:
    """Addresses, one a row."""
    item = template("Address", "One e-mail address, such as {{ contact.email }}.")
    return rows(title, help_text, item, minimum=minimum, maximum=MOST_RECIPIENTS)


def recipients(context: Context, templates: Sequence[str]) -> tuple[str, ...] | Take:
    """The addresses of some rows; a row that is none fails the step, so that nothing is sent by half.

    Raises: ExpressionError (a value is missing), TooLarge.
    """
    found = []
    for source in templates:
        written = context.strict_text(source)
        address = read_email(written)
        if address is None or not is_one_line(written.strip()):
            return fail("invalid_recipient", f"“{shown(written)}” is no e-mail address.")
        found.append(address)
    return tuple(dict.fromkeys(found))


def subject_fault(subject: str) -> Take | None:
    """The failure of a subject that would begin another header, or None."""
    if is_one_line(subject):
        return None
    return fail("header_invalid", f"{MAIL_ERRORS['header_invalid']} Take the value out of it, or trim it.")


def shown(text: str) -> str:
    """A stranger's text as it may stand in a sentence."""
    return in_one_line(text)[:100]


def begin(context: Context, letter: SendEmail | PostToTeam, send_seconds: float) -> Wait:
    """Sends it and waits until it is taken."""
    until = context.now + timedelta(seconds=send_seconds)
    return _wait(context, context.effect_key(), until, [letter])


def go_on(context: Context, event: Event, errors: Mapping[str, str]) -> Outcome:
    """What the step does when something happens while its letter is under way."""
    kept: Mapping[str, Any] = context.kept
    happened = event.happened
    if isinstance(happened, TimerFired):
        late = fail("send_timeout", LETTER_ERRORS["send_timeout"], retryable=True)
        return Take(late.exit, effects=[CancelMessage(kept["effect"])], failure=late.failure)
    if isinstance(happened, CallPolled) or getattr(happened, "effect", None) != kept["effect"]:
        return _wait(context, kept["effect"], datetime.fromisoformat(kept["until"]))
    if isinstance(happened, MessageFailed):
        kind = happened.kind if happened.kind in errors else "provider_code"
        return fail(kind, happened.message or errors[kind])
    return Take("success")


def _wait(context: Context, effect: str, until: datetime, effects: Sequence[Effect] = ()) -> Wait:
    keep = {"effect": effect, "until": until.isoformat()}
    return in_silence(context, Wait(("accepted", "failed"), until=until, keep=keep, effects=effects))
