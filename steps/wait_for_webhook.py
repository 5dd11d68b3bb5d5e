"""The step `wait_for_webhook`: waits until another system tells something, such as that a payment has arrived."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar, Final

from flows.ask import Answer, WebhookState, WebhookStateAnswer
from flows.context import Context
from flows.effect import ExpectWebhook
from flows.event import CallPolled, Event, TimerFired, WebhookReceived
from flows.form import advanced, body, filled, length, named, record, seconds, template, variable, yes_no
from flows.outside_data import data_faults, schema_fault, wants_object
from flows.silence import in_silence
from flows.step import Ask, Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, Wait, fail
from flows.values import TooLarge, ValueType, canonical_json, encode, to_json, type_of

_PAUSE_SECONDS: Final = 2  # on a call, between two looks
_LONGEST_KEY: Final = 500
_PAYMENT: Final[Mapping[str, Json]] = {
    "connection": "payments",
    "key": "{{ message.text }}",
    "schema": {"type": "object", "required": ["paid"]},
    "variable": "payment",
}
_OPEN: Final = WebhookStateAnswer()


class WaitForWebhookStep(Step):
    """Waits until another system tells that something has happened, such as that a payment has arrived. The other
    system calls the address of a webhook connection and signs what it says; the key says for which conversation it is.
    What it says is kept in a variable. A webhook that comes up to a day early is not lost."""

    type: ClassVar[str] = "wait_for_webhook"
    title: ClassVar[str] = "Wait for a webhook"
    group: ClassVar[Group] = "data"
    icon: ClassVar[str] = "webhook"
    waits: ClassVar[bool] = True
    at_once: ClassVar[frozenset[str]] = frozenset()
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "connection": named("connection", "Connection", "The webhook connection the other system calls."),
            "key": length(
                template("Key", "What the webhook must carry to be meant, such as {{ payment_id }}."), minimum=1
            ),
            "time_limit_seconds": seconds(
                "Time limit", "How long it is waited for.", minimum=1, maximum=2_592_000, default=86_400
            ),
            "variable": variable("Variable", "The name under which later steps find what it says."),
            "schema": advanced(
                body("JSON Schema", "What a webhook must look like; one that does not fit leaves by failure.")
            ),
            "leaves_by_message": advanced(
                yes_no("Leave when they write", "Whether a message of the contact ends the wait.", default=False)
            ),
        },
        required=["connection", "key"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "signature_invalid": "No webhook of this connection could be believed: it is missing, off or has no secret.",
        "schema_invalid": "The webhook does not look as it should.",
        "expression_error": "The key cannot be worked out, or a value it needs is missing.",
        "too_large": "The webhook says more than a variable may hold.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "A payment arrives",
            _PAYMENT,
            leaves_by="received",
            turns=[_OPEN, WebhookReceived("hello", {"paid": True})],
            sets={"payment": {"paid": True}},
            effects=[ExpectWebhook("payments", "hello")],
        ),
        Example("None arrives", _PAYMENT, leaves_by="timed_out", turns=[_OPEN, TimerFired()]),
        Example(
            "It says something else",
            _PAYMENT,
            leaves_by="failure",
            turns=[_OPEN, WebhookReceived("hello", {"sent": True})],
            error="schema_invalid",
        ),
        Example(
            "Nobody could believe it",
            _PAYMENT,
            leaves_by="failure",
            turns=[WebhookStateAnswer("The connection “payments” has no secret.")],
            error="signature_invalid",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """`message` only where a message ends the wait."""
        ends = config.get("leaves_by_message") is True
        return (Exit("received"), Exit("timed_out", "timed out"), *([Exit("message")] if ends else []))

    def summary(self, config: Config) -> str:
        """Which webhook."""
        return f"{config.get('connection', 'Webhook')}: {config.get('key', '')}"

    def problems(self, config: Config) -> Sequence[Problem]:
        """A schema that is none."""
        sentence = schema_fault(config["schema"]) if "schema" in config else ""
        return [Problem("bad_schema", "schema", sentence, "Correct the schema.")] if sentence else []

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """What the webhook says."""
        kind: ValueType | None = "object" if wants_object(config.get("schema")) else None
        return [(config["variable"], kind, ("received",))] if config.get("variable") else ()

    def effective_limit(self, config: Config) -> float | None:
        """Its own."""
        return float(filled(self.schema, config)["time_limit_seconds"])

    def run(self, context: Context) -> Outcome:
        """Ask first whether a webhook could be believed at all."""
        key = context.strict_text(context.config["key"]).strip()
        if not key or len(key) > _LONGEST_KEY:
            return fail("expression_error", f"The key needs 1 to {_LONGEST_KEY} characters, and has {len(key)}.")
        return Ask(WebhookState(context.config["connection"]), keep={"webhook": key})

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Wait, from now on."""
        if not isinstance(answer, WebhookStateAnswer):
            raise TypeError(f"wait_for_webhook was answered with a {type(answer).__name__}.")
        if answer.error:
            return fail("signature_invalid", answer.error)
        limit = timedelta(seconds=filled(self.schema, context.config)["time_limit_seconds"])
        return _wait(context, str(context.kept["webhook"]), context.now + limit)

    def resume(self, context: Context, event: Event) -> Outcome:
        """Take what it says when it is what it should be."""
        until = datetime.fromisoformat(context.kept["until"])
        happened = event.happened
        if isinstance(happened, WebhookReceived):
            return self._take(context, happened)
        if isinstance(happened, CallPolled) and context.now < until:
            return _wait(context, str(context.kept["webhook"]), until)
        return Take("timed_out")

    def _take(self, context: Context, received: WebhookReceived) -> Outcome:
        most = context.limits.variable_bytes
        if len(canonical_json(encode(received.data)).encode()) > most:
            raise TooLarge(f"The webhook says more than {most:,} bytes, which a variable may hold.")
        faults = data_faults(context.config.get("schema", {}), json.loads(to_json(received.data)))
        if faults:
            return fail("schema_invalid", f"The webhook does not look as it should: {' '.join(faults)}")
        name = context.config.get("variable")
        return Take("received", sets={name: received.data} if name else {}, why={"type": type_of(received.data)})


def _wait(context: Context, key: str, until: datetime) -> Wait:
    """On a call the carrier asks again and again, and each turn says anew what is waited for."""
    connection = context.config["connection"]
    keep = {"webhook": key, "connection": connection, "until": until.isoformat()}
    wait = Wait(("webhook",), until=until, keep=keep, effects=[ExpectWebhook(connection, key)])
    return in_silence(context, wait, _PAUSE_SECONDS)
