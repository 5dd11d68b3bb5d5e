"""Each limit of a run lets its last through and refuses the next by name; those of documents stand in test_document."""

from collections.abc import Callable
from dataclasses import fields, replace

import pytest

from flows.document import Flow
from flows.event import MessageReceived
from flows.limits import Limits
from flows.run import Frame, Run
from tests.flows.toys import NOW, Conversation, flow_of

HELLO = MessageReceived("hello")
ELSEWHERE = {
    "steps_per_flow": "test_document",
    "document_bytes": "test_document",
    "document_depth": "test_document",
    "exits_per_step": "test_document",
    "http_seconds": "tests/steps/test_fetch_variable",
    "http_seconds_on_call": "tests/steps/test_fetch_variable",
    "response_bytes": "tests/steps/test_fetch_variable",
    "inbound_text": "tests/app/test_inbox",
    "answers_bytes": "test_failing",
}


def line_of_steps(count: int) -> Flow:
    """A trigger, and further steps up to that many, the last of which waits."""
    notes = {f"n{at}": ("note", {"next": f"n{at + 1}"}) for at in range(count - 2)}
    return flow_of({"start": ("begin", {"next": "n0"}), **notes, f"n{count - 2}": ("listen", {"reply": "end"})})


def visits(count: int) -> Conversation:
    return Conversation(line_of_steps(count))


def noted(**config: object) -> Conversation:
    return Conversation(flow_of({"start": ("begin", {"next": "n"}), "n": ("note", {"next": "end"}, config)}))


def waits(seconds: int, key: str) -> Conversation:
    return Conversation(flow_of({"start": ("begin", {"next": "w"}), "w": ("listen", {"reply": "end"}, {key: seconds})}))


def began_before(seconds: int) -> Conversation:
    talk = waits(60, "limit")
    talk.feed(HELLO, after_minutes=0)
    talk.minutes = seconds / 60 - 1
    return talk


def called(depth: int) -> Conversation:
    """A run that stands in a flow that many calls deep."""
    talk = visits(2)
    stack = (*(Frame(f"v{at}", "n0") for at in range(2, depth + 2)), Frame("v1", "start"))
    return replace(talk, flows={f"v{at}": talk.flow for at in range(2, depth + 2)}, run=Run("7", stack, NOW))


# the limit, its error kind, and a conversation that reaches so much
EDGES: list[tuple[str, str, Callable[[int], Conversation]]] = [
    ("steps_between_waits", "loop_detected", visits),
    ("steps_per_run", "run_too_long", visits),
    ("wait_seconds", "wait_too_long", lambda count: waits(count, "limit")),
    ("wait_seconds", "wait_too_long", lambda count: waits(count, "until")),
    ("run_seconds", "run_too_old", began_before),
    ("subflow_depth", "depth_exceeded", called),
    ("variables_per_run", "too_many_variables", lambda count: noted(sets={f"v{at}": "x" for at in range(count)})),
    ("variable_bytes", "too_large", lambda count: noted(sets={"v": "x" * (count - 2)})),  # with its quotes
    ("variable_bytes", "too_large", lambda count: noted(sets={"v": "é" * (count // 2 - 1) + "x" * (count % 2)})),
    ("rendered_text", "too_large", lambda count: noted(text="x" * (count - 1) + "{{ 'x' }}")),
]


@pytest.mark.parametrize(("name", "kind", "reaching"), EDGES, ids=[name for name, *_ in EDGES])
def test_a_limit_lets_its_last_through_and_refuses_the_next_by_name(
    name: str, kind: str, reaching: Callable[[int], Conversation]
) -> None:
    most = getattr(Limits(), name)
    others = replace(Limits(), steps_between_waits=9_999) if name == "steps_per_run" else Limits()
    for count, failed in ((most, ""), (most + 1, kind)):
        talk = replace(reaching(count), limits=others)
        run = talk.feed(HELLO).run
        assert (talk.error(), run.outcome == "failed") == (failed, bool(failed))


@pytest.mark.parametrize(("name", "kind", "reaching"), EDGES, ids=[name for name, *_ in EDGES])
def test_an_installation_may_lower_a_limit(name: str, kind: str, reaching: Callable[[int], Conversation]) -> None:
    for count, failed in ((10, ""), (11, kind)):
        talk = replace(reaching(count), limits=replace(Limits(), **{name: 10}))
        talk.feed(HELLO)
        assert talk.error() == failed


def test_no_limit_is_without_a_test_at_its_edge() -> None:
    assert {part.name for part in fields(Limits)} == {name for name, *_ in EDGES} | set(ELSEWHERE)
