"""Drafts: every revision is kept, changes of two people merge per step and field, and nothing is lost."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app import publishing
from app.config import Settings
from app.errors import Conflict, Invalid
from app.publishing import DraftConflict
from app.publishing.merging import merge
from flows import document
from tests.app.seeded import Seeded, seeded


def base() -> dict[str, Any]:
    """A small document."""
    return {
        "format": 1,
        "name": "Small",
        "description": "",
        "languages": ["en"],
        "variables": {"tier": {"type": "text"}},
        "steps": {
            "in": {"type": "incoming_message", "config": {"numbers": ["web-chat"]}, "exits": {"next": "hi"}},
            "hi": {
                "type": "send_message",
                "config": {"text": {"en": "Hi"}, "wait_for": "nothing"},
                "exits": {"success": "end"},
            },
        },
        "layout": {"at": {"in": [0, 0], "hi": [0, 100]}},
        "groups": [{"id": "g1", "title": "One", "steps": ["in"]}],
        "notes": [],
        "tests": [],
    }


def changed(*path_and_value: Any) -> dict[str, Any]:
    """The small document with one place changed; None takes it away."""
    data: Any = base()
    *path, last, value = path_and_value
    place = data
    for part in path:
        place = place[part]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return dict(data)


def say(words: str) -> dict[str, Any]:
    """A placed step."""
    return {"type": "send_message", "config": {"text": {"en": words}}, "exits": {"success": "end"}}


HI = ("steps", "hi", "config", "text")
MERGES = [
    (
        "other fields of one step",
        changed(*HI, {"en": "Hello"}),
        changed("steps", "hi", "config", "wait_for", "accepted"),
    ),
    ("an exit and a name", changed("steps", "hi", "exits", "success", "in"), changed("steps", "hi", "name", "Greet")),
    (
        "a new exit and another one changed",
        changed("steps", "hi", "exits", "failure", "end"),
        changed("steps", "hi", "exits", "success", "in"),
    ),
    ("two new steps", changed("steps", "a", say("a")), changed("steps", "b", say("b"))),
    ("a step gone and another changed", changed("steps", "in", None), changed(*HI, {"en": "Hello"})),
    ("top-level keys", changed("name", "Other"), changed("description", "New")),
    ("a root and a language", changed("on_failure", "hi"), changed("languages", ["en", "pl"])),
    (
        "a variable and another",
        changed("variables", "x", {"type": "number"}),
        changed("variables", "tier", "note", "n"),
    ),
    ("places of two steps", changed("layout", "at", "in", [5, 5]), changed("layout", "at", "hi", [7, 7])),
    (
        "two notes",
        changed("notes", [{"id": "n1", "text": "a", "at": [0, 0]}]),
        changed("notes", [{"id": "n2", "text": "b", "at": [0, 0]}]),
    ),
    ("a group's title and steps", changed("groups", 0, "title", "Two"), changed("groups", 0, "steps", ["in", "hi"])),
    ("the same change", changed(*HI, {"en": "Hey"}), changed(*HI, {"en": "Hey"})),
]


@pytest.mark.parametrize(("what", "theirs", "yours"), MERGES, ids=[row[0] for row in MERGES])
def test_changes_of_different_fields_go_together(what: str, theirs: dict[str, Any], yours: dict[str, Any]) -> None:
    merged = merge(base(), theirs, yours)
    assert merged.clashes == []
    for version in (theirs, yours):
        _assert_changes_kept(base(), version, merged.document)
    assert merge(base(), yours, theirs).clashes == []


CLASHES = [
    ("steps.hi.config.text", changed(*HI, {"en": "Hello"}), changed(*HI, {"en": "Hey"})),
    (
        "steps.hi.exits.success",
        changed("steps", "hi", "exits", "success", "in"),
        changed("steps", "hi", "exits", "success", "hi"),
    ),
    ("steps.hi", changed("steps", "hi", None), changed(*HI, {"en": "Hey"})),
    ("steps.hi", changed(*HI, {"en": "Hey"}), changed("steps", "hi", None)),
    ("steps.new", changed("steps", "new", say("a")), changed("steps", "new", say("b"))),
    ("name", changed("name", "A"), changed("name", "B")),
    ("on_failure", changed("on_failure", "in"), changed("on_failure", "hi")),
    (
        "variables.tier.type",
        changed("variables", "tier", "type", "number"),
        changed("variables", "tier", "type", "boolean"),
    ),
    ("layout.at.in", changed("layout", "at", "in", [1, 1]), changed("layout", "at", "in", [2, 2])),
    ("groups.g1.title", changed("groups", 0, "title", "A"), changed("groups", 0, "title", "B")),
    (
        "steps.hi.config.flag",
        changed("steps", "hi", "config", "flag", True),
        changed("steps", "hi", "config", "flag", 1),
    ),
]


@pytest.mark.parametrize(("path", "theirs", "yours"), CLASHES)
def test_different_changes_of_one_field_clash(path: str, theirs: dict[str, Any], yours: dict[str, Any]) -> None:
    assert [clash.path for clash in merge(base(), theirs, yours).clashes] == [path]


def test_true_and_one_are_different_changes() -> None:
    before = changed("steps", "hi", "config", "flag", 1)
    after = changed("steps", "hi", "config", "flag", True)
    assert merge(before, before, after).document["steps"]["hi"]["config"]["flag"] is True


def test_every_revision_is_kept(settings: Settings) -> None:
    with seeded(settings) as house:
        _create(house)
        revisions = [_save(house, changed(*HI, {"en": f"words {base_}"}), base_).revision for base_ in (1, 2)]
        assert revisions == [2, 3]
        assert house.rows(
            "SELECT r.number, r.base_number, r.author FROM revisions r JOIN flows f ON f.id = r.flow_id"
            " WHERE f.name = 'Small' ORDER BY r.number"
        ) == [(1, 0, "ada"), (2, 1, "jan"), (3, 2, "jan")]


def test_saving_what_is_there_makes_no_revision(settings: Settings) -> None:
    with seeded(settings) as house:
        _create(house)
        assert _save(house, base(), 1).revision == 1


def test_two_who_save_on_one_base_both_find_their_changes(settings: Settings) -> None:
    with seeded(settings) as house:
        _create(house)
        _save(house, changed(*HI, {"en": "Hello"}), 1)
        merged = _save(house, changed("steps", "hi", "name", "Greet"), 1)
        assert merged.revision == 3
        assert merged.flow.steps["hi"].config["text"] == {"en": "Hello"}
        assert merged.flow.steps["hi"].name == "Greet"


def test_a_conflict_shows_base_theirs_yours_and_saves_nothing(settings: Settings) -> None:
    with seeded(settings) as house:
        _create(house)
        _save(house, changed(*HI, {"en": "Hello"}), 1)
        with pytest.raises(DraftConflict) as conflict:
            _save(house, changed(*HI, {"en": "Hey"}), 1)
        details = conflict.value.details
        assert details["fields"] == [
            {
                "path": "steps.hi.config.text",
                "base": {"en": "Hi"},
                "theirs": {"en": "Hello"},
                "yours": {"en": "Hey"},
            }
        ]
        assert details["revision"] == 2
        assert [details[side]["steps"]["hi"]["config"]["text"]["en"] for side in ("base", "theirs", "yours")] == [
            "Hi",
            "Hello",
            "Hey",
        ]
        assert house.rows("SELECT latest_revision FROM flows WHERE name = 'Small'") == [(2,)]


def test_a_draft_saved_at_once_by_many_loses_nothing(settings: Settings) -> None:
    with seeded(settings) as house:
        _create(house)

        def add(number: int) -> int:
            return _save(house, changed("steps", f"step_{number}", say(str(number))), 1).revision

        with ThreadPoolExecutor(8) as pool:
            assert sorted(pool.map(add, range(8))) == list(range(2, 10))
        with house.house.database.reading() as session:
            draft = publishing.read(session, publishing.find_flow(session, "Small"))
        assert {f"step_{number}" for number in range(8)} <= set(draft.flow.steps)
        assert draft.revision == 9


@pytest.mark.parametrize("revision", [0, 2, 99])
def test_a_base_that_never_was_is_refused(settings: Settings, revision: int) -> None:
    with seeded(settings) as house:
        _create(house)
        with pytest.raises(Invalid, match="Read the draft again"):
            _save(house, base(), revision)


def test_a_flow_follows_its_documents_name_unless_another_has_it(settings: Settings) -> None:
    with seeded(settings) as house:
        _create(house)
        assert _save(house, changed("name", "Renamed"), 1).name == "Renamed"
        with pytest.raises(Conflict, match="VIP calls"):
            _save(house, changed("name", "VIP calls"), 2, flow="Renamed")


def _create(house: Seeded) -> None:
    with house.house.database.transaction() as session:
        publishing.create(session, document.from_data(base()), "ada")


def _save(house: Seeded, data: dict[str, Any], revision: int, flow: str = "Small") -> publishing.Draft:
    with house.house.database.transaction() as session:
        row = publishing.find_flow(session, flow, locked=True)
        return publishing.save(session, row, document.from_data(data), revision, "jan")


def _assert_changes_kept(before: Any, after: Any, merged: Any) -> None:
    """Whatever `after` changed stands in `merged`."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in {*before, *after}:
            if key not in after:
                assert key not in merged
            elif before.get(key) != after[key]:
                _assert_changes_kept(before.get(key), after[key], merged[key])
    elif isinstance(after, list) and after and isinstance(after[0], dict):
        known = {one["id"]: one for one in before}
        found = {one["id"]: one for one in merged}
        for one in after:
            _assert_changes_kept(known.get(one["id"]), one, found[one["id"]])
    else:
        assert merged == after
