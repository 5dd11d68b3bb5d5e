"""The step `ask_question`: asks the contact something, waits for the answer and checks it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import phonenumbers

from flows.answer_kinds import ANSWER, ANSWER_TYPES, NotAccepted, read_answer
from flows.ask import Answer
from flows.composing import MEDIA, PROVIDER_TEMPLATE, SEND_ERRORS, SEND_TIMEOUT, compose, refused
from flows.context import Context
from flows.effect import CancelMessage, Choice
from flows.event import Event, MessageFailed, MessageReceived, TimerFired
from flows.form import advanced, filled, localised, record, seconds, variable, whole
from flows.patterns import PatternError, PatternTimeout, fault_of
from flows.step import Config, Example, Exit, Group, Json, Medium, Outcome, Problem, Step, Take, Wait, fail
from flows.values import Value, ValueType
from flows.ways import FIRST_TRY, SAME, WAY_FIELDS, ask_ways, given_up, most_ways, open_ways, way_problems

_NAME: Mapping[str, Json] = {"text": {"en": "What is your name?"}, "answer": {"kind": "text"}, "variable": "name"}
_TOPIC: Mapping[str, Json] = {
    "text": {"en": "What is it about?"},
    "answer": {
        "kind": "choice",
        "choices": [
            {"id": "sales", "label": {"en": "Buying"}},
            {"id": "repair", "label": {"en": "A repair"}, "phrases": ["broken"]},
        ],
    },
    "variable": "topic",
}


class AskQuestionStep(Step):
    """Sends a question and waits for the answer: a text, number, date, e-mail address, telephone number, place, file
    or one of several choices. An answer that does not fit is asked for again, as often as you allow; the answer is
    kept in a variable."""

    type: ClassVar[str] = "ask_question"
    title: ClassVar[str] = "Ask a question"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "message-question"
    media: ClassVar[frozenset[Medium]] = frozenset({"messages"})
    waits: ClassVar[bool] = True
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "text": localised("Question", "What is asked, per language."),
            "answer": ANSWER,
            "variable": variable("Variable", "The name under which later steps find the answer."),
            "attempts": whole("Attempts", "How often the contact may answer in all.", minimum=1, maximum=5, default=3),
            "retry_text": localised(
                "After an answer that does not fit", "What is written then; empty repeats the question."
            ),
            "time_limit_seconds": seconds(
                "Time to answer",
                "How long the contact has, counted from the moment the question was sent.",
                minimum=10,
                maximum=2_592_000,
                default=86_400,
            ),
            "joining_seconds": advanced(
                seconds(
                    "Wait for more",
                    "People write one answer in several messages: those that come within this time are read as one.",
                    minimum=0,
                    maximum=60,
                    default=0,
                )
            ),
            "media": MEDIA,
            **WAY_FIELDS,
            "send_timeout_seconds": SEND_TIMEOUT,
            "template": PROVIDER_TEMPLATE,
        },
        required=["text", "answer"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        **SEND_ERRORS,
        "parse_failed": "The answer could not be checked: the author's pattern is wrong or takes too long.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example("A text", _NAME, leaves_by="reply", turns=[MessageReceived("Anna")], sets={"name": "Anna"}),
        Example(
            "A telephone number, the second time",
            {
                "text": {"en": "Your number?"},
                "answer": {"kind": "phone", "country": "PL"},
                "variable": "phone",
                "retry_text": {"en": "With all its digits, please."},
            },
            leaves_by="reply",
            turns=[MessageReceived("no idea"), MessageReceived("500 100 100")],
            sets={"phone": "+48500100100"},
        ),
        Example("A choice by its button", _TOPIC, leaves_by="sales", turns=[MessageReceived("Buying", choice="sales")]),
        Example(
            "A choice by its words",
            _TOPIC,
            leaves_by="repair",
            turns=[MessageReceived("My printer is broken!")],
            sets={"topic": "repair"},
        ),
        Example(
            "Answers that do not fit",
            {"text": {"en": "How many?"}, "answer": {"kind": "number"}, "attempts": 2},
            leaves_by="invalid",
            turns=[MessageReceived("some"), MessageReceived("a few")],
        ),
        Example("No answer", _NAME, leaves_by="timed_out", turns=[TimerFired()]),
        Example(
            "The question cannot be sent",
            _NAME,
            leaves_by="failure",
            turns=[MessageFailed("example/0/0", "invalid_recipient")],
            error="invalid_recipient",
        ),
        Example(
            "A pattern that is none",
            {**_NAME, "answer": {"kind": "text", "pattern": "["}},
            leaves_by="failure",
            turns=[MessageReceived("Anna")],
            error="parse_failed",
        ),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """`reply`, or one exit per choice; then the answers that never fit and the one that never came."""
        choices = config.get("answer", {}).get("choices", ())
        answered = [Exit(row["id"], next(iter(row["label"].values()), row["id"])) for row in choices]
        return (*(answered or [Exit("reply")]), Exit("invalid"), Exit("timed_out", "timed out"))

    def summary(self, config: Config) -> str:
        """The question and where its answer goes."""
        question = next(iter(config.get("text", {}).values()), "")
        return f"{question} → {config['variable']}" if config.get("variable") else question

    def problems(self, config: Config) -> Sequence[Problem]:
        """Two choices that are one exit, a list of numbers that cannot work, and a regular expression that is none."""
        taken = {"invalid", "timed_out", "failure"}
        found = list(way_problems(config))
        answer = config.get("answer", {})
        if sentence := fault_of(answer.get("pattern", "")):
            found.append(Problem("bad_pattern", "answer.pattern", sentence, "Correct it."))
        for index, row in enumerate(answer.get("choices", ())):
            where = f"answer.choices.{index}.id"
            if row["id"] in taken:
                found.append(
                    Problem("exit_twice", where, f"The exit {row['id']} exists already.", "Choose another name.")
                )
            taken.add(row["id"])
        return found

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The answer, on the exits of an answer that fits."""
        if not config.get("variable"):
            return ()
        fitting = [way.id for way in self.exits(config) if way.id not in {"invalid", "timed_out"}]
        return [(config["variable"], ANSWER_TYPES.get(config.get("answer", {}).get("kind", "")), fitting)]

    def effective_limit(self, config: Config) -> float | None:
        """The time to be sent and the time to answer, anew for each attempt; and what other numbers were tried for."""
        full = filled(self.schema, config)
        asking = full["send_timeout_seconds"] + full["time_limit_seconds"]
        return float(asking * full["attempts"] + full["send_timeout_seconds"] * (most_ways(full) - 1))

    def run(self, context: Context) -> Outcome:
        """Ask, or look first by which numbers the contact can be reached."""
        return ask_ways(context, filled(self.schema, context.config)) or self._ask(context, 1, [SAME])

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Ask by the first of the numbers."""
        ways = open_ways(filled(self.schema, context.config), answer)
        return ways if isinstance(ways, Take) else self._ask(context, 1, ways)

    def resume(self, context: Context, event: Event) -> Outcome:
        """Take the answer, ask again, or give up."""
        happened = event.happened
        question, attempt, ways = context.kept["effect"], context.kept["attempt"], context.kept["ways"]
        if isinstance(happened, TimerFired):
            # A question that is still on its way out would reach the contact when nobody waits for its answer.
            return Take("timed_out", effects=[CancelMessage(question)], why={"attempt": attempt})
        if isinstance(happened, MessageFailed) and happened.effect == question:
            lost = refused(happened)
            if happened.kind == "send_timeout":  # it must not leave any more, as nobody would wait for its answer
                lost = replace(lost, effects=[CancelMessage(question)])
            return self._ask(context, attempt, ways[1:], given_up(lost)) if ways[1:] else lost
        if not isinstance(happened, MessageReceived):
            return self._wait(context, question, attempt, ways)
        config = filled(self.schema, context.config)
        answer = config["answer"]
        try:
            value = (
                _read_phone(context, answer, happened)
                if answer["kind"] == "phone"
                else read_answer(context, answer, happened)
            )
        except (PatternError, PatternTimeout) as problem:
            return fail("parse_failed", f"The answer could not be checked: {problem}", why={"attempt": attempt})
        except NotAccepted as reason:
            why = {"attempt": attempt, "not_accepted": str(reason)}
            if attempt >= config["attempts"]:
                return Take("invalid", why=why)
            return self._ask(context, attempt + 1, ways, Take("invalid", why=why))
        sets = {config["variable"]: value} if config.get("variable") else {}
        return Take(str(value) if answer["kind"] == "choice" else "reply", sets=sets, why={"attempt": attempt})

    def _ask(self, context: Context, attempt: int, ways: Sequence[str], before: Take = FIRST_TRY) -> Outcome:
        """By the first of these numbers; `before`: what came of asking before."""
        config = filled(self.schema, context.config)
        choices = [Choice(row["id"], context.localised(row["label"])) for row in config["answer"].get("choices", ())]
        retry = config.get("retry_text", {}) if attempt > 1 else {}
        message = compose(context, config, retry or config["text"], choices, ways[0])
        if isinstance(message, Take):
            return replace(message, effects=before.effects)
        waiting = self._wait(context, context.effect_key(), attempt, ways)
        return replace(waiting, effects=[message, *before.effects], why=before.why or {"attempt": attempt})

    def _wait(self, context: Context, question: str, attempt: int, ways: Sequence[str]) -> Wait:
        config = filled(self.schema, context.config)
        return Wait(
            ("message", "failed"),
            limit_seconds=config["time_limit_seconds"],
            send_seconds=config["send_timeout_seconds"],
            joining_seconds=config["joining_seconds"],
            keep={"effect": question, "attempt": attempt, "ways": list(ways)},
        )


def _read_phone(context: Context, answer: Mapping[str, Any], message: MessageReceived) -> Value:
    """A telephone number in E.164, read with the step's country, else the one of the contact's own number."""
    country = answer["country"] or _country_of(context.facts.contact.get("phone"))
    try:
        number = phonenumbers.parse(message.text.strip(), country or None)
    except phonenumbers.NumberParseException as problem:
        raise NotAccepted("This is no telephone number.") from problem
    if not phonenumbers.is_valid_number(number):
        raise NotAccepted("No such telephone number can exist.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _country_of(phone: Value) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(str(phone))) or ""
    except phonenumbers.NumberParseException:
        return ""
