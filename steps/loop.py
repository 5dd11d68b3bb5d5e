"""The step `loop`: leads the run round a number of times, or once for each entry of a list."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from flows.context import Context
from flows.form import filled, length, record, value, variable, whole
from flows.step import Config, Example, Exit, Group, Json, Outcome, Problem, Step, Take, fail
from flows.values import TypeMismatch, Value, ValueType, convert, decode, described, encode, type_of

_EACH, _DONE, _EXHAUSTED = "each", "done", "exhausted"
_NAMES: Mapping[str, Json] = {"list": "{{ names }}", "item": "name"}


class LoopStep(Step):
    """Leaves by “each” once for every entry of a list, or so many times; lead the steps of a round back here. When
    nothing is left it goes on at “done”, and at “exhausted” when the maximum is reached before. A loop that was left
    in the middle goes on where it was when the run comes back; one inside another begins anew in each round of that."""

    type: ClassVar[str] = "loop"
    title: ClassVar[str] = "Loop"
    group: ClassVar[Group] = "decide"
    icon: ClassVar[str] = "repeat"
    schema: ClassVar[Mapping[str, Json]] = record(
        {
            "count": length(value("Times", "How often, such as 3 or {{ attempts }}."), minimum=1),
            "list": length(value("List", "Once for each of its entries, such as {{ orders }}."), minimum=1),
            "item": variable("Entry", "The variable that holds this round's entry, or its number (1 is the first)."),
            "index": variable("Number", "A variable that holds this round's number (1 is the first)."),
            "maximum": whole("Maximum", "More rounds than this are never made.", minimum=1, maximum=1_000, default=100),
        },
        exactly_one_of=["count", "list"],
    )
    errors: ClassVar[Mapping[str, str]] = {
        "not_a_list": "What is to be gone through is no list.",
        "not_a_count": "The number of times is no whole number, or less than nought.",
    }
    examples: ClassVar[Sequence[Example]] = (
        Example(
            "The first round",
            _NAMES,
            leaves_by=_EACH,
            variables={"names": ["Ann", "Bob"]},
            sets={"name": "Ann"},
        ),
        Example("Nothing in the list", _NAMES, leaves_by=_DONE, variables={"names": []}, sets={}),
        Example("A text is no list", _NAMES, leaves_by="failure", variables={"names": "Ann"}, error="not_a_list"),
        Example("So many times", {"count": "3", "index": "n"}, leaves_by=_EACH, sets={"n": Decimal(1)}),
        Example("All rounds made", {"count": "3"}, leaves_by=_DONE, kept={"count": 3, "past": 3}),
        Example(
            "More than the maximum",
            {**_NAMES, "maximum": 2},
            leaves_by=_EXHAUSTED,
            kept={"entries": ["Ann", "Bob", "Eve"], "past": 2},
        ),
        Example("As often as nobody can count", {"count": "often"}, leaves_by="failure", error="not_a_count"),
    )

    def exits(self, config: Config) -> Sequence[Exit]:
        """A round, the end, and the end that came too early."""
        return (Exit(_EACH, "each"), Exit(_DONE, "done"), Exit(_EXHAUSTED, "exhausted"))

    def summary(self, config: Config) -> str:
        """What is gone through."""
        if config.get("count"):
            return f"{config['count']} times"
        return f"Each of {config['list'].strip('{} ')}" if config.get("list") else "Nothing yet"

    def problems(self, config: Config) -> Sequence[Problem]:
        """One variable for two things."""
        if not config.get("item") or config.get("item") != config.get("index"):
            return []
        sentence = f"“{config['item']}” would hold both the entry and its number."
        return [Problem("variable_twice", "index", sentence, "Choose another name.")]

    def variables(self, config: Config) -> Sequence[tuple[str, ValueType | None, Sequence[str]]]:
        """The entry and its number, in each round."""
        found: list[tuple[str, ValueType | None, Sequence[str]]] = []
        if config.get("item"):
            found.append((config["item"], "number" if "count" in config else None, (_EACH,)))
        if config.get("index"):
            found.append((config["index"], "number", (_EACH,)))
        return found

    def run(self, context: Context) -> Outcome:
        """The next round, or the end. The list is kept as it was when the loop began, so that it may change."""
        config = filled(self.schema, context.config)
        begun = dict(context.kept) or _begun(context, config)
        if isinstance(begun, Take):
            return begun
        entries, past = begun.get("entries"), begun["past"]
        count = begun["count"] if entries is None else len(entries)
        why = {"round": past + 1, "of": count}
        if past >= count:
            return Take(_DONE, why={"rounds": past})
        if past >= config["maximum"]:
            return Take(_EXHAUSTED, why={"rounds": past, "of": count})
        number = Decimal(past + 1)
        sets: dict[str, Value] = {}
        if config.get("item"):
            sets[config["item"]] = number if entries is None else decode(entries[past])
        if config.get("index"):
            sets[config["index"]] = number
        return Take(_EACH, sets=sets, why=why, keep={**begun, "past": past + 1})


def _begun(context: Context, config: Config) -> dict[str, Json] | Take:
    """What a loop goes through; or why it cannot."""
    if "list" in config:
        found = context.value(config["list"])
        if isinstance(found, list):
            return {"entries": [encode(entry) for entry in found], "past": 0}
        return fail("not_a_list", f"{config['list']} is {described(type_of(found))}, and a list is needed.")
    found = context.value(config["count"])
    try:
        count = None if found is None else convert(found, "number")
    except TypeMismatch as reason:
        return fail("not_a_count", f"The number of times cannot be told: {reason}")
    if not isinstance(count, Decimal) or count < 0 or count != count.to_integral_value():
        return fail(
            "not_a_count", f"{config['count']} is {found if found is not None else 'missing'}, no whole number."
        )
    return {"count": int(min(count, Decimal(1_000_000))), "past": 0}
