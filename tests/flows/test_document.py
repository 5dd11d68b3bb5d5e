"""Reading and writing flow documents: what is refused with which words, and what stays the same bytes."""

import json
import math
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import document, plain_json
from flows.document import from_data, read, to_data, write
from flows.errors import DocumentError
from flows.form.faults import validator
from flows.limits import Limits
from tests.flows.documents import RIGHT, WRONG, changed, vip_calls

SCHEMA = json.loads((Path(document.__file__).parent / "flow.schema.json").read_text(encoding="utf-8"))


def refused(source: bytes | str) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read(source)
    assert caught.value.sentence.endswith((".", ".”"))
    return caught.value


@pytest.mark.parametrize(("where", "value", "path", "code"), WRONG)
def test_a_wrong_document_is_refused_with_its_place(where: str, value: Any, path: str, code: str) -> None:
    error = refused(json.dumps(changed(where, value)))
    assert (error.path, error.code) == (path, code)


@pytest.mark.parametrize(("where", "value", "path", "code"), WRONG)
def test_the_schema_of_other_tools_refuses_the_same(where: str, value: Any, path: str, code: str) -> None:
    assert not validator(SCHEMA).is_valid(changed(where, value))


@pytest.mark.parametrize(("where", "value"), RIGHT)
def test_reader_and_schema_allow_what_is_unusual(where: str, value: Any) -> None:
    good = changed(where, value)
    assert list(validator(SCHEMA).iter_errors(good)) == []
    written = write(from_data(good))
    assert write(read(written)) == written


def test_the_schema_is_itself_a_schema() -> None:
    validator(SCHEMA).check_schema(SCHEMA)


def test_reader_and_schema_name_the_same_keys() -> None:
    assert set(SCHEMA["properties"]) == set(document._FLOW_KEYS)


def test_the_flow_of_the_design_is_read_and_written_as_the_same_data() -> None:
    assert to_data(from_data(vip_calls())) == vip_calls()
    assert json.loads(write(from_data(vip_calls()))) == vip_calls()


def test_writing_is_stable_sorted_and_readable() -> None:
    written = write(from_data(vip_calls()))
    assert write(read(written)) == written
    assert write(read(written.encode())) == written
    assert written.endswith("\n}\n")
    assert "nie odebrać" in write(from_data(changed("steps.sorry.config.text.pl", "nie odebrać")))
    assert list(json.loads(written)["steps"]) == sorted(vip_calls()["steps"])
    assert json.loads(written)["languages"] == ["en", "pl"]
    assert [case["id"] for case in json.loads(written)["steps"]["tier"]["config"]["cases"]] == ["platinum", "gold"]


def test_the_order_of_keys_in_the_source_changes_nothing() -> None:
    backwards = json.loads(json.dumps(vip_calls()), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    assert write(from_data(backwards)) == write(from_data(vip_calls()))


NUMBERS = [
    ("1", "1"),
    ("1.0", "1"),
    ("-0.0", "0"),
    ("1e3", "1000"),
    ("1.50", "1.5"),
    ("0.1", "0.1"),
    ("9007199254740991", "9007199254740991"),
    ("1e-7", "1e-07"),
    ("0.30000000000000004", "0.30000000000000004"),
]


@pytest.mark.parametrize(("source", "written"), NUMBERS)
def test_numbers_are_kept_exactly_and_written_one_way(source: str, written: str) -> None:
    text = json.dumps(changed("steps.x", {"type": "say", "config": {"n": "HERE"}})).replace('"HERE"', source)
    once = write(read(text))
    assert f'"n": {written}\n' in once
    assert write(read(once)) == once


@pytest.mark.parametrize(
    "source",
    ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "9007199254740992", "1e16", "9" * 5000,
     "0.1234567890123456789", "1e99999999999999999999999", "0." + "1" * 100_000],
)  # fmt: skip
def test_a_number_that_cannot_be_kept_is_refused_where_it_stands(source: str) -> None:
    text = json.dumps(changed("steps.x", {"type": "say", "config": {"n": ["HERE"]}})).replace('"HERE"', source)
    error = refused(text)
    assert (error.path, error.code) == ("steps.x.config.n.0", "number_out_of_range")


def test_numbers_that_parsed_data_brings_are_held_to_the_same() -> None:
    for number in (math.nan, math.inf, 2**60, -1e300):
        with pytest.raises(DocumentError, match="Write it as text"):
            from_data(changed("steps.x", {"type": "say", "config": {"n": number}}))


TEXTS: list[tuple[str | bytes, str, str]] = [
    (b"\xff\xfe{}", "", "not_utf8"),
    (b'{"name": "\xc3("}', "", "not_utf8"),
    ("", "", "not_json"),
    ("nonsense", "", "not_json"),
    ('{"format": 1,}', "", "not_json"),
    ('{"format": 1} {}', "", "not_json"),
    ("[]", "", "wrong_type"),
    ("null", "", "wrong_type"),
    ("17", "", "wrong_type"),
    ('{"format": 1, "format": 1}', "format", "duplicate_key"),
    ('{"format": 1, "steps": {"a": {"config": {"b": [{"c": 1, "c": 2}]}}}}', "steps.a.config.b.0.c", "duplicate_key"),
    ('{"a\\u0000": 1, "a\\ufffd": 2}', "a\ufffd", "duplicate_key"),
    ("[" * 100_000, "", "too_deep"),
    ('{"a":' * 60_000, "", "too_deep"),
    (" " * 524_289, "", "too_large"),
    ("ż" * 300_000, "", "too_large"),
    (b"\x00" * 600_000, "", "too_large"),
]


@pytest.mark.parametrize(("source", "path", "code"), TEXTS, ids=lambda value: str(value)[:30])
def test_a_hostile_text_is_refused_in_a_sentence(source: str | bytes, path: str, code: str) -> None:
    began = time.perf_counter()
    error = refused(source)
    assert (error.path, error.code) == (path, code)
    assert time.perf_counter() - began < 20


def test_sixty_four_levels_are_read_and_sixty_five_refused() -> None:
    def nested(levels: int) -> dict[str, Any]:
        inner: Any = []
        for _ in range(levels - 5):  # the document, its steps, the step and its config are four, the list is one
            inner = [inner]
        return changed("steps.x", {"type": "say", "config": {"n": inner}})

    assert write(from_data(nested(64)))
    with pytest.raises(DocumentError, match="64 deep") as caught:
        from_data(nested(65))
    assert caught.value.code == "too_deep"


def test_a_document_of_512_kib_is_read_and_one_byte_more_refused() -> None:
    room = 512 * 1024 - len(write(from_data(changed("description", ""))).encode())
    text = write(from_data(changed("description", "x" * room)))
    assert len(text.encode()) == 512 * 1024
    with pytest.raises(DocumentError, match="larger than 512 KiB"):
        from_data(changed("description", "x" * (room + 1)))
    assert write(read(text)) == text
    error = refused(text + " ")
    assert (error.path, error.code) == ("", "too_large")


def test_a_byte_order_mark_is_passed_over() -> None:
    assert read(b"\xef\xbb\xbf" + json.dumps(vip_calls()).encode()).name == "VIP calls"
    assert read("\ufeff" + json.dumps(vip_calls())).name == "VIP calls"


def test_what_databases_refuse_is_replaced_in_keys_and_texts() -> None:
    text = json.dumps(changed("steps.x", {"type": "say", "config": {"a\0": "b\0\ud800c"}}))
    assert read(text).steps["x"].config == {"a\ufffd": "b\ufffd\ufffdc"}
    assert write(read(text)).encode()


def test_what_was_read_is_small_enough_to_be_read_again() -> None:
    big = changed("steps.x", {"type": "say", "config": {"n": [[1, 2, 3]] * 30_000}})
    compact = json.dumps(big, separators=(",", ":"))
    assert len(compact) < Limits().document_bytes
    with pytest.raises(DocumentError, match="512 KiB"):
        read(compact)


def test_an_unknown_type_is_kept_and_written_back_unchanged() -> None:
    strange = {
        "type": "ask_the_oracle",
        "name": "Oracle",
        "format": 3,
        "config": {"z": [1, {"b": 0.25, "a": None}], "a": {"deep": {"deeper": "{{ x }}"}}},
        "exits": {"heads": "end", "tails": "tier"},
    }
    flow = read(json.dumps(changed("steps.oracle", strange)))
    assert json.loads(write(flow))["steps"]["oracle"] == strange


def test_two_groups_of_one_id_are_refused() -> None:
    group = vip_calls()["groups"][0]
    with pytest.raises(DocumentError, match="stands in groups twice"):
        from_data(changed("groups", [group, group]))


def test_limits_of_the_installation_hold() -> None:
    for limits, code in (
        (Limits(steps_per_flow=7), "too_many_steps"),
        (Limits(exits_per_step=2), "too_many_exits"),
        (Limits(document_bytes=1000), "too_large"),
        (Limits(document_depth=3), "too_deep"),
    ):
        with pytest.raises(DocumentError) as caught:
            read(json.dumps(vip_calls()), limits)
        assert caught.value.code == code


def test_positions_become_whole_pixels() -> None:
    flow = from_data(changed("layout.at", {"call": [0.4, -12.6]}))
    assert flow.layout["at"] == {"call": [0, -13]}


def test_a_flow_made_in_code_writes_itself_readably() -> None:
    flow = from_data(vip_calls())
    fresh = document.Flow(name="New", steps={})
    assert read(write(fresh)) == replace(fresh, layout={})
    assert read(write(flow)) == flow


def test_a_thousand_steps_are_read_and_written_in_a_second() -> None:
    steps = {
        f"s{n}": {"type": "say", "config": {"text": {"en": "x" * 100}}, "exits": {"next": "end"}} for n in range(1000)
    }
    began = time.perf_counter()
    write(read(json.dumps(changed("steps", steps))))
    assert time.perf_counter() - began < 20


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PLACES = sorted({where for where, *_ in WRONG if "." not in where or where.split(".")[0] != "steps"})


@settings(max_examples=300, deadline=None)
@given(where=st.sampled_from(PLACES), value=JSON)
def test_any_json_in_any_place_is_read_or_refused_by_name(where: str, value: Any) -> None:
    with suppress(DocumentError):
        written = write(from_data(changed(where, value)))
        assert write(read(written)) == written


EVERY_PLACE = sorted({where for where, *_ in (*WRONG, *RIGHT)} - {"steps"})


@settings(max_examples=1_000, deadline=None)
@given(where=st.sampled_from(EVERY_PLACE), value=JSON)
def test_reader_and_schema_agree_about_any_json_in_any_place(where: str, value: Any) -> None:
    data = changed(where, value)
    try:
        plain_json.normalised(data, Limits())
    except DocumentError:
        return  # a number that no schema can describe
    assert validator(SCHEMA).is_valid(data) == is_read(data), where


def is_read(data: Any) -> bool:
    try:
        from_data(data)
    except DocumentError:
        return False
    return True


@settings(max_examples=200, deadline=None)
@given(source=st.binary(max_size=200) | st.text(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(source: bytes | str) -> None:
    with pytest.raises(DocumentError):
        read(source)
