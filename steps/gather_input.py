"""The step `gather_input`: a caller types or says something, which is checked and read back."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import ClassVar

import phonenumbers

from flows.answer_kinds import NotAccepted
from flows.ask import Answer, FileStateAnswer
from flows.context import Context
from flows.effect import Gather
from flows.event import Event, KeysPressed
from flows.form import filled, record
from flows.gathering import GATHER_ERRORS, GATHER_FIELDS
from flows.heard_answers import HEARD_TYPES, as_written, read_heard, read_out
from flows.patterns import PatternError, PatternTimeout, fault_of
from flows.prompting import Prompt, Reason, ask, ask_again, heard_in, is_silent, longest_seconds, sound_came, wait_for
from flows.sounds import sound_problems
from flows.step import Ask, Config, Example, Exit, Group, Json, Medium, Outcome, Problem, Step, Take, fail
from flows.values import Value, ValueType
from flows.voice import is_unsure, spoken

_DIGITS: Mapping[str, Json] = {"kind": "digits"}
_ORDER: Mapping[str, Json] = {
    "prompt": {"en": "Please type your order number."},
    "minimum_digits": 4,
    "maximum_digits": 6,
    "variable": "order",
}
_RECORDED: Mapping[str, Json] = {"prompt_sounds": [{"file": "5f" * 32}], "variable": "order"}
_READ_BACK: Mapping[str, Json] = {"read_back": {"text": {"en": "{{ entered }}. Press 1 if it is right, else 2."}}}


class GatherInputStep(Step):
    """Asks a caller for something to type on the keys or to say: digits, a number, a date, a telephone number or any
    words. What does not fit is asked for again; what fits can be read back for the caller to confirm by a key."""

    type: ClassVar[str] = "gather_input"
    title: ClassVar[str] = "Gather input"
    group: ClassVar[Group] = "talk"
    icon: ClassVar[str] = "dialpad"
    media: ClassVar[frozenset[Medium]] = frozenset({"call"})
    waits: ClassVar[bool] = True
    talks: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Json]] = record(
        GATHER_FIELDS, ["variable"], exactly_one_of=["prompt", "prompt_sounds"]
    )
    errors: ClassVar[Mapping[str, str]] = GATHER_ERRORS
    examples: ClassVar[Sequence[Example]] = (
        Example("Typed", _ORDER, "valid", turns=[KeysPressed("12345")], on_call=True, sets={"order": "12345"}),
        Example(
            "Read back and confirmed at the second time",
            {**_ORDER, **_READ_BACK},
            "valid",
            turns=[KeysPressed("1234"), KeysPressed("2"), KeysPressed("12345"), KeysPressed("1")],
            on_call=True,
            sets={"order": "12345"},
        ),
        Example(
            "A date on the keys",
            {"prompt": {"en": "When?"}, "answer": {"kind": "date"}, "variable": "day"},
            "valid",
            turns=[KeysPressed("21112026")],
            on_call=True,
            sets={"day": date(2026, 11, 21)},
        ),
        Example(
            "A spoken number",
            {"prompt": {"en": "How many?"}, "by": "both", "answer": {"kind": "number"}, "variable": "count"},
            "valid",
            turns=[KeysPressed(speech="12.")],
            on_call=True,
            sets={"count": Decimal(12)},
        ),
        Example("Too short", {**_ORDER, "attempts": 1}, "invalid", turns=[KeysPressed("12")], on_call=True),
        Example("Silence", {**_ORDER, "attempts": 2}, "no_input", turns=[KeysPressed(), KeysPressed()], on_call=True),
        Example(
            "Never understood",
            {**_ORDER, "by": "speech", "minimum_confidence": 0.5, "attempts": 1},
            "failure",
            turns=[KeysPressed(speech="mumble", confidence=0.2)],
            on_call=True,
            error="asr_failed",
        ),
        Example(
            "A pattern that is none",
            {**_ORDER, "answer": {"kind": "digits", "pattern": "["}},
            "failure",
            turns=[KeysPressed("12345")],
            on_call=True,
            error="parse_failed",
        ),
        Example(
            "An uploaded prompt",
            _RECORDED,
            "valid",
            turns=[FileStateAnswer("7", "audio/wav", "order.wav"), KeysPressed("12345")],
            on_call=True,
            sets={"order": "12345"},
        ),
        Example("Nobody types into a message", _ORDER, "failure", error="call_ended"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """What fits, silence, and what never fitted."""
        return (Exit("valid"), Exit("no_input", "no input"), Exit("invalid"))

    def summary(self, config: Config) -> str:
        """The prompt and where the input goes."""
        return f"{next(iter(config.get('prompt', {}).values()), '…')} → {config.get('variable', '…')}"

    def problems(self, config: Config) -> Sequence[Problem]:
        """Bounds and keys that contradict each other, and a regular expression that is none."""
        found = [*sound_problems(config, "prompt_sounds")]
        most = config.get("maximum_digits")
        if most is not None and most < config.get("minimum_digits", 1):
            sentence = "The most digits are fewer than the fewest."
            found.append(Problem("never_valid", "maximum_digits", sentence, "Raise the most or lower the fewest."))
        if sentence := fault_of(config.get("answer", {}).get("pattern", "")):
            found.append(Problem("bad_pattern", "answer.pattern", sentence, "Correct it."))
        back = filled(self.schema, config).get("read_back", {})
        if back and back.get("confirm_key") == back.get("again_key"):
            sentence = "The same key says right and wrong."
            found.append(Problem("key_twice", "read_back.again_key", sentence, "Choose another key."))
        return found

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The input, once it is valid."""
        kind = config.get("answer", _DIGITS).get("kind", "")
        return [(config["variable"], HEARD_TYPES.get(kind), ["valid"])] if config.get("variable") else ()

    def effective_limit(self, config: Config) -> float | None:
        """The time to begin, and what a lost call may take at most."""
        return longest_seconds(filled(self.schema, config))

    def run(self, context: Context) -> Outcome:
        """Ask for the first time."""
        return self._gather(context, ask(context, filled(self.schema, context.config)))

    def answered(self, context: Context, answer: Answer) -> Outcome:
        """Ask by the uploaded sound."""
        return self._gather(context, sound_came(context, filled(self.schema, context.config), answer))

    def resume(self, context: Context, event: Event) -> Outcome:
        """Take the input, read it back, or ask again."""
        heard = heard_in(event)
        if isinstance(heard, Take):
            return heard
        config = filled(self.schema, context.config)
        why: dict[str, Json] = {"attempt": context.kept["attempt"]}
        if not context.flow.variables.get(config["variable"], {}).get("private"):
            why |= {"digits": heard.digits, "speech": heard.speech, "confidence": heard.confidence}
        try:
            if "entered" in context.kept:
                return self._confirmed(context, config, heard, why)
            if is_silent(heard):
                return self._again(context, "no_input", why)
            if is_unsure(heard, config):
                return self._again(context, "unsure", why)
            written = as_written(config.get("answer", _DIGITS), heard)
            value = _read(context, config, written)
        except (PatternError, PatternTimeout) as problem:
            return fail("parse_failed", f"The input could not be checked: {problem}", why=why)
        except NotAccepted as reason:
            return self._again(context, "invalid", {**why, "not_accepted": str(reason)})
        if "read_back" in config:
            return self._read_back(context, config, written, value, times=1)
        return Take("valid", sets={config["variable"]: value}, why=why)

    def _confirmed(self, context: Context, config: Config, heard: KeysPressed, why: Mapping[str, Json]) -> Outcome:
        """After the reading back: take it, ask again, or read it once more."""
        written, times = context.kept["entered"], context.kept["times"]
        value = _read(context, config, written)
        if heard.digits == config["read_back"]["confirm_key"]:
            return Take("valid", sets={config["variable"]: value}, why=why)
        if heard.digits == config["read_back"]["again_key"]:
            return self._again(context, "invalid", why)
        if times >= config["attempts"]:
            return Take("invalid" if heard.digits else "no_input", why={**why, "read_back": times})
        return self._read_back(context, config, written, value, times + 1)

    def _again(self, context: Context, reason: Reason, why: Mapping[str, Json]) -> Outcome:
        return self._gather(context, ask_again(context, filled(self.schema, context.config), reason, why))

    def _gather(self, context: Context, prompt: Prompt | Ask | Take) -> Outcome:
        if not isinstance(prompt, Prompt):
            return prompt
        config = filled(self.schema, context.config)
        gather = Gather(
            prompts=prompt.verbs,
            keys=config["by"] != "speech",
            speech=config["by"] != "keys",
            maximum_digits=config.get("maximum_digits", 0),
            finish_key="" if config["finish_key"] == "none" else config["finish_key"],
            timeout_seconds=round(config["timeout_seconds"]),
            language=context.language,
        )
        return wait_for(context, config, gather, {"attempt": prompt.attempt})

    def _read_back(self, context: Context, config: Config, written: str, value: Value, times: int) -> Outcome:
        entered = read_out(config.get("answer", _DIGITS)["kind"], value)
        words = spoken(context, config["read_back"]["text"], voice=config["voice"], extra={"entered": entered})
        gather = Gather(
            prompts=(words,) if words else (),
            maximum_digits=1,
            finish_key="",  # one key confirms, and that key may be the hash
            timeout_seconds=round(config["timeout_seconds"]),
            language=context.language,
        )
        return wait_for(context, config, gather, {**context.kept, "entered": written, "times": times})


def _read(context: Context, config: Config, written: str) -> Value:
    answer = config.get("answer", _DIGITS)
    if answer["kind"] != "phone":
        return read_heard(context, answer, written, config["minimum_digits"], config.get("maximum_digits", 0))
    try:
        country = answer["country"] or _country_of(context.facts.contact.get("phone"))
        found = phonenumbers.parse(written, country or None)
    except phonenumbers.NumberParseException as problem:
        raise NotAccepted("This is no telephone number.") from problem
    if not phonenumbers.is_valid_number(found):
        raise NotAccepted("No such telephone number can exist.")
    return phonenumbers.format_number(found, phonenumbers.PhoneNumberFormat.E164)


def _country_of(phone: Value) -> str:
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(str(phone))) or ""
    except phonenumbers.NumberParseException:
        return ""
