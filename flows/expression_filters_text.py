"""The filters that work on texts; each knows the length of its result before it builds it."""

import re
from functools import partial
from urllib.parse import quote

from flows.expression_filter import Filter, as_list, as_text, as_whole, converted
from flows.expression_operations import composed
from flows.expression_state import MAXIMUM_BUILT, MAXIMUM_PARTS, ExpressionError, check_length, text_of
from flows.values import TooLarge, Value, count_within, fold_text, to_json

_WORD = re.compile(r"\w[\w'’]*")
_WRITTEN_PLAINLY = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")


def _upper(value: Value) -> str:
    return _grown(as_text(value)).upper()


def _lower(value: Value) -> str:
    return _grown(as_text(value)).lower()


def _capitalize(value: Value) -> str:
    text = _grown(as_text(value))
    return text[:1].upper() + text[1:].lower()


def _title(value: Value) -> str:
    return _WORD.sub(lambda word: word[0][:1].upper() + word[0][1:].lower(), _grown(as_text(value)))


def _trim(value: Value) -> str:
    return as_text(value).strip()


def _replace(value: Value, old: Value, new: Value) -> str:
    text, before, after = as_text(value), _not_empty(as_text(old)), as_text(new)
    check_length(len(text) + text.count(before) * (len(after) - len(before)))
    return text.replace(before, after)


def _truncate(value: Value, length: Value, end: Value) -> str:
    text, most = as_text(value), as_whole(length, 1, MAXIMUM_BUILT, MAXIMUM_BUILT)
    if len(text) <= most:
        return text
    mark = "…" if end is None else as_text(end)
    return text[: max(most - len(mark), 0)].rstrip() + mark[:most]


def _split(value: Value, separator: Value) -> Value:
    text = as_text(value)
    if separator is None:
        parts = text.split(maxsplit=MAXIMUM_PARTS)
    else:
        parts = text.split(_not_empty(as_text(separator)), maxsplit=MAXIMUM_PARTS)
    if len(parts) > MAXIMUM_PARTS:
        raise TooLarge(f"A text is split into {MAXIMUM_PARTS:,} parts at most.")
    return list(parts)


def _join(value: Value, separator: Value) -> str:
    between = "" if separator is None else as_text(separator)
    parts = as_list(value)
    check_length(count_within(parts, MAXIMUM_BUILT) + len(between) * max(len(parts) - 1, 0))
    texts = [text_of(part) for part in parts]
    check_length(sum(map(len, texts)) + len(between) * max(len(texts) - 1, 0))
    return between.join(texts)


def _starts_with(value: Value, part: Value) -> bool:
    return composed(as_text(value)).startswith(composed(as_text(part)))


def _ends_with(value: Value, part: Value) -> bool:
    return composed(as_text(value)).endswith(composed(as_text(part)))


def _same(value: Value, other: Value) -> bool:
    return fold_text(as_text(value)) == fold_text(as_text(other))


def _urlencode(value: Value) -> str:
    return percent_encoded(as_text(value))


def _json(value: Value) -> str:
    check_length(count_within(value, MAXIMUM_BUILT))
    text = to_json(value)
    check_length(len(text))
    return text


def percent_encoded(text: str) -> str:
    """The text as one segment of an address: everything but letters, digits and `_.-~` percent-encoded."""
    data = text.encode("utf-8", "replace")
    check_length(sum(1 if byte in _WRITTEN_PLAINLY else 3 for byte in data))
    return quote(data, safe="")


def _grown(text: str) -> str:
    check_length(3 * len(text))  # one letter becomes three at most ("ΐ" in capitals)
    return text


def _not_empty(text: str) -> str:
    if not text:
        raise ExpressionError("", "The text to look for must not be empty.")
    return text


TEXT_FILTERS = (
    Filter("upper", "All letters as capitals.", '{{ "łódź" | upper }}', "ŁÓDŹ", _upper),
    Filter("lower", "No capitals.", '{{ "VIP" | lower }}', "vip", _lower),
    Filter(
        "capitalize", "The first letter as a capital, the others not.", '{{ "aNNA" | capitalize }}', "Anna", _capitalize
    ),
    Filter("title", "Each word begins with a capital.", '{{ "anna o\'neil" | title }}', "Anna O'neil", _title),
    Filter("trim", "Without white space at both ends.", '{{ "  Anna " | trim }}', "Anna", _trim),
    Filter(
        "replace",
        "Each place of one text replaced by another text.",
        '{{ "600-100-200" | replace("-", " ") }}',
        "600 100 200",
        _replace,
        ("old", "new"),
        required=2,
    ),
    Filter(
        "truncate",
        "At most so many characters; a longer text ends in … or a mark of yours.",
        '{{ "The printer is broken" | truncate(12) }}',
        "The printer…",
        _truncate,
        ("length", "end"),
        required=1,
    ),
    Filter(
        "split",
        "A list of the parts between a separator, or of the words.",
        '{{ "red, green" | split(", ") | last }}',
        "green",
        _split,
        ("separator",),
    ),
    Filter(
        "join",
        "The elements of a list as one text, with a separator between them.",
        '{{ ["red", "green"] | join(", ") }}',
        "red, green",
        _join,
        ("separator",),
    ),
    Filter(
        "starts_with",
        "Whether the text begins so; capitals count.",
        '{{ "+48600100200" | starts_with("+48") }}',
        "true",
        _starts_with,
        ("part",),
        required=1,
    ),
    Filter(
        "ends_with",
        "Whether the text ends so; capitals count.",
        '{{ "report.pdf" | ends_with(".pdf") }}',
        "true",
        _ends_with,
        ("part",),
        required=1,
    ),
    Filter(
        "same_as",
        "Whether two texts are the same apart from capitals and white space around them.",
        '{{ " Platinum" | same_as("platinum") }}',
        "true",
        _same,
        ("other",),
        required=1,
    ),
    Filter(
        "urlencode", "Percent-encoded, as one part of an address.", '{{ "a b&c" | urlencode }}', "a%20b%26c", _urlencode
    ),
    Filter("json", "Written as JSON.", '{{ ["a", 1.50, true] | json }}', '["a",1.5,true]', _json, takes_missing=True),
    Filter("text", "The value as a text.", '{{ 12.0 | text ~ "!" }}', "12!", partial(converted, wanted="text")),
)
