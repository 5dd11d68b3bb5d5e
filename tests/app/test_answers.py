"""How the types of answers are described: what each becomes, what is told once by its name, and what may be none."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import pytest
from flask import Response

from app.web.api import NOUNS
from app.web.api.answers import Described, Format, Instant, OneOf, PageData, Schema, answer_of
from app.web.api.openapi import document


class PlaceData(TypedDict):
    """Where a letter
    lies."""

    shelf: int


class LetterData(TypedDict):
    title: Annotated[str, "What stands on it."]
    place: PlaceData
    before: PlaceData | None
    opened_at: NotRequired[Instant]


class AnsweredLetterData(LetterData):
    answer: str


class TreeData(TypedDict):
    branches: list["TreeData"]


class Ours:
    class TwinData(TypedDict):
        ours: int


class Theirs:
    class TwinData(TypedDict):
        theirs: int


PLACE: Schema = {"$ref": "#/components/schemas/Place"}

KINDS: list[tuple[Any, Schema]] = [
    (str, {"type": "string"}),
    (int, {"type": "integer"}),
    (float, {"type": "number"}),
    (bool, {"type": "boolean"}),
    (Any, {}),
    (Response, {"type": "object"}),
    (str | None, {"type": ["string", "null"]}),
    (int | str | None, {"type": ["integer", "string", "null"]}),
    (PlaceData, PLACE),
    (PlaceData | None, {"anyOf": [PLACE, {"type": "null"}]}),
    (PlaceData | Response, PLACE),
    (list[str | None], {"type": "array", "items": {"type": ["string", "null"]}}),
    (Sequence[PlaceData], {"type": "array", "items": PLACE}),
    (dict[str, Any], {"type": "object"}),
    (Mapping[str, PlaceData], {"type": "object", "additionalProperties": PLACE}),
    (Literal["open", "closed"], {"type": "string", "enum": ["open", "closed"]}),
    (Annotated[int, "How many."], {"type": "integer", "description": "How many."}),
    (Annotated[PlaceData, "Where it was."], {**PLACE, "description": "Where it was."}),
    (Annotated[str, OneOf(("open", "closed"))], {"type": "string", "enum": ["open", "closed"]}),
    (
        Annotated[str, OneOf(("open", "closed")), "How it is."],
        {"type": "string", "enum": ["open", "closed"], "description": "How it is."},
    ),
    (Annotated[str, Format("date")], {"type": "string", "format": "date"}),
    (Instant, {"type": "string", "format": "date-time"}),
    (Instant | None, {"anyOf": [{"type": "string", "format": "date-time"}, {"type": "null"}]}),
]

NO_ANSWERS: list[Any] = [bytes, Decimal, tuple[int, str], set[str], list[bytes], dict[str, Decimal]]

FILES = {"GET /api/v1/flows/{flow}/export", "POST /api/v1/exports"}
ITSELF = "GET /api/v1/openapi.json"


@pytest.mark.parametrize(("kind", "schema"), KINDS, ids=lambda one: None if isinstance(one, dict) else str(one))
def test_each_type_becomes_its_schema(kind: Any, schema: Schema) -> None:
    assert Described().schema(kind) == schema


def test_a_typed_dict_and_those_in_it_are_each_described_once_by_their_names() -> None:
    described = Described()
    assert described.schema(LetterData) == described.schema(LetterData) == {"$ref": "#/components/schemas/Letter"}
    assert described.parts == {
        "Letter": {
            "type": "object",
            "required": ["title", "place", "before"],
            "properties": {
                "title": {"type": "string", "description": "What stands on it."},
                "place": PLACE,
                "before": {"anyOf": [PLACE, {"type": "null"}]},
                "opened_at": {"type": "string", "format": "date-time"},
            },
        },
        "Place": {
            "type": "object",
            "description": "Where a letter lies.",
            "required": ["shelf"],
            "properties": {"shelf": {"type": "integer"}},
        },
    }


def test_what_is_built_on_another_has_its_fields_first() -> None:
    described = Described()
    answered = described.resolved(described.schema(AnsweredLetterData))
    assert list(answered["properties"]) == ["title", "place", "before", "opened_at", "answer"]
    assert answered["required"] == ["title", "place", "before", "answer"]


def test_a_page_is_named_after_what_it_lists() -> None:
    described = Described()
    assert described.schema(PageData[PlaceData]) == {"$ref": "#/components/schemas/PlacePage"}
    described.schema(PageData[LetterData])
    assert sorted(described.parts) == ["Letter", "LetterPage", "Place", "PlacePage"]
    assert described.parts["PlacePage"]["required"] == ["items", "next"]
    assert described.parts["PlacePage"]["properties"]["items"] == {"type": "array", "items": PLACE}
    assert described.parts["PlacePage"]["properties"]["next"]["type"] == ["integer", "string", "null"]


def test_a_part_may_contain_others_of_its_kind() -> None:
    described = Described()
    tree = described.schema(TreeData)
    assert described.resolved(tree)["properties"] == {"branches": {"type": "array", "items": tree}}


def test_two_answers_of_one_name_are_refused() -> None:
    described = Described()
    described.schema(Ours.TwinData)
    with pytest.raises(TypeError, match=r"Two answers are called Twin: .* Rename one\."):
        described.schema(Theirs.TwinData)


@pytest.mark.parametrize("kind", NO_ANSWERS, ids=str)
def test_a_type_that_no_answer_may_have_is_refused(kind: Any) -> None:
    with pytest.raises(TypeError, match="is no type of an answer: write a TypedDict"):
        Described().schema(kind)


def test_the_answer_of_a_view_keeps_what_is_told_of_it() -> None:
    def view() -> Annotated[int, "How many."]:
        return 1

    assert Described().schema(answer_of(view)) == {"type": "integer", "description": "How many."}


def test_every_door_says_what_its_answer_is_made_of() -> None:
    described = document(NOUNS)
    parts = described["components"]["schemas"]
    answers = {
        f"{method.upper()} {path}": answer["content"]["application/json"]["schema"]
        for path, operations in described["paths"].items()
        for method, operation in operations.items()
        for status, answer in operation["responses"].items()
        if status.startswith("2") and "application/json" in answer.get("content", {})
    }
    untold = {
        request
        for request, schema in answers.items()
        if not (parts[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema).get("properties")
    }
    assert untold == {ITSELF, *FILES}
