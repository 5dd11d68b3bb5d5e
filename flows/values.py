"""The values of variables: text, number, yes or no, date, date with time, list, object, or missing.

One door to three rooms: what a value may be, its JSON, and its text and conversions.
"""

from flows.value_json import (
    NotJson,
    canonical_json,
    clean_text,
    datetime_text,
    decode,
    encode,
    from_json_text,
    from_plain,
    in_one_line,
    is_one_line,
    to_json,
)
from flows.value_kinds import (
    MAXIMUM_DEPTH,
    MAXIMUM_DIGITS,
    VALUE_TYPES,
    TooLarge,
    TypeMismatch,
    Value,
    ValueType,
    bounded,
    count_within,
    described,
    type_of,
)
from flows.value_texts import convert, fold_text, same_text, to_text

__all__ = [
    "MAXIMUM_DEPTH",
    "MAXIMUM_DIGITS",
    "VALUE_TYPES",
    "NotJson",
    "TooLarge",
    "TypeMismatch",
    "Value",
    "ValueType",
    "bounded",
    "canonical_json",
    "clean_text",
    "convert",
    "count_within",
    "datetime_text",
    "decode",
    "described",
    "encode",
    "fold_text",
    "from_json_text",
    "from_plain",
    "in_one_line",
    "is_one_line",
    "same_text",
    "to_json",
    "to_text",
    "type_of",
]
