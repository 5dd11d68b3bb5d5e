"""Routing by words: the worked examples of the phrases, every way of matching, and which row wins."""

import unicodedata
from typing import Any

import pytest

from flows.check import InstallationNames, check
from flows.document import from_data
from flows.patterns import PatternTimeout
from flows.phrases import PhraseTable
from tests.steps.visits import STEPS, Visit, step_of

SUPPORT = {"id": "support", "any": ["nie działa"]}


def routed(text: str, *rows: dict[str, Any], **more: Any) -> Visit:
    """A message with this text, sent along the rows."""
    return Visit("keyword_route", {"rows": list(rows), "text": "{{ said }}"}, variables={"said": text}, **more)


@pytest.mark.parametrize(
    "text",
    [
        "Drukarka nie działa!",
        "Nie działa!",
        "NIE DZIAŁA drukarka",
        "nie\u00a0 działa",
        "nie\ndziała",
        "„nie działa”",
        unicodedata.normalize("NFD", "nie działa"),
        "nie dziala",
    ],
)
def test_the_phrase_is_found_however_it_is_written(text: str) -> None:
    assert routed(text, SUPPORT).left_by == "support"


@pytest.mark.parametrize(
    ("text", "mode", "way"),
    [
        ("drukarka niedziała", "phrase", "otherwise"),
        ("działa", "phrase", "otherwise"),
        ("nie zawsze działa", "phrase", "otherwise"),
        ("nie działają", "phrase", "otherwise"),
        ("nie działają", "inflected", "support"),
        ("działa, tylko czasem nie", "word", "support"),
        ("nie działasz", "prefix", "support"),
        ("nie działa", "pattern", "support"),
        ("nie  działa", "pattern", "otherwise"),
    ],
)
def test_each_mode_finds_what_it_says_and_no_more(text: str, mode: str, way: str) -> None:
    assert routed(text, {**SUPPORT, "mode": mode, "language": "pl"}).left_by == way


def test_marks_count_where_the_author_wants_them_to() -> None:
    assert routed("nie dziala", {**SUPPORT, "ignores_marks": False}).left_by == "otherwise"


@pytest.mark.parametrize(
    ("text", "way"),
    [
        ("order 12 please", "all"),
        ("an order", "otherwise"),
        ("order 12, not now", "otherwise"),
        ("12 orders", "otherwise"),
    ],
)
def test_all_and_none_hold_beside_any(text: str, way: str) -> None:
    row = {"id": "all", "any": ["order"], "all": ["12"], "none": ["not now", "later"]}
    assert routed(text, row).left_by == way


def test_the_first_row_that_matches_wins_and_stands_in_the_trace() -> None:
    rows = [{"id": f"row{n}", "any": [word]} for n, word in enumerate(["a", "printer", "c", "d", "broken"], 1)]
    visit = routed("My printer is broken", *rows)
    assert visit.left_by == "row2"
    assert visit.why == {"row": "row2", "hits": [{"words": "printer", "mode": "phrase", "from": 3, "to": 10}]}


@pytest.mark.parametrize(
    ("condition", "way"),
    [
        ({"value": "{{ conversation.kind }}", "as": "text", "operator": "is", "operand": "messages"}, "support"),
        ({"value": "{{ conversation.kind }}", "as": "text", "operator": "is", "operand": "call"}, "rest"),
        ({"value": "{{ contact.language }}", "as": "text", "operator": "is_one_of", "operands": ["pl"]}, "support"),
        ({"value": "{{ contact.attributes.tier }}", "as": "text", "operator": "is", "operand": "gold"}, "support"),
        ({"value": "{{ contact.attributes.tier }}", "as": "text", "operator": "is", "operand": "silver"}, "rest"),
        ({"value": "{{ now }}", "as": "date", "operator": "before", "operand": "2020-01-01"}, "rest"),
    ],
)
def test_a_row_may_hold_on_one_channel_language_attribute_or_day_only(condition: dict[str, Any], way: str) -> None:
    rest = {"id": "rest", "any": ["działa"]}
    contact = {"language": "pl", "attributes": {"tier": "gold"}}
    visit = routed("nie działa", {**SUPPORT, "conditions": [condition]}, rest, contact=contact)
    assert visit.left_by == way
    assert visit.why.get("conditions_failed", []) == (["support"] if way == "rest" else [])


def test_a_message_without_words_goes_otherwise_and_the_contacts_message_is_the_text_by_default() -> None:
    assert routed("", SUPPORT).left_by == "otherwise"
    assert Visit("keyword_route", {"rows": [{"id": "hi", "any": ["hello"]}]}).left_by == "hi"


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"id": "x", "any": ["["], "mode": "pattern"}, "a"),
        (
            {"id": "x", "any": ["a"], "conditions": [{"value": "{{ 1 / 0 }}", "as": "any", "operator": "is_present"}]},
            "a",
        ),
        ({"id": "x", "any": ["…"]}, "a"),
    ],
)
def test_what_cannot_be_worked_out_is_an_expression_error(row: dict[str, Any], text: str) -> None:
    visit = routed(text, row)
    assert (visit.left_by, visit.error) == ("failure", "expression_error")


def test_a_pattern_that_takes_too_long_is_an_expression_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def slow(*_: object) -> None:
        raise PatternTimeout("It took too long.")

    monkeypatch.setattr(PhraseTable, "matches", slow)
    assert routed("a", {"id": "x", "any": ["a+"], "mode": "pattern"}).error == "expression_error"


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ([{"id": "a", "any": ["x"]}, {"id": "a", "any": ["y"]}], "exit_twice"),
        ([{"id": "otherwise", "any": ["x"]}], "exit_twice"),
        ([{"id": "a"}], "bad_phrase"),
        ([{"id": "a", "any": ["!?"]}], "bad_phrase"),
        ([{"id": "a", "any": ["["], "mode": "pattern"}], "bad_pattern"),
        (
            [{"id": "a", "any": ["x"], "conditions": [{"value": "1", "as": "number", "operator": "less"}]}],
            "operand_missing",
        ),
        (
            [{"id": "a", "any": ["x"],
              "conditions": [{"value": "1", "as": "text", "operator": "matches", "operand": "["}]}],
            "bad_pattern",
        ),
    ],
)  # fmt: skip
def test_rows_that_cannot_work_are_findings(rows: list[dict[str, Any]], code: str) -> None:
    steps = {"it": {"type": "keyword_route", "config": {"rows": rows}, "exits": {}}}
    flow = from_data({"format": 1, "name": "Words", "languages": ["en"], "steps": steps})
    assert code in {finding.code for finding in check(flow, STEPS, InstallationNames()) if finding.step == "it"}


def test_the_summary_shows_the_first_words() -> None:
    assert step_of("keyword_route").summary({"rows": [SUPPORT, {"id": "b", "all": ["cena"]}]}) == "nie działa, cena"


def test_rows_are_compiled_once_and_a_table_of_thousands_is_quick() -> None:
    compiled = 0
    real = PhraseTable.compile

    def counted(*given: Any, **more: Any) -> PhraseTable:
        nonlocal compiled
        compiled += 1
        return real(*given, **more)

    config = {"rows": [{"id": f"r{n}", "any": [f"word{n}x{m}" for m in range(200)]} for n in range(48)]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PhraseTable, "compile", counted)
        ways = [Visit("keyword_route", config).left_by for _ in range(3)]
    assert (ways, compiled) == (["otherwise"] * 3, 1)
