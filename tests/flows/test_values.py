"""Values survive JSON exactly, read other programs' JSON safely, and convert or say in a sentence why not."""

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.values import (
    NotJson,
    TooLarge,
    TypeMismatch,
    Value,
    ValueType,
    canonical_json,
    clean_text,
    convert,
    count_within,
    decode,
    encode,
    fold_text,
    from_json_text,
    from_plain,
    same_text,
    to_json,
    to_text,
    type_of,
)

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def nested(depth: int) -> Value:
    value: Value = "deep"
    for _ in range(depth):
        value = [value]
    return value


ENCODED: list[tuple[Value, object]] = [
    (None, None),
    (True, True),
    ("text", "text"),
    ("", ""),
    (Decimal("12.50"), {"$number": "12.50"}),
    (Decimal("1E+10"), {"$number": "1E+10"}),
    (Decimal("-0"), {"$number": "0"}),
    (date(2026, 11, 21), {"$date": "2026-11-21"}),
    (NOON, {"$datetime": "2026-11-21T12:00:00Z"}),
    (NOON + timedelta(microseconds=5), {"$datetime": "2026-11-21T12:00:00.000005Z"}),
    ([Decimal(1), "a", None], [{"$number": "1"}, "a", None]),
    ({"a": Decimal(1)}, {"a": {"$number": "1"}}),
    ({"$number": "1"}, {"$$number": "1"}),
    ({"$$date": {"$x": False}}, {"$$$date": {"$$x": False}}),
    ({"$date": "2026-11-21", "b": None}, {"$$date": "2026-11-21", "b": None}),
    ({}, {}),
    ([], []),
]


@pytest.mark.parametrize(("value", "data"), ENCODED)
def test_a_value_is_encoded_with_tags_and_comes_back(value: Value, data: object) -> None:
    assert encode(value) == data
    back = decode(json.loads(canonical_json(encode(value))))
    assert back == value
    assert type_of(back) == type_of(value)


VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none()
    | st.booleans()
    | st.text(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=4)
    | st.dates()
    | st.datetimes(timezones=st.just(UTC)),
    lambda parts: (
        st.lists(parts, max_size=4)
        | st.dictionaries(st.sampled_from(["a", "$number", "$date", "$$", "$", "ą"]), parts, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=300, derandomize=True, deadline=None)
@given(VALUES)
def test_any_value_survives_json_byte_for_byte(value: Value) -> None:
    text = canonical_json(encode(value))
    back = decode(json.loads(text))
    assert back == value
    assert canonical_json(encode(back)) == text


@pytest.mark.parametrize(
    "data",
    [
        {"$number": "twelve"},
        {"$number": None},
        {"$number": ["1"]},
        {"$date": "21.11.2026"},
        {"$date": 5},
        {"$datetime": "2026-11-21T12:00:00"},
        {"$datetime": "0001-01-01T00:00:00+14:00"},
        {"$unknown": "x"},
        {"$number": "1", "$x": 1},
        1.5,
        b"x",
    ],
)
def test_data_that_encode_did_not_write_is_refused(data: object) -> None:
    with pytest.raises(NotJson):
        decode(data)


@pytest.mark.parametrize("data", [{"$number": "NaN"}, {"$number": "1e401"}, nested(65)])
def test_data_out_of_bounds_is_refused(data: object) -> None:
    with pytest.raises(TooLarge):
        decode(data)


def test_a_bare_whole_number_is_read_as_a_number() -> None:
    assert decode({"a": 5}) == {"a": Decimal(5)}


def test_64_levels_are_kept_and_65_refused() -> None:
    assert decode(encode(nested(64))) == nested(64)
    for write in (encode, to_json, to_text, from_plain):
        with pytest.raises(TooLarge):
            write(nested(65))


READ: list[tuple[str, Value]] = [
    ("12.50", Decimal("12.50")),
    ("1e2", Decimal("1E+2")),
    ("0.1", Decimal("0.1")),
    ("-0.0", Decimal(0)),
    (
        "123456789012345678901234567890.12345678901234567890",
        Decimal("123456789012345678901234567890.12345678901234567890"),
    ),
    ("5e-324", Decimal("5E-324")),
    ("1.7976931348623157e308", Decimal("1.7976931348623157E+308")),
    ('"a\\u0000b"', "a\ufffdb"),
    ('"\\ud800x"', "\ufffdx"),
    ('"\\ud83d\\ude00"', "😀"),
    ('{"a":1,"a":2}', {"a": Decimal(2)}),
    ('\ufeff{"a":[true,false,null]}', {"a": [True, False, None]}),
    ('{"\\u0000":1}', {"\ufffd": Decimal(1)}),
    ("[" * 64 + "]" * 64, None),
]


@pytest.mark.parametrize(("text", "value"), READ[:-1])
def test_json_of_others_is_read_exactly(text: str, value: Value) -> None:
    read = from_json_text(text)
    assert read == value
    assert to_text(read) == to_text(value)


def test_json_may_be_nested_64_deep() -> None:
    assert isinstance(from_json_text(READ[-1][0]), list)


@pytest.mark.parametrize(
    "text", ["", "NaN", "[Infinity]", "-Infinity", "{'a':1}", "<html>", "1,2", '"', "01", "[1,]", "\x00"]
)
def test_what_is_not_json_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(NotJson, match=r"^This is not JSON: .+\.$"):
        from_json_text(text)


@pytest.mark.parametrize(
    "text",
    [
        "1e999999999",
        "1e-999999999",
        "1e99999999999999999999999999",
        "9" * 401,
        "9" * 100_000,
        "0." + "0" * 400 + "1",
        "[" * 65 + "]" * 65,
        "[" * 100_000,
        '{"a":' * 5_000 + "1" + "}" * 5_000,
    ],
)
def test_json_that_would_explode_is_refused(text: str) -> None:
    with pytest.raises(TooLarge):
        from_json_text(text)


@pytest.mark.parametrize("data", [float("nan"), float("inf"), 10**401, Decimal("Infinity"), Decimal("1e401")])
def test_plain_numbers_out_of_bounds_are_refused(data: object) -> None:
    with pytest.raises(TooLarge):
        from_plain(data)


@pytest.mark.parametrize("data", [b"x", {1, 2}, object(), datetime(2026, 1, 1)])  # noqa: DTZ001 - a naive time is the point
def test_plain_data_without_a_place_is_refused(data: object) -> None:
    with pytest.raises(NotJson):
        from_plain(data)


def test_plain_python_data_becomes_values() -> None:
    assert from_plain({"a": 1, "b": (0.1, True, None), "d": date(2026, 1, 2)}) == {
        "a": Decimal(1),
        "b": [Decimal("0.1"), True, None],
        "d": date(2026, 1, 2),
    }
    warsaw = timezone(timedelta(hours=1))
    assert from_plain(datetime(2026, 1, 1, 1, tzinfo=warsaw)) == datetime(2026, 1, 1, tzinfo=UTC)


WRITTEN: list[tuple[Value, str]] = [
    ({"b": Decimal("12.50"), "a": None}, '{"b":12.50,"a":null}'),
    (Decimal("1E+20"), "100000000000000000000"),
    (Decimal("1E-7"), "0.0000001"),
    ([True, False, "ł\n\"'"], '[true,false,"ł\\n\\"\'"]'),
    (NOON, '"2026-11-21T12:00:00Z"'),
    (date(2026, 11, 21), '"2026-11-21"'),
]


@pytest.mark.parametrize(("value", "text"), WRITTEN)
def test_a_body_is_written_exactly(value: Value, text: str) -> None:
    assert to_json(value) == text
    json.loads(text)


PRINTED: list[tuple[Value, str]] = [
    ("a", "a"),
    (None, ""),
    (True, "true"),
    (False, "false"),
    (Decimal("100000.0"), "100000"),
    (Decimal("1e5"), "100000"),
    (Decimal("12.50"), "12.50"),
    (Decimal("-0.00"), "0"),
    (Decimal("0.1"), "0.1"),
    (date(2026, 1, 2), "2026-01-02"),
    (NOON, "2026-11-21T12:00:00Z"),
    ([Decimal(1), "a"], '[1,"a"]'),
    ({"a": {}}, '{"a":{}}'),
]


@pytest.mark.parametrize(("value", "text"), PRINTED)
def test_a_value_prints_as_people_write_it(value: Value, text: str) -> None:
    assert to_text(value) == text


CONVERTED: list[tuple[Value, ValueType, Value]] = [
    (None, "number", None),
    ("12.5", "number", Decimal("12.5")),
    (" -3 ", "number", Decimal(-3)),
    ("1e5", "number", Decimal("1E+5")),
    ("١٢", "number", Decimal(12)),
    ("1e5", "text", "1e5"),
    (Decimal("7.0"), "text", "7"),
    (True, "text", "true"),
    (date(2026, 1, 2), "text", "2026-01-02"),
    ("Yes", "boolean", True),
    ("false", "boolean", False),
    (Decimal(1), "boolean", True),
    (Decimal(0), "boolean", False),
    ("2026-11-21", "date", date(2026, 11, 21)),
    ("2026-11-21T23:30:00-02:00", "date", date(2026, 11, 22)),
    (NOON, "date", date(2026, 11, 21)),
    ("2026-11-21T13:00:00+01:00", "datetime", NOON),
    ("2026-11-21T12:00:00Z", "datetime", NOON),
    ("2026-11-21 12:00", "datetime", NOON),
    ("2026-11-21", "datetime", datetime(2026, 11, 21, tzinfo=UTC)),
    (date(2026, 11, 21), "datetime", datetime(2026, 11, 21, tzinfo=UTC)),
    (["a"], "list", ["a"]),
    ({"a": "b"}, "object", {"a": "b"}),
]


@pytest.mark.parametrize(("value", "wanted", "converted"), CONVERTED)
def test_a_value_converts(value: Value, wanted: ValueType, converted: Value) -> None:
    result = convert(value, wanted)
    assert result == converted
    assert type_of(result) == type_of(converted)


REFUSED: list[tuple[Value, ValueType]] = [
    ("twelve", "number"),
    ("", "number"),
    ("1,5", "number"),
    ("1_000", "number"),
    ("NaN", "number"),
    ("Infinity", "number"),
    ("1e999", "number"),
    ("9" * 401, "number"),
    (True, "number"),
    (date(2026, 1, 1), "number"),
    ("maybe", "boolean"),
    (Decimal(2), "boolean"),
    ("2026-02-30", "date"),
    ("20261121", "date"),
    ("2026-11-21T25:00", "datetime"),
    ("0001-01-01T00:00+14:00", "datetime"),
    (Decimal(5), "date"),
    ("[]", "list"),
    ("a", "object"),
    ([], "text"),
    ({}, "text"),
    ([], "object"),
]


@pytest.mark.parametrize(("value", "wanted"), REFUSED)
def test_a_value_that_does_not_convert_says_so_in_a_sentence(value: Value, wanted: ValueType) -> None:
    with pytest.raises(TypeMismatch, match=r" is .+ and cannot be read as .+\.$"):
        convert(value, wanted)


SAME = [
    ("Platinum", " platinum\n", True, False),
    ("ŁÓDŹ", "łódź", True, False),
    ("STRASSE", "straße", True, False),
    ("e\u0301", "é", True, False),
    ("a", "a", True, True),
    ("a", "b", False, False),
    ("a b", "ab", False, False),
]


@pytest.mark.parametrize(("a", "b", "same", "exactly"), SAME)
def test_texts_compare_composed_without_capitals_and_trimmed(a: str, b: str, same: bool, exactly: bool) -> None:
    assert same_text(a, b) is same
    assert same_text(a, b, exact=True) is exactly


def test_folding_is_stable() -> None:
    for text in ("İstanbul", "ǰ", "ΐ", " \u00a0Ẹ̀ "):
        assert fold_text(fold_text(text)) == fold_text(text)


def test_what_databases_refuse_is_replaced() -> None:
    assert clean_text("a\x00b\ud800c\udfff") == "a\ufffdb\ufffdc\ufffd"
    assert clean_text("zażółć 😀 \u202e") == "zażółć 😀 \u202e"


CANONICAL = [
    ({"b": 1, "a": [144.0, 0.5, 1e16]}, '{"a":[144,0.5,10000000000000000],"b":1}'),
    ({"text": "1.0 ł"}, '{"text":"1.0 ł"}'),
    ((1.0, True, None), "[1,true,null]"),
]


@pytest.mark.parametrize(("data", "text"), CANONICAL)
def test_canonical_json_is_sorted_compact_and_whole(data: object, text: str) -> None:
    assert canonical_json(data) == text


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_canonical_json_refuses_what_is_no_number(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json([number])


def test_counting_a_shared_structure_stops_at_the_limit() -> None:
    value: Value = ["x" * 100]
    for _ in range(60):
        value = [value, value]  # 2^60 texts if written out
    assert count_within(value, 10_000) > 10_000
    assert count_within({"ab": "cd", "e": [Decimal(1)]}, 100) == 9
