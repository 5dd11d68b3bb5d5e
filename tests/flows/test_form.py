"""The form of a step's config: what may be in it, what is said about a wrong one, and what it contains."""

import re
from typing import Any

import pytest

from flows import form
from flows.errors import SchemaError

FORM = form.record(
    {
        "numbers": form.rows("Numbers", "What it answers.", form.named("number", "Number", "One number."), 1, 3),
        "attempts": form.whole("Attempts", "How often it asks.", 1, 5, default=3),
        "share": form.number("Share", "Part of all.", 0, 1),
        "limit": form.seconds("Time limit", "How long it waits.", 1, 60, default=10),
        "exact": form.advanced(form.yes_no("Exact", "Whether case counts.", default=False)),
        "method": form.choice("Method", "How it asks.", {"GET": "Read", "POST": "Write"}, default="GET"),
        "code": form.text("Code", "A short code.", pattern="^[A-Z]{2}$", says="two capital letters"),
        "note": form.length(form.text("Note", "For colleagues."), 1, 5),
        "text": form.localised("Text", "What is said.", extra=["queue"]),
        "url": form.address("Address", "Where to ask."),
        "queue": form.template("Queue", "Which queue.", names="queue"),
        "operand": form.value("Operand", "What to compare with."),
        "body": form.body("Body", "What is sent."),
        "cases": form.unique(
            form.rows(
                "Cases",
                "Tried in order.",
                form.record(
                    {
                        "id": form.exit_id("Exit", "Its exit."),
                        "sets": form.variable("Variable", "What it sets."),
                        "header": form.header_value("Header", "Sent along."),
                    },
                    ["id"],
                ),
            )
        ),
        "target": form.record(
            {"queue": form.named("queue", "Queue", "Ours."), "sip": form.address("SIP address", "Somebody else's.")},
            title="Target",
            help_text="Where to.",
            exactly_one_of=["queue", "sip"],
        ),
        "media": form.variants(
            "Media",
            "What is shown.",
            "kind",
            {
                "file": ("A file", form.record({"file": form.text("File", "Which file.")}, ["file"])),
                "link": ("A link", form.record({"link": form.address("Link", "Which address.")}, ["link"])),
            },
        ),
    },
    ["numbers"],
)
GOOD: dict[str, Any] = {
    "numbers": ["support-line"],
    "attempts": 2,
    "share": 0.5,
    "code": "PL",
    "text": {"en": "Hello {{ name }}", "pl": "Cześć"},
    "url": "https://example.com/{{ contact.phone }}",
    "queue": "gold",
    "operand": "{{ tier }}",
    "body": {"a": ["{{ x }}", 1, {"b": "{{ y }}"}]},
    "cases": [{"id": "one", "sets": "tier", "header": "{{ h }}"}, {"id": "two"}],
    "target": {"sip": "sip:a@example.com"},
    "media": {"kind": "link", "link": "https://example.com/{{ z }}"},
}

FAULTS: list[tuple[dict[str, Any], str, str]] = [
    ({"numbers": []}, "numbers", "Numbers needs at least one entry."),
    ({"numbers": ["a", "b", "c", "d"]}, "numbers", "Numbers takes at most 3 entries."),
    ({"numbers": [""]}, "numbers.0", "Entry 1 of Numbers needs to be filled in."),
    ({"numbers": "a"}, "numbers", "Numbers needs to be a list."),
    ({"attempts": 6}, "attempts", "Attempts needs to be 5 or less."),
    ({"attempts": 0}, "attempts", "Attempts needs to be 1 or more."),
    ({"attempts": 1.5}, "attempts", "Attempts needs to be a whole number."),
    ({"attempts": True}, "attempts", "Attempts needs to be a whole number."),
    ({"share": "half"}, "share", "Share needs to be a number."),
    ({"exact": "yes"}, "exact", "Exact needs to be yes or no."),
    ({"method": "PUT"}, "method", "Method needs to be one of “GET”, “POST”."),
    ({"code": "pl"}, "code", "Code needs to be two capital letters."),
    ({"code": "PL\n"}, "code", "Code needs to be two capital letters."),
    ({"note": ""}, "note", "Note needs to be filled in."),
    ({"note": "a long note"}, "note", "Note takes at most 5 characters."),
    ({"text": {}}, "text", "Text needs a text in at least one language."),
    ({"text": {"en": 1}}, "text.en", "“en” needs to be text."),
    ({"text": "Hello"}, "text", "Text needs to be a group of settings."),
    ({"queue": 7}, "queue", "Queue needs to be text."),
    ({"cases": [{}]}, "cases.0.id", "Exit in entry 1 of Cases is missing."),
    ({"cases": [{"id": "One"}]}, "cases.0.id", "Exit in entry 1 of Cases needs to be up to 40 small letters,"),
    ({"cases": [{"id": "a"}, {"id": "a"}]}, "cases", "Cases has the same entry twice."),
    ({"cases": [{"id": "a", "colour": 1}]}, "cases.0.colour", "“colour” is not a setting of entry 1 of Cases."),
    ({"target": {}}, "target", "Target needs exactly one of: Queue, SIP address."),
    ({"target": {"queue": "a", "sip": "b"}}, "target", "Target needs exactly one of: Queue, SIP address."),
    ({"media": {"kind": "film"}}, "media.kind", "Media needs “kind” to be one of “file”, “link”."),
    ({"media": {}}, "media.kind", "Media needs “kind” to be one of “file”, “link”."),
    ({"media": {"kind": "file"}}, "media.file", "File is missing."),
    ({"colour": "red"}, "colour", "“colour” is not a setting of this step."),
]


def test_a_good_config_has_no_faults_and_is_not_touched() -> None:
    before = repr(GOOD)
    assert form.validate(FORM, GOOD) == []
    assert repr(GOOD) == before


@pytest.mark.parametrize(("change", "path", "sentence"), FAULTS)
def test_a_fault_says_where_and_what_in_words(change: dict[str, Any], path: str, sentence: str) -> None:
    faults = form.validate(FORM, {**GOOD, **change})
    assert path in [fault.path for fault in faults]
    assert any(fault.sentence.startswith(sentence) for fault in faults), faults


def test_every_missing_setting_is_named() -> None:
    schema = form.record({"a": form.text("A", "First."), "b": form.text("B", "Second.")}, ["a", "b"])
    assert [fault.sentence for fault in form.validate(schema, {})] == ["A is missing.", "B is missing."]


def test_a_config_that_is_no_object_is_a_fault() -> None:
    assert [fault.sentence for fault in form.validate(FORM, [])] == ["This step needs to be a group of settings."]


def test_templates_are_found_with_their_place() -> None:
    found = {use.field: (use.source, use.place, use.extra) for use in form.templates(FORM, GOOD)}
    assert found == {
        "text.en": ("Hello {{ name }}", "text", ("queue",)),
        "text.pl": ("Cześć", "text", ("queue",)),
        "url": ("https://example.com/{{ contact.phone }}", "address", ()),
        "queue": ("gold", "text", ()),
        "operand": ("{{ tier }}", "value", ()),
        "body.a.0": ("{{ x }}", "body", ()),
        "body.a.2.b": ("{{ y }}", "body", ()),
        "cases.0.header": ("{{ h }}", "header", ()),
        "target.sip": ("sip:a@example.com", "address", ()),
        "media.link": ("https://example.com/{{ z }}", "address", ()),
    }


def test_references_variables_exits_and_texts_are_found() -> None:
    references = [(found.kind, found.name, found.field) for found in form.references(FORM, GOOD)]
    assert references == [("number", "support-line", "numbers.0"), ("queue", "gold", "queue")]
    assert form.references(FORM, {"queue": "{{ chosen }}"}) == []
    assert form.variable_names(FORM, GOOD) == [("cases.0.sets", "tier")]
    assert form.localised_texts(FORM, GOOD) == [("text", GOOD["text"])]


def test_walking_a_hostile_config_finds_nothing_and_does_not_stumble() -> None:
    hostile: Any = {"numbers": {"a": 1}, "cases": [1, None, {"id": []}], "text": [], "media": "x", "target": {"sip": 1}}
    assert form.templates(FORM, hostile) == []
    assert form.references(FORM, hostile) == []
    assert form.filled(FORM, hostile)["cases"] == [1, None, {"id": []}]


def test_defaults_are_filled_in_for_reading_only() -> None:
    inner = form.record({"count": form.whole("Count", "How many.", default=2)})
    schema = form.record({"retries": form.rows("Retries", "How often.", inner), "limit": FORM["properties"]["limit"]})
    config: dict[str, Any] = {"retries": [{}, {"count": 5}]}
    assert form.filled(schema, config) == {"retries": [{"count": 2}, {"count": 5}], "limit": 10}
    assert config == {"retries": [{}, {"count": 5}]}


def test_a_text_that_a_pattern_cannot_be_tried_on_in_time_is_a_fault() -> None:
    schema = form.record({"code": form.text("Code", "Any.", pattern="^(a|a)*$", says="short")})
    assert [fault.sentence for fault in form.validate(schema, {"code": "a" * 40 + "b"})] == ["Code needs to be short."]


def test_what_the_constructors_make_can_be_drawn() -> None:
    form.check_schema(FORM)


FIELD = form.text("A", "Help.")
REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"type": "string"}, "needs to be a record"),
    ({"type": "object", "properties": {}}, "additionalProperties: false"),
    (form.record({"a": {"type": "string"}}), "title and a sentence of help"),
    (form.record({"a": {**FIELD, "description": ""}}), "title and a sentence of help"),
    (form.record({"a": {**FIELD, "format": "email"}}), "cannot draw “format”"),
    (form.record({"a": {**FIELD, "$ref": "#/x"}}), "cannot draw “$ref”"),
    (form.record({"a": {**FIELD, "anyOf": []}}), "cannot draw “anyOf”"),
    (form.record({"a": {**FIELD, "type": "null"}}), "no type a form knows"),
    (form.record({"a": {**FIELD, "type": ["string", "number"]}}), "no type a form knows"),
    (form.record({"a": {**FIELD, "x-kind": "colour"}}), "is no kind"),
    (form.record({"a": {**FIELD, "x-kind": "seconds"}}), "cannot have the type"),
    (form.record({"a": {**FIELD, "x-names": "moon"}}), "x-names needs"),
    (form.record({"a": {**FIELD, "x-names": "queue", "x-media-types": ["audio/wav"]}}), "x-media-types says"),
    (form.record({"a": {**FIELD, "x-advanced": False}}), "x-advanced"),
    (form.record({"a": {**FIELD, "pattern": "("}}), "no regular expression"),
    (form.record({"a": {**FIELD, "minimum": 1}}), "cannot draw “minimum”"),
    (form.record({"a": {**FIELD, "oneOf": [{"type": "string"}]}}), "const and a title"),
    (form.record({"a": FIELD}, ["b"]), "“b” is required but no field"),
    (form.record({"a": FIELD}, exactly_one_of=["b"]), "“b” is required but no field"),
    (form.record({"a": form.whole("A", "Help.", 1, 5, default=9)}), "The default does not fit"),
    (form.record({"a": form.rows("A", "Help.", {"type": "array"})}), "no type a form knows"),
    (
        form.record({"a": form.variants("A", "Help.", "k", {"x": ("X", form.record({"k": form.text("K", "Help.")}))})}),
        "exactly one required field with a const",
    ),
]


@pytest.mark.parametrize(("schema", "sentence"), REFUSED)
def test_a_schema_that_no_form_can_draw_is_refused(schema: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SchemaError, match=re.escape(sentence)):
        form.check_schema(schema)
