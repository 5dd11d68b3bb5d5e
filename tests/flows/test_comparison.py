"""Comparing two documents of a flow: what is added, removed, rewired and changed; where steps stand is told apart."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from flows.comparison import compare, comparison_data, differences
from flows.document import from_data, read, to_data

EXAMPLE = Path(__file__).parents[2] / "examples/flows/vip_messages.json"
VIP = {**to_data(read(EXAMPLE.read_bytes())), "tests": []}


def changed(path: str, value: Any) -> dict[str, Any]:
    """The VIP flow with another value at a place; None takes it away."""
    data: dict[str, Any] = copy.deepcopy(VIP)
    *way, last = path.split(".")
    holder: Any = data
    for part in way:
        holder = holder[int(part)] if part.isdecimal() else holder[part]
    if value is None:
        del holder[last]
    else:
        holder[int(last) if last.isdecimal() else last] = value
    return data


ROWS: list[tuple[str, Any, str, str, str]] = [
    ("steps.more", {"type": "end", "config": {}, "exits": {}}, "added", "steps.more", "“more” is new."),
    ("steps.tier", None, "removed", "steps.tier", "“tier” is gone."),
    (
        "steps.tier.exits.gold",
        "standard",
        "rewired",
        "steps.tier.exits.gold",
        "“tier”: “gold” led to “gold”, and now leads to “standard”.",
    ),
    (
        "steps.loyalty.exits.failure",
        None,
        "rewired",
        "steps.loyalty.exits.failure",
        "“Loyalty status”: “failure” led to “standard”, and now leads to nothing.",
    ),
    ("steps.ask.exits.timed_out", "sorry", "rewired", "steps.ask.exits.timed_out", "led to the end, and now leads to"),
    ("steps.note.name", "Keep", "changed", "steps.note.name", "“Keep”: its name was “Use it”, and is now “Keep”."),
    ("steps.ask.type", "say", "changed", "steps.ask.type", "its type was “ask_question”, and is now “say”."),
    ("steps.ask.config.attempts", 5, "changed", "steps.ask.config.attempts", "attempts was 3, and is now 5."),
    (
        "steps.loyalty.config.mapping.0.default",
        "gold",
        "changed",
        "steps.loyalty.config.mapping.0.default",
        "“Loyalty status”: mapping.0.default was “none”, and is now “gold”.",
    ),
    (
        "steps.loyalty.config.mapping",
        [],
        "changed",
        "steps.loyalty.config.mapping",
        "was 2 entries, and is now 0 entries",
    ),
    ("languages", ["en"], "changed", "languages", "languages was 2 entries, and is now 1 entry."),
    ("on_hang_up", "sorry", "changed", "on_hang_up", "on_hang_up was empty, and is now “sorry”."),
    ("groups.0.title", "Teams", "changed", "groups.g1", "The group “Teams” is another."),
    ("notes.0.at", [0, 0], "changed", "notes.n1", "The note “n1” is another."),
    ("tests", [{"id": "one", "name": "One", "turns": []}], "added", "tests.one", "The test “One” is new."),
]


@pytest.mark.parametrize(("path", "value", "does", "place", "sentence"), ROWS)
def test_each_difference_is_data_and_a_sentence(path: str, value: Any, does: str, place: str, sentence: str) -> None:
    found = compare(from_data(VIP), from_data(changed(path, value)))
    assert [(change.does, change.place) for change in found.changes] == [(does, place)]
    assert sentence in found.changes[0].sentence
    assert not found.layout
    back = compare(from_data(changed(path, value)), from_data(VIP)).changes
    assert [(one.old, one.new) for one in back] == [(one.new, one.old) for one in found.changes]


def test_what_only_stands_elsewhere_is_no_change() -> None:
    found = compare(from_data(VIP), from_data(changed("layout.at.tier", [1, 2])))
    assert (found.changes, found.moved, found.layout) == ((), ("tier",), True)


def test_a_flow_is_the_same_as_itself() -> None:
    data = comparison_data(compare(from_data(VIP), from_data(VIP)))
    assert data == {"same": True, "changes": [], "layout": {"changed": False, "moved": []}}
    everything = comparison_data(compare(from_data(VIP), from_data({**VIP, "steps": {}, "layout": {}})))
    assert json.loads(json.dumps(everything))["changes"][0]["does"] == "removed"
    assert everything["layout"]["changed"]


def test_one_and_true_are_not_the_same() -> None:
    assert list(differences({"a": 1}, {"a": True})) == [("a", 1, True)]
