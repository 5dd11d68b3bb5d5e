"""How a condition compares a value with its operands: every operator of every type, and why it came out as it did."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from flows.patterns import matches_pattern
from flows.phrases import Mode, contains_phrase
from flows.values import TypeMismatch, Value, ValueType, convert, described, fold_text, same_text, type_of

Outcome = Literal["true", "false", "missing", "not_comparable"]

# How many operands an operator takes: none, one, two, or any number of at least one ("many").
OPERATORS: Mapping[str, Mapping[str, str]] = {
    "text": {
        "is": "one",
        "is_not": "one",
        "is_one_of": "many",
        "contains": "one",
        "starts_with": "one",
        "ends_with": "one",
        "contains_phrase": "many",
        "matches": "one",
    },
    "number": {
        "equals": "one",
        "differs": "one",
        "less": "one",
        "at_most": "one",
        "more": "one",
        "at_least": "one",
        "between": "two",
    },
    "date": {"before": "one", "after": "one", "between": "two", "within_last": "one", "within_next": "one"},
    "boolean": {"is_true": "none", "is_false": "none"},
    "list": {"contains": "one", "contains_any": "many", "contains_all": "many", "is_empty": "none"},
    "any": {"is_missing": "none", "is_present": "none"},
}
UNIT_SECONDS: Mapping[str, int] = {"minutes": 60, "hours": 3_600, "days": 86_400}
_LONGEST_SPAN = timedelta(days=36_525)


@dataclass(frozen=True)
class Condition:
    """One comparison: a value, seen as a type, held against operands.

    exact: texts count as they are written, with capitals and spaces. mode, language: of `contains_phrase`. unit: of the
    spans within_last and within_next. now: the turn's instant.
    """

    value: Value
    seen_as: str
    operator: str
    operands: Sequence[Value]
    now: datetime
    exact: bool = False
    mode: Mode = "phrase"
    language: str = ""
    unit: str = "days"


@dataclass(frozen=True)
class Comparison:
    """What came out, `note` in words where it is no plain yes or no, and whether the value was of another type."""

    outcome: Outcome
    note: str = ""
    converted: bool = False

    @property
    def holds(self) -> bool:
        """A comparison with something missing never holds."""
        return self.outcome == "true"


def compare(condition: Condition) -> Comparison:
    """Compares; a missing value makes every comparison but is_missing false, and so does one that cannot be read.

    Raises: PatternError, PatternTimeout for an author's regular expression.
    """
    if condition.seen_as == "any":
        missing = condition.value is None
        return _answer(missing if condition.operator == "is_missing" else not missing)
    if condition.value is None:
        return Comparison("missing", "The value is missing.")
    operands = _flat(condition.operands) if _takes(condition) == "many" else list(condition.operands)
    if any(operand is None for operand in operands):
        return Comparison("missing", "What it is compared with is missing.")
    if not operands and _takes(condition) != "none":
        return Comparison("missing", "There is nothing to compare with.")
    try:
        holds, seen = _COMPARERS[condition.seen_as](condition, operands)
    except TypeMismatch as reason:
        return Comparison("not_comparable", str(reason))
    converted = type_of(condition.value) != seen
    note = f"The value was {described(type_of(condition.value))}, read as {described(seen)}." if converted else ""
    return _answer(holds, note, converted)


def _answer(holds: bool, note: str = "", converted: bool = False) -> Comparison:
    return Comparison("true" if holds else "false", note, converted)


def _takes(condition: Condition) -> str:
    return OPERATORS[condition.seen_as][condition.operator]


def _flat(operands: Sequence[Value]) -> list[Value]:
    return [part for operand in operands for part in (operand if isinstance(operand, list) else [operand])]


Compared = tuple[bool, ValueType]


def _text(condition: Condition, operands: Sequence[Value]) -> Compared:
    value = _as_text(condition.value)
    texts = [_as_text(operand) for operand in operands]
    exact = condition.exact
    match condition.operator:
        case "contains_phrase":
            mode, language = condition.mode, condition.language
            holds = any(contains_phrase(value, text, mode, language, fold_diacritics=not exact) for text in texts)
        case "matches":
            holds = matches_pattern(value, texts[0], exact=exact)
        case "is" | "is_one_of":
            holds = any(same_text(value, text, exact=exact) for text in texts)
        case "is_not":
            holds = not same_text(value, texts[0], exact=exact)
        case _:
            inside, part = (value, texts[0]) if exact else (fold_text(value), fold_text(texts[0]))
            tests = {
                "contains": part in inside,
                "starts_with": inside.startswith(part),
                "ends_with": inside.endswith(part),
            }
            holds = tests[condition.operator]
    return holds, "text"


def _number(condition: Condition, operands: Sequence[Value]) -> Compared:
    value = _as_number(condition.value)
    first, last = _as_number(operands[0]), _as_number(operands[-1])
    tests: Mapping[str, bool] = {
        "equals": value == first,
        "differs": value != first,
        "less": value < first,
        "at_most": value <= first,
        "more": value > first,
        "at_least": value >= first,
        "between": first <= value <= last,
    }
    return tests[condition.operator], "number"


def _date(condition: Condition, operands: Sequence[Value]) -> Compared:
    """Where one side is a whole day, days are compared (in UTC); else instants."""
    value = _as_moment(condition.value)
    seen: ValueType = "datetime" if isinstance(value, datetime) else "date"
    if condition.operator.startswith("within_"):
        return _within(condition, value, _as_number(operands[0])), seen
    first, last = _as_moment(operands[0]), _as_moment(operands[-1])
    if not all(isinstance(moment, datetime) for moment in (value, first, last)):
        value, first, last = _day(value), _day(first), _day(last)
    tests = {"before": value < first, "after": value > first, "between": first <= value <= last}
    return tests[condition.operator], seen


def _within(condition: Condition, value: date, count: Decimal) -> bool:
    seconds = float(count) * UNIT_SECONDS[condition.unit]
    span = timedelta(seconds=min(max(seconds, 0), _LONGEST_SPAN.total_seconds()))
    now: date = condition.now
    if not isinstance(value, datetime):
        now, value = _day(now), _day(value)
    distance = now - value if condition.operator == "within_last" else value - now
    return timedelta(0) <= distance <= span


def _boolean(condition: Condition, _operands: Sequence[Value]) -> Compared:
    return convert(condition.value, "boolean") is (condition.operator == "is_true"), "boolean"


def _list(condition: Condition, operands: Sequence[Value]) -> Compared:
    found = convert(condition.value, "list")
    entries = found if isinstance(found, list) else []
    held = [any(_same(entry, operand, exact=condition.exact) for entry in entries) for operand in operands]
    tests = {"contains": all(held), "contains_any": any(held), "contains_all": all(held), "is_empty": not entries}
    return tests[condition.operator], "list"


_COMPARERS: Mapping[str, Callable[[Condition, Sequence[Value]], Compared]] = {
    "text": _text,
    "number": _number,
    "date": _date,
    "boolean": _boolean,
    "list": _list,
}


def _same(entry: Value, operand: Value, *, exact: bool) -> bool:
    kind = type_of(entry)
    if kind is None:
        return False
    try:
        wanted = convert(operand, kind)
    except TypeMismatch:
        return False
    return (
        same_text(entry, wanted, exact=exact) if isinstance(entry, str) and isinstance(wanted, str) else entry == wanted
    )


def _as_text(value: Value) -> str:
    text = convert(value, "text")
    return text if isinstance(text, str) else ""


def _as_number(value: Value) -> Decimal:
    number = convert(value, "number")
    return number if isinstance(number, Decimal) else Decimal(0)


def _as_moment(value: Value) -> date:
    """A day, or an instant where the value has a time of day."""
    if isinstance(value, str) and len(value.strip()) > len("2026-11-21"):
        value = convert(value, "datetime")
    moment = value if isinstance(value, date) else convert(value, "date")
    return moment if isinstance(moment, date) else date.min


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment
