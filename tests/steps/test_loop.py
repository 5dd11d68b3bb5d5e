"""The loop: its rounds, what it counts, and loops inside loops."""

from decimal import Decimal
from typing import Any

import pytest

from flows.document import Flow
from flows.effect import SendMessage
from flows.event import MessageReceived
from flows.run import Turn
from flows.values import Value
from tests.flows.toys import TOYS, Conversation, flow_of
from tests.steps.visits import STEPS, Visit, context_of, step_of

HELLO = MessageReceived("hello")
ALL = {**{step.type: step for step in STEPS}, **TOYS}


def goes_round(config: dict[str, Any], body: dict[str, tuple[Any, ...]], sets: dict[str, Value] | None = None) -> Flow:
    """A loop whose rounds begin at the first step of the body and come back by its exit to “loop”."""
    return flow_of(
        {
            "start": ("begin", {"next": "set"}),
            "set": ("note", {"next": "loop"}, {"sets": sets or {}}),
            "loop": ("loop", {"each": next(iter(body)), "done": "done", "exhausted": "enough"}, config),
            **body,
            "done": ("note", {"next": "end"}, {"text": "done"}),
            "enough": ("note", {"next": "end"}, {"text": "enough"}),
        }
    )


def said(turn: Turn) -> list[str]:
    return [effect.text for effect in turn.effects if isinstance(effect, SendMessage)]


SAY = {"say": ("note", {"next": "loop"}, {"text": "{{ entry }}"})}


@pytest.mark.parametrize(
    ("config", "sets", "texts"),
    [
        ({"list": "{{ names }}", "item": "entry"}, {"names": ["a", "b"]}, ["a", "b", "done"]),
        ({"list": "{{ names }}", "item": "entry"}, {"names": []}, ["done"]),
        ({"count": "3", "item": "entry"}, {}, ["1", "2", "3", "done"]),
        ({"count": "{{ n }}", "item": "entry"}, {"n": Decimal(2)}, ["1", "2", "done"]),
        ({"count": "0"}, {}, ["done"]),
        ({"count": "3", "item": "entry", "maximum": 2}, {}, ["1", "2", "enough"]),
        ({"count": "2", "item": "entry", "maximum": 2}, {}, ["1", "2", "done"]),
        ({"list": "{{ names }}", "index": "entry", "maximum": 1}, {"names": ["a", "b"]}, ["1", "enough"]),
        ({"list": "{{ names }}", "item": "entry"}, {"names": [Decimal(1), {"x": "y"}]}, ["1", '{"x":"y"}', "done"]),
    ],
)
def test_a_loop_goes_round_as_often_as_it_is_told(
    config: dict[str, Any], sets: dict[str, Value], texts: list[str]
) -> None:
    talk = Conversation(goes_round(config, SAY, sets), steps=ALL)
    assert said(talk.feed(HELLO)) == texts


@pytest.mark.parametrize(
    ("config", "variables", "kind"),
    [
        ({"list": "{{ x }}"}, {"x": {"a": "b"}}, "not_a_list"),
        ({"list": "{{ x }}"}, {}, "not_a_list"),
        ({"list": "one, two"}, {}, "not_a_list"),
        ({"count": "{{ x }}"}, {}, "not_a_count"),
        ({"count": "1.5"}, {}, "not_a_count"),
        ({"count": "-1"}, {}, "not_a_count"),
        ({"count": "{{ x }}"}, {"x": ["a"]}, "not_a_count"),
        ({"count": "{{ 1 / 0 }}"}, {}, "expression_error"),
    ],
)
def test_what_cannot_be_gone_through_is_a_failure(config: dict[str, Any], variables: Any, kind: str) -> None:
    assert Visit("loop", config, variables=variables).error == kind


def test_a_loop_goes_on_in_a_later_turn_with_the_list_as_it_was() -> None:
    body = {
        "say": ("note", {"next": "ask"}, {"text": "{{ entry }}", "sets": {"names": ["x"]}}),
        "ask": ("listen", {"reply": "loop"}),
    }
    talk = Conversation(goes_round({"list": "{{ names }}", "item": "entry"}, body, {"names": ["a", "b"]}), steps=ALL)
    assert [said(talk.feed(HELLO)) for _ in range(3)] == [["a"], ["b"], ["done"]]


def test_an_inner_loop_begins_anew_in_each_round_of_the_outer_one_also_after_it_was_left_in_the_middle() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "outer"}),
            "outer": ("loop", {"each": "inner", "done": "end", "exhausted": "end"}, {"count": "2", "item": "o"}),
            "inner": ("loop", {"each": "say", "done": "outer", "exhausted": "outer"}, {"count": "3", "item": "i"}),
            "say": ("note", {"next": "third"}, {"text": "{{ o }}.{{ i }}"}),
            "third": (
                "branch",
                {"out": "outer", "otherwise": "inner"},
                {"cases": [{"id": "out", "expression": "{{ o == 1 and i == 2 }}"}]},
            ),
        }
    )
    turn = Conversation(flow, steps=ALL).feed(HELLO)
    assert said(turn) == ["1.1", "1.2", "2.1", "2.2", "2.3"]
    assert turn.run.stack[0].loops == ()


def test_a_loop_whose_rounds_never_wait_is_bounded_by_the_guard() -> None:
    talk = Conversation(goes_round({"count": "900", "maximum": 1_000}, {"say": ("note", {"next": "loop"})}), steps=ALL)
    turn = talk.feed(HELLO)
    assert turn.run.error["kind"] == "loop_detected"
    assert "The loop → The say → The loop" in str(turn.run.error["message"])


def test_the_summary_and_the_variables_follow_the_config() -> None:
    loop = step_of("loop")
    assert loop.summary({"count": "3"}) == "3 times"
    assert loop.summary({"list": "{{ orders }}"}) == "Each of orders"
    assert loop.variables({"count": "3", "item": "n"}) == [("n", "number", ("each",))]
    assert loop.variables({"list": "{{ x }}", "item": "n", "index": "m"}) == [
        ("n", None, ("each",)), ("m", "number", ("each",)),
    ]  # fmt: skip
    assert [one.code for one in loop.problems({"count": "3", "item": "n", "index": "n"})] == ["variable_twice"]
    assert context_of({"count": "3"}).kept == {}
