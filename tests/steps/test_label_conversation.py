"""label_conversation: one line each, each tag once, none longer than a list can show."""

from typing import Any

import pytest

from flows.effect import LabelConversation
from tests.steps.visits import Visit, step_of

LABELS: list[tuple[dict[str, Any], LabelConversation | None]] = [
    ({"category": "A / B", "tags": ["x", "y"], "result": "ok"}, LabelConversation("A / B", ("x", "y"), "ok")),
    ({"tags": ["x", "{{ again }}", "{{ nobody }}", " "]}, LabelConversation(tags=("x",))),
    ({"category": " {{ long }} "}, LabelConversation("l" * 200)),
    ({"category": "{{ long }}!"}, None),
    ({"tags": ["x", "{{ long }}!"]}, None),
    ({"result": "{{ long }}!"}, None),
]


@pytest.mark.parametrize(("config", "effect"), LABELS)
def test_labels_are_given_all_or_none(config: dict[str, Any], effect: LabelConversation | None) -> None:
    visit = Visit("label_conversation", config, variables={"again": "x", "long": "l" * 200})
    assert (visit.left_by, visit.effects) == (("next", [effect]) if effect else ("failure", []))
    assert visit.error == (None if effect else "too_large")


@pytest.mark.parametrize(("config", "codes"), [({}, ["labels_missing"]), ({"tags": ["x"]}, []), ({"result": "x"}, [])])
def test_a_step_without_labels_is_a_finding(config: dict[str, Any], codes: list[str]) -> None:
    assert [problem.code for problem in step_of("label_conversation").problems(config)] == codes
