"""What a test expects of an event, in words, and whether what was observed is that."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypedDict

from flows.document_keys import Keys
from flows.errors import DocumentError
from flows.secrecy import HIDDEN, plain_values
from flows.testing.matching import among, same, some_effect, texts_hold, values_hold
from flows.testing.observed import Observed
from flows.testing.words import NAME, TRUE, Json, Schema, the_word

_PARTS: Final = ("contains", "starts_with")
_LONGEST: Final = 20_000  # characters
_STEP: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,39}$", "x-says": "a step's id"}
_STEP_WAY: Schema = {
    "type": "string",
    "pattern": "^[a-z][a-z0-9_]{0,39}[.][a-z][a-z0-9_]{0,39}$",
    "x-says": "a step's id, a point and a name, such as “tier.gold”",
}
_OBJECT: Schema = {"type": "object"}


@dataclass(frozen=True)
class ExpectationWord:
    """A word for something expected: what it says, an example, what was there, and whether that is what was wanted.

    `taken`: each expectation of this word looks behind what the one before it has found.
    """

    says: str
    example: Json
    schema: Schema
    seen: Callable[[Observed], Json]
    holds: Callable[[Json, Json], bool]
    noun: str
    taken: bool = False
    more: Mapping[str, Schema] = field(default_factory=dict)


class SuggestedData(TypedDict, total=False):
    """An expectation that was made from what was observed: one of these words and no other."""

    said: str
    sent: str
    queue: str
    forwards: str
    fails: str
    hangs_up: bool
    ends: str
    outputs: dict[str, Json]
    ignored: bool


def read_expectation(data: Json, path: str) -> tuple[str, Json]:
    """An expectation's word and what stands there. Raises: DocumentError with the place and a sentence."""
    name, word = the_word(EXPECTATION_WORDS, data, path, "An expectation")
    if word.taken:
        for index, one in enumerate(data[name] if isinstance(data[name], list) else [data[name]]):
            if not isinstance(one, str):
                _part_of_a_text(one, f"{path}.{name}.{index}" if isinstance(data[name], list) else f"{path}.{name}")
    return name, data[name]


def suggested(seen: Observed, private: tuple[str, ...] = ()) -> list[SuggestedData]:
    """What a test would expect that was made from what was observed: what the customer met, and where it ended.

    private: texts that a test does not show as outputs, see `flows.secrecy.private_texts`.
    """
    found: list[SuggestedData] = [{"said": text} for text in seen.said]
    found += [{"sent": text} for text in seen.sent]
    found += [{"queue": queue} for queue in seen.queues]
    found += [{"forwards": target} for target in seen.forwards]
    found += [{"fails": failure} for failure in seen.fails]
    found += [{"hangs_up": True}] if seen.hangs_up else []
    found += [{"ends": outcome} for outcome in seen.outcomes]
    outputs = {name: told for name, told in plain_values(seen.outputs, private).items() if told != HIDDEN}
    found += [{"outputs": outputs}] if outputs else []
    found += [{"ignored": True}] if is_ignored(seen) else []
    return found


def is_ignored(seen: Observed) -> bool:
    """Whether nothing came of an event and nothing will."""
    return any(word in {"not_awaited", "starts_nothing", "no_time_limit"} for word in seen.unmoved)


def _part_of_a_text(data: Json, path: str) -> None:
    part = Keys(data, path, _PARTS)
    if not sum(len(part.text(name, "", _LONGEST)) for name in _PARTS):
        raise DocumentError(path, "A part of a text is told by contains or starts_with, with a text in it.")


def _variables(seen: Observed) -> Json:
    return plain_values(seen.run.variables) if seen.run else {}


def _contact(seen: Observed) -> Json:
    attributes = seen.facts.contact.get("attributes")
    told = {name: value for name, value in seen.facts.contact.items() if name != "attributes"}
    return plain_values({**told, **(attributes if isinstance(attributes, dict) else {})})


_ANY_TEXT: Schema = {"type": ["string", "object", "array"], "maxItems": 100}

EXPECTATION_WORDS: Final[Mapping[str, ExpectationWord]] = {
    "sent": ExpectationWord(
        "a message with this text goes out; a list: these messages and no others",
        {"sent": {"contains": "gold"}},
        _ANY_TEXT,
        lambda seen: seen.sent,
        texts_hold,
        "message",
        taken=True,
    ),
    "said": ExpectationWord(
        "the caller hears this text; a list: these texts and no others",
        {"said": "For sales press 1."},
        _ANY_TEXT,
        lambda seen: seen.said,
        texts_hold,
        "spoken text",
        taken=True,
    ),
    "played": ExpectationWord(
        "the caller hears the sound of this address, or the uploaded one with this sha256",
        {"played": "https://example.com/hello.mp3"},
        _ANY_TEXT,
        lambda seen: seen.played,
        texts_hold,
        "sound",
        taken=True,
    ),
    "asks": ExpectationWord(
        "another system is asked, as method and address",
        {"asks": {"starts_with": "GET https://crm.example.com/"}},
        _ANY_TEXT,
        lambda seen: seen.asks,
        texts_hold,
        "request",
        taken=True,
    ),
    "exit": ExpectationWord(
        "a step is left by an exit", {"exit": "tier.gold"}, _STEP_WAY, lambda seen: seen.exits, among, "exit"
    ),
    "fails": ExpectationWord(
        "a step fails, with this error kind",
        {"fails": "loyalty.timeout"},
        _STEP_WAY,
        lambda seen: seen.fails,
        among,
        "failure",
    ),
    "visits": ExpectationWord(
        "a step is come through", {"visits": "loyalty"}, _STEP, lambda seen: seen.visits, among, "step"
    ),
    "waits": ExpectationWord(
        "the run waits at this step afterwards", {"waits": "ask"}, _STEP, lambda seen: seen.waits_at, same, "wait"
    ),
    "variables": ExpectationWord(
        "variables have these values afterwards",
        {"variables": {"loyalty_status": "gold"}},
        _OBJECT,
        _variables,
        values_hold,
        "values of variables",
    ),
    "contact": ExpectationWord(
        "the contact has these fields or attributes afterwards",
        {"contact": {"vip": True}},
        _OBJECT,
        _contact,
        values_hold,
        "fields of the contact",
    ),
    "queue": ExpectationWord(
        "people get the conversation in this queue",
        {"queue": "standard"},
        NAME,
        lambda seen: seen.queues,
        among,
        "queue",
    ),
    "forwards": ExpectationWord(
        "the call is forwarded to this number or SIP address",
        {"forwards": "sip:gold@queues.example.com;transport=tcp"},
        _ANY_TEXT,
        lambda seen: seen.forwards,
        texts_hold,
        "forwarding",
        taken=True,
    ),
    "hangs_up": ExpectationWord(
        "the flow ends or rejects the call", {"hangs_up": True}, TRUE, lambda seen: seen.hangs_up, same, "hanging up"
    ),
    "ends": ExpectationWord(
        "the run ends with this outcome", {"ends": "completed"}, NAME, lambda seen: seen.outcomes, among, "end"
    ),
    "outputs": ExpectationWord(
        "the flow gives these values back to the one that runs it",
        {"outputs": {"status": "gold"}},
        _OBJECT,
        lambda seen: plain_values(seen.outputs),
        values_hold,
        "values given back",
    ),
    "silent": ExpectationWord(
        "nothing is sent, said or played",
        {"silent": True},
        TRUE,
        lambda seen: [*seen.sent, *seen.said, *seen.played],
        lambda _, seen: not seen,
        "silence",
    ),
    "ignored": ExpectationWord(
        "nothing starts and nothing waits for it; elsewhere this is a fault of the test",
        {"ignored": True},
        TRUE,
        is_ignored,
        same,
        "being ignored",
    ),
    "effect": ExpectationWord(
        "any other effect with at least these fields, in the engine's own form",
        {"effect": {"kind": "update_contact", "attributes": {"vip": True}}},
        _OBJECT,
        lambda seen: seen.effects_data,
        some_effect,
        "effect",
    ),
}
