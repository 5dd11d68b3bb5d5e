"""Files that hold no flows, or hostile ones: a sentence each, and nothing half done."""

import json
from collections.abc import Iterator

import pytest

from app import publishing
from app.config import Settings
from app.errors import DomainError
from app.publishing.import_plan import Choices
from flows import flow_file
from flows.errors import DocumentError
from tests.app.flow_files import LEAVE, exported, file_of, flow, imported, planned, states
from tests.app.seeded import Seeded, seeded


@pytest.fixture
def house(settings: Settings) -> Iterator[Seeded]:
    with seeded(settings) as made:
        yield made


LAUGHS = "{{ 'x'" + " ~ 'x' * 9" * 300 + " }}"
BAD: list[tuple[str, str]] = [
    ("{", "not JSON"),
    ("[]", "an object"),
    ('{"format": 2, "flows": []}', "It was written by a newer Patchbay"),
    ('{"format": "1", "flows": []}', "Export it again."),
    ('{"format": 1, "flows": []}', "A file holds 1 to 200 flows; this one holds 0."),
    ('{"format": 1, "flows": {}}', "a list"),
    ('{"format": 1, "flows": [5]}', "flows.0"),
    ('{"format": 1, "flows": [], "secrets": {}}', "This key is unknown here"),
    ('{"format": 1, "flows": [' + json.dumps(flow("A")) + '], "needs": {"moons": []}}', "needs.moons"),
    ('{"format": 1, "flows": [' + json.dumps(flow("A")) + '], "needs": {"queues": [5]}}', "needs.queues.0"),
    (
        json.dumps({"format": 1, "flows": [flow("A")], "needs": {"queues": ["a\x1b[2J"]}}),
        "needs.queues.0: A name is one",
    ),
    (json.dumps({"format": 1, "flows": [flow("A")], "needs": {"queues": ["x" * 201]}}), "1 to 200 characters"),
    (json.dumps({"format": 1, "flows": [flow("A")], "needs": {"files": ["a"] * 10_001}}), "at most 10,000 of a kind"),
    (json.dumps({"format": 1, "flows": [flow("A"), flow("A")]}), "Two flows of this file are called “A”"),
    (json.dumps({"format": 1, "flows": [flow("x" * 201)]}), "longer than 200 characters"),
    (json.dumps({"format": 9, **{k: v for k, v in flow("A").items() if k != "format"}}), "format"),
    ('{"a":' * 100 + "1" + "}" * 100, "deep"),
    (json.dumps({"format": 1, "flows": [flow("A", description="x" * 600_000)]}), "512 KiB"),
    ('"' + "x" * (flow_file.MOST_BYTES + 1) + '"', "16"),
]


@pytest.mark.parametrize(("text", "sentence"), BAD, ids=[sentence for _, sentence in BAD])
def test_a_file_that_is_none_is_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(DocumentError) as refused:
        flow_file.read(text)
    assert sentence in str(refused.value)


HOSTILE = "<script>alert(1)</script>\u202e ' \" ; DROP TABLE flows"


def test_hostile_names_and_texts_are_kept_as_texts(house: Seeded) -> None:
    laughs = flow(HOSTILE, queue="b", description="&lol9;" * 1_000)
    laughs["steps"]["people"]["config"]["waiting_text"] = {"en": LAUGHS[:2_000]}
    assert imported(house, file_of(laughs), LEAVE) == [HOSTILE]
    assert json.loads(exported(house, HOSTILE))["flows"][0]["name"] == HOSTILE
    with pytest.raises(DomainError, match="A queue cannot be called"):
        imported(
            house,
            file_of(flow("B", queue=HOSTILE)),
            Choices({}, {"queues": {HOSTILE: {"create": {}}}}, leaves_all=True),
        )


def test_a_flow_that_calls_itself_is_a_finding_and_no_loop(house: Seeded) -> None:
    begin = {"type": "called_by_flow", "config": {}, "exits": {"next": "again"}}
    again = {"type": "run_flow", "config": {"flow": "Self"}, "exits": {"completed": "end"}}
    own = {"format": 1, "name": "Self", "languages": ["en"], "steps": {"begin": begin, "again": again}}
    imported(house, file_of(own), LEAVE)
    with house.house.database.reading() as session:
        row = publishing.find_flow(session, "Self")
        found = publishing.findings(session, house.house, row.id, publishing.read(session, row).flow)
    assert any(finding.severity == "blocking" for finding in found)
    assert states(planned(house, file_of(own))) == {}
