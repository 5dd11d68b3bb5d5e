"""Whatever people draw and whatever happens: every turn ends, in a state that somebody answers for."""

import os
import subprocess
import sys
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flows.ask import Answer, HttpAnswer
from flows.effect import EnterQueue
from flows.event import (
    CallerHungUp,
    CallPolled,
    CallStarted,
    DialEnded,
    Happening,
    KeysPressed,
    MessageDelivered,
    MessageReceived,
    QueueLeft,
    TimerFired,
)
from flows.interpreter import accepts
from flows.limits import Limits
from flows.registry import Registry
from flows.wire import write
from tests.flows.toys import IN_CHAT, ON_CALL, TOYS, Conversation, flow_of

IDS = ["start", "a", "b", "c", "d", "e"]
TARGETS = st.sampled_from([*IDS, "end", "gone"])
EXITS = ["next", "reply", "timed_out", "success", "failure", "closed", "message", "other", "key_1"]
EXITS += ["completed", "each", "done", "exhausted"]
TEXT = st.sampled_from(["Hello {{ contact.name }}", "{{ heard }}", "{{ 1 / heard }}", "{{", "plain", "{{ body * 5 }}"])
SETS = st.dictionaries(
    st.sampled_from(["x", "y", "heard"]), st.sampled_from(["1", None, True, 7, "z" * 400]), max_size=2
)
CONFIGS = st.fixed_dictionaries(
    {"how": st.sampled_from(["nothing", "effect", "keep", "word", "naive", "speechless", "error", "large", "deep"])},
    optional={
        "text": TEXT,
        "sets": SETS,
        "by": st.sampled_from(EXITS),
        "accepts": st.lists(st.sampled_from(["message", "keys", "queue", "dial", "poll", "nonsense"]), max_size=3),
        "limit": st.integers(0, 40 * 86_400),
        "times": st.integers(1, 4),
        "gather": st.booleans(),
        "outputs": SETS,
        "flow": st.sampled_from(["Root", "Sub", "Other", "Nowhere"]),
        "list": st.sampled_from(["{{ [1, 2] }}", "{{ heard }}", "{{ message.media }}"]),
        "count": st.sampled_from(["2", "{{ heard }}"]),
    },
)
TYPES = st.sampled_from(
    ["note", "note", "listen", "fetch", "break", "explode", "stop", "queue", "speak", "unknown", "run_flow", "loop"]
)
BUILT_IN = Registry.discover(["steps"])
KINDS = {**{step.type: step for step in BUILT_IN}, **TOYS}
STEPS = st.tuples(TYPES, st.dictionaries(st.sampled_from(EXITS), TARGETS, min_size=2), CONFIGS)
FLOWS = st.builds(
    lambda begins, first, rows, on_failure, on_hang_up: flow_of(
        {"start": (begins, {"next": first}), **dict(zip(IDS[1:], rows, strict=True))},
        on_failure=on_failure,
        on_hang_up=on_hang_up,
        languages=("en", "pl"),
    ),
    st.sampled_from(["begin", "called_by_flow", "called_by_flow"]),
    TARGETS,
    st.lists(STEPS, min_size=len(IDS) - 1, max_size=len(IDS) - 1),
    st.sampled_from(["", *IDS]),
    st.sampled_from(["", *IDS]),
)
EVENTS: list[Happening] = [
    MessageReceived("hi", choice="yes"),
    KeysPressed("1"),
    KeysPressed(),
    CallPolled(),
    CallerHungUp(),
    TimerFired(),
    DialEnded("busy"),
    QueueLeft("closed"),
    MessageDelivered("7/0/0"),
]
SMALL = Limits(steps_per_run=60, steps_between_waits=25, variables_per_run=4, variable_bytes=300, subflow_depth=4)


def check(talk: Conversation, happened: Happening) -> None:
    """Feed one happening, and look at what the turn left behind."""
    before = talk.run
    accepted = before is None or accepts(before, happened)
    turn = talk.feed(happened)
    run = turn.run
    assert run.status in {"waiting", "ended"}
    assert (run.waiting is not None) == (run.status == "waiting")
    assert run.open_turn is None
    assert run.turn == (0 if before is None else before.turn) + accepted
    assert bool(turn.trace) == accepted
    assert len(turn.trace) <= 2 * SMALL.steps_per_run + 1  # a called flow comes back at most as often as it was entered
    assert sum(len(frame.variables) for frame in run.stack[:-1]) + len(run.variables) <= SMALL.variables_per_run
    assert not run.stack[-1].variables
    assert len(run.stack) <= SMALL.subflow_depth + 1
    if accepted and run.outcome == "failed":
        assert turn.trace[-1]["failure"]["kind"] == run.error["kind"]
        assert any(isinstance(effect, EnterQueue) and not effect.run_waits for effect in turn.effects)


@settings(max_examples=120, deadline=None)
@given(
    flow=FLOWS,
    called=st.tuples(FLOWS, FLOWS),
    on_call=st.booleans(),
    events=st.lists(st.sampled_from(EVENTS), max_size=6),
    answers=st.lists(st.sampled_from([HttpAnswer(200, body="b"), HttpAnswer(500)]), min_size=1, max_size=5),
)
def test_any_flow_and_any_events_end_every_turn_with_somebody_answering_for_the_conversation(
    flow: Any, called: Any, on_call: bool, events: list[Happening], answers: list[Answer]
) -> None:
    talk = Conversation(flow, facts=ON_CALL if on_call else IN_CHAT, limits=SMALL, answers=answers * 60, steps=KINDS)
    talk.flows = dict(zip(["v2", "v3"], called, strict=True))
    talk.versions = {"Root": "v1", "Sub": "v2", "Other": "v3"}
    check(talk, CallStarted("CA1", "+48600100200", "+48221002003") if on_call else MessageReceived("first"))
    for happened in events:
        check(talk, happened)


SCRIPT = """
from tests.flows.test_interpreter_properties import transcript
print(transcript())
"""


def transcript() -> str:
    """Every turn of a conversation that passes everything whose order could depend on hashing, as canonical text."""
    inputs = [{"name": name, "value": "{{ x }}"} for name in "pq"]
    outputs = [{"output": name, "variable": f"{name}_there"} for name in "mno"]
    arms = [{"id": "l", "weight": 50}, {"id": "r", "weight": 50}]
    flow = flow_of(
        {
            "start": ("begin", {"next": "note"}),
            "note": (
                "note",
                {"next": "fetch"},
                {"text": "{{ a }} {{ b }} {{ c }} {{ contact.name }}", "sets": {name: name for name in "zyxabc"}},
            ),
            "fetch": ("fetch", {"success": "listen"}, {"times": 2}),
            "listen": ("listen", {"reply": "bad"}, {"accepts": ["queue", "message", "keys"]}),
            "bad": ("explode", {"failure": "round"}, {"how": "error"}),
            "round": (
                "loop",
                {"each": "run", "done": "again", "exhausted": "again"},
                {"list": "{{ [a, b] }}", "item": "x"},
            ),
            "run": ("run_flow", {"completed": "round"}, {"flow": "Sub", "inputs": inputs, "outputs": outputs}),
            "again": ("note", {"next": "again"}),
        }
    )
    called = flow_of(
        {
            "begin": ("called_by_flow", {"next": "split"}, {"inputs": [{"name": name} for name in "qp"]}),
            "split": ("split_randomly", {"l": "over", "r": "over"}, {"arms": arms}),
            "over": ("stop", {}, {"outputs": {name: name for name in "nmo"}}),
        }
    )
    talk = Conversation(flow, answers=[HttpAnswer(200, headers={"b": "1", "a": "2"})] * 2, steps=KINDS)
    talk.flows, talk.versions = {"v2": called}, {"Sub": "v2"}
    talk.feed(MessageReceived("one"))
    talk.feed(MessageReceived("two"))
    return "\n".join(write(turn) for turn in talk.turns)


def test_another_process_with_another_hash_seed_makes_the_same_turns_byte_for_byte() -> None:
    printed = [
        subprocess.run(
            [sys.executable, "-c", SCRIPT],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
            text=True,
        ).stdout.strip()
        for seed in ("1", "20261121")
    ]
    assert printed[0] == printed[1] == transcript()
    assert printed[0].count("\n") == 1
