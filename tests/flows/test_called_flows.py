"""A flow that runs another: variables of its own, what comes back, failures on their way up, and how deep it may go."""

from decimal import Decimal
from typing import Any

import pytest

from flows.ask import Answer, FlowVersion, FlowVersionAnswer, HttpAnswer
from flows.document import Flow
from flows.effect import EnterQueue, SendMessage
from flows.event import CallerHungUp, CallStarted, MessageReceived
from flows.limits import Limits
from flows.registry import Registry
from flows.run import Turn
from tests.flows.toys import IN_CHAT, ON_CALL, TOYS, Conversation, flow_of

HELLO = MessageReceived("hello")
BUILT_IN = Registry.discover(["steps"])
STEPS = {**{step.type: step for step in BUILT_IN}, **TOYS}
INTO: dict[str, Any] = {"flow": "Sub"}
SORRY = ("note", {"next": "end"}, {"text": "Sorry."})


def talk(steps: dict[str, tuple[Any, ...]], sub: dict[str, tuple[Any, ...]], **more: Any) -> Conversation:
    """A flow that begins with a trigger, and the one it runs, of the version s1."""
    root = flow_of({"start": ("begin", {"next": next(iter(steps))}), **steps}, **more.pop("root", {}))
    keys = more.pop("keys", {})
    called = flow_of({"in": ("called_by_flow", {"next": next(iter(sub))}, more.pop("takes", {})), **sub}, **keys)
    answers = more.pop("answers", [FlowVersionAnswer("s1")] * 3)
    return Conversation(root, flows={"s1": called, **more.pop("flows", {})}, answers=answers, steps=STEPS, **more)


def runs(config: dict[str, Any] | None = None, **exits: str) -> tuple[Any, ...]:
    """A step that runs the flow Sub."""
    return ("run_flow", {"completed": "end", **exits}, {**INTO, **(config or {})})


def visited(turn: Turn) -> list[str]:
    """The steps in order, each with its exit."""
    return [f"{entry['version']}/{entry['step']} {entry['exit'] or ''}".strip() for entry in turn.trace]


def said(turn: Turn) -> list[str]:
    """The texts of the messages."""
    return [effect.text for effect in turn.effects if isinstance(effect, SendMessage)]


def test_the_called_flow_has_variables_of_its_own_and_the_callers_come_back_with_the_outputs() -> None:
    here = talk(
        {
            "set": ("note", {"next": "run"}, {"sets": {"city": "Łódź", "mine": "1"}}),
            "run": runs(
                {
                    "inputs": [{"name": "town", "value": "{{ city }}"}],
                    "outputs": [{"output": "code", "variable": "zip", "type": "number"}],
                },
                completed="tell",
            ),
            "tell": ("note", {"next": "end"}, {"text": "{{ city }} {{ mine }} {{ zip }} {{ town }}"}),
        },
        {
            "look": ("note", {"next": "change"}, {"text": "{{ town }}, not {{ city }}{{ mine }}"}),
            "change": ("note", {"next": "over"}, {"sets": {"city": "Gdańsk", "mine": "2"}}),
            "over": ("end", {}, {"outputs": [{"name": "code", "value": "90001"}]}),
        },
        takes={"inputs": [{"name": "town", "required": True}]},
    )
    turn = here.feed(HELLO)
    assert said(turn) == ["Łódź, not ", "Łódź 1 90001 "]
    assert turn.run.variables == {"city": "Łódź", "mine": "1", "zip": Decimal(90001)}
    assert (turn.run.status, turn.run.outcome, len(turn.run.stack)) == ("ended", "completed", 1)
    assert visited(turn) == [
        "v1/start next", "v1/set next", "v1/run", "s1/in next", "s1/look next", "s1/change next", "s1/over end",
        "v1/run completed", "v1/tell next",
    ]  # fmt: skip
    assert turn.trace[2]["enters"] == "s1"


def test_a_wait_inside_the_called_flow_goes_on_there_in_a_later_turn() -> None:
    here = talk(
        {"run": runs({"outcomes": [{"id": "sold"}], "outputs": [{"output": "what", "variable": "what"}]}, sold="tell"),
         "tell": ("note", {"next": "end"}, {"text": "{{ what }}"})},
        {"ask": ("listen", {"reply": "over"}),
         "over": ("stop", {}, {"outcome": "sold", "outputs": {"what": "a lamp"}})},
    )  # fmt: skip
    first = here.feed(HELLO)
    assert [frame.version for frame in first.run.stack] == ["v1", "s1"]
    assert first.run.status == "waiting"
    second = here.feed(HELLO)
    assert said(second) == ["a lamp"]
    assert second.trace[-2]["came_by"] == "flow_ended"
    assert second.trace[-2]["why"] == {"outcome": "sold"}


def test_an_exit_that_leads_to_the_end_ends_the_called_flow_and_not_the_run() -> None:
    here = talk({"run": runs(completed="tell"), "tell": ("note", {"next": "end"}, {"text": "on"})},
                {"nothing": ("note", {"next": "end"})})  # fmt: skip
    assert said(here.feed(HELLO)) == ["on"]


def test_loops_of_one_name_in_both_flows_keep_their_own_rounds_also_over_a_wait() -> None:
    here = talk(
        {"loop": ("loop", {"each": "run", "done": "tell", "exhausted": "tell"}, {"count": "2", "item": "n"}),
         "run": runs({"inputs": [{"name": "m", "value": "{{ n }}"}]}, completed="loop"),
         "tell": ("note", {"next": "end"}, {"text": "over"})},
        {"loop": ("loop", {"each": "say", "done": "end", "exhausted": "end"},
                  {"list": '{{ ["a", "b"] }}', "item": "x"}),
         "say": ("note", {"next": "ask"}, {"text": "{{ m }}{{ x }}"}),
         "ask": ("listen", {"reply": "loop"})},
        takes={"inputs": [{"name": "m"}]},
    )  # fmt: skip
    assert [said(here.feed(HELLO)) for _ in range(5)] == [["1a"], ["1b"], ["2a"], ["2b"], ["over"]]


def says(text: str) -> tuple[Any, ...]:
    """A step that writes something and ends its flow."""
    return ("note", {"next": "end"}, {"text": text})


FAILS: tuple[Any, ...] = ("break", {}, {"message": "No luck."})


@pytest.mark.parametrize(
    ("name", "exits", "root", "sub", "texts", "outcome", "error"),
    [
        ("its own exit", {}, {}, {"bad": ("break", {"failure": "ok"}), "ok": says("a")},
         ["a"], "completed", ("broken", "bad")),
        ("its own on_failure", {"failure": "sorry"}, {}, {"bad": FAILS, "help": says("b")},
         ["b"], "completed", ("broken", "bad")),
        ("the exit of the step that runs it", {"failure": "sorry"}, {}, {"bad": FAILS},
         ["Sorry."], "completed", ("broken", "run")),
        ("the on_failure of the flow that runs it", {}, {"on_failure": "sorry"}, {"bad": FAILS},
         ["Sorry."], "completed", ("broken", "run")),
        ("the installation", {}, {}, {"bad": FAILS}, ["Sorry."], "failed", ("broken", "run")),
        ("on_failure that fails too", {}, {"on_failure": "sorry"}, {"bad": FAILS, "help": FAILS},
         ["Sorry."], "completed", ("broken", "run")),
    ],
)  # fmt: skip
def test_a_failure_goes_up_until_somebody_takes_it(
    name: str, exits: dict[str, Any], root: dict[str, str], sub: dict[str, Any], texts: list[str], outcome: str,
    error: tuple[str, str],
) -> None:  # fmt: skip
    keys = {"on_failure": "help"} if "help" in sub else {}
    turn = talk({"run": runs(**exits), "sorry": SORRY}, sub, root=root, keys=keys).feed(HELLO)
    assert (said(turn), turn.run.outcome) == (texts, outcome), name
    assert (turn.run.error["kind"], turn.run.error["step"]) == error
    assert any(isinstance(effect, EnterQueue) for effect in turn.effects) == (outcome == "failed")
    if error[1] == "run":
        assert turn.run.error["message"] == "toys: No luck."
        assert next(entry["came_by"] for entry in turn.trace if "came_by" in entry) == "flow_failed"


@pytest.mark.parametrize(
    ("takes", "given", "sentence"),
    [
        ([{"name": "n", "required": True}], {}, "This flow needs “n”"),
        ([{"name": "n", "type": "number"}], {"n": "many"}, "The input “n” does not fit"),
        ([{"name": "n", "type": "date", "default": "soon"}], {}, "The input “n” does not fit"),
    ],
)
def test_an_input_that_does_not_fit_fails_the_step_that_runs_the_flow(
    takes: list[Any], given: dict[str, str], sentence: str
) -> None:
    inputs = [{"name": name, "value": value} for name, value in given.items()]
    here = talk({"run": runs({"inputs": inputs}, failure="sorry"), "sorry": SORRY}, {"never": says("x")},
                takes={"inputs": takes}, keys={"on_failure": "never"})  # fmt: skip
    turn = here.feed(HELLO)
    assert said(turn) == ["Sorry."]
    assert turn.run.error["kind"] == "input_invalid"
    assert sentence in str(turn.run.error["message"])


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (FlowVersionAnswer("", "There is no flow “Sub”.", "flow_missing"), "flow_missing"),
        (FlowVersionAnswer("", "It is not published.", "not_published"), "not_published"),
        (FlowVersionAnswer("bare"), "not_callable"),
        (FlowVersionAnswer("unknown"), "step_error"),
    ],
)
def test_a_flow_that_cannot_be_entered_fails_its_step(answer: Answer, kind: str) -> None:
    bare = flow_of({"start": ("begin", {"next": "end"})})
    turn = talk({"run": runs(failure="end")}, {"x": SORRY}, flows={"bare": bare}, answers=[answer]).feed(HELLO)
    assert turn.run.error["kind"] == kind


def test_the_version_is_asked_for_by_name_and_number() -> None:
    here = talk({"run": runs({"version": 3})}, {"x": SORRY})
    here.feed(HELLO)
    assert here.turns[0].trace[1]["asks"][0]["request"] == {"kind": "flow_version", "flow": "Sub", "version": "3"}
    assert STEPS["run_flow"].calls({**INTO, "version": 3}) == [FlowVersion("Sub", "3")]
    assert STEPS["run_flow"].calls({}) == []


def calls(name: str, then: str) -> Flow:
    """A flow that runs another, which is of the version `then`."""
    steps = {"in": ("called_by_flow", {"next": "run"}), "run": ("run_flow", {"completed": "end"}, {"flow": then})}
    return Flow(name, flow_of(steps).steps)


@pytest.mark.parametrize(
    ("flows", "circle"),
    [
        ({"A": "A"}, "“A” → “A”"),
        ({"A": "B", "B": "A"}, "“A” → “B” → “A”"),
        ({f"F{n:02d}": f"F{n + 1:02d}" for n in range(30)}, "“F17” → “F18” → “F19” → “F20”"),
    ],
)
def test_flows_that_run_each_other_for_ever_are_stopped_at_a_depth_of_twenty_and_named(
    flows: dict[str, str], circle: str
) -> None:
    first = next(iter(flows))
    made = {name: calls(name, then) for name, then in flows.items()}
    root = flow_of({"start": ("begin", {"next": "run"}), "run": ("run_flow", {"completed": "end"}, {"flow": first})})
    order: list[Answer] = []
    name = first
    while len(order) <= 20:
        order.append(FlowVersionAnswer(name))
        name = flows[name]
    turn = Conversation(root, flows=made, answers=order, steps=STEPS).feed(HELLO)
    assert (turn.run.status, turn.run.outcome, len(turn.run.stack)) == ("ended", "failed", 1)
    assert turn.run.error["kind"] == "depth_exceeded"
    assert circle in str(turn.run.error["message"])
    assert max(len(entry.get("asks", ())) for entry in turn.trace) == 1


def test_a_circle_that_runs_a_flow_without_ever_waiting_is_stopped_and_named_with_the_flow() -> None:
    limits, answers = Limits(steps_between_waits=60), [FlowVersionAnswer("s1")] * 60
    here = talk({"run": runs(completed="run")}, {"x": says("x")}, answers=answers, limits=limits)
    turn = here.feed(HELLO)
    assert turn.run.error["kind"] == "loop_detected"
    assert "toys: The x → The run → toys: The in → toys: The x" in str(turn.run.error["message"])


def test_limits_count_what_all_flows_on_the_stack_hold() -> None:
    limits = Limits(variables_per_run=3)
    inputs = [{"name": name, "value": "1"} for name in "xy"]
    here = talk({"set": ("note", {"next": "run"}, {"sets": {"a": "1", "b": "2"}}),
                 "run": runs({"inputs": inputs}, failure="end")}, {"x": SORRY}, limits=limits)  # fmt: skip
    assert here.feed(HELLO).run.error["kind"] == "too_many_variables"
    here = talk({"set": ("note", {"next": "run"}, {"sets": {"a": "1", "b": "2"}}), "run": runs(failure="end")},
                {"x": ("note", {"next": "end"}, {"sets": {"c": "1", "d": "2"}})}, limits=limits)  # fmt: skip
    assert here.feed(HELLO).run.error["kind"] == "too_many_variables"


def test_a_caller_who_hangs_up_in_a_called_flow_is_followed_by_the_flow_that_says_what_then() -> None:
    here = talk(
        {"set": ("note", {"next": "run"}, {"sets": {"who": "Ann"}}), "run": runs(), "after": ("note", {"next": "end"},
         {"text": "Sorry that we missed you, {{ who }}{{ other }}."})},
        {"more": ("note", {"next": "speak"}, {"sets": {"other": "!"}}),
         "speak": ("speak", {"next": "end"}, {"gather": True})},
        root={"on_hang_up": "after"}, facts=ON_CALL,
    )  # fmt: skip
    here.feed(CallStarted("CA1", "+48600100200", "+48221002003"))
    turn = here.feed(CallerHungUp())
    assert said(turn) == ["Sorry that we missed you, Ann."]
    assert (turn.run.outcome, len(turn.run.stack)) == ("completed", 1)


def test_what_one_flow_calls_private_is_hidden_in_the_trace_of_the_other() -> None:
    private = {"pin": {"type": "text", "private": True}}
    here = talk(
        {"set": ("note", {"next": "run"}, {"sets": {"pin": "s3cr3t"}}),
         "run": runs({"inputs": [{"name": "code", "value": "{{ pin }}"}]})},
        {"x": ("fetch", {"success": "end"}, {"body": "code {{ code }}"})},
        root={"variables": private}, answers=[FlowVersionAnswer("s1"), HttpAnswer(200, body="s3cr3t")],
        facts=IN_CHAT,
    )  # fmt: skip
    turn = here.feed(HELLO)
    assert turn.run.outcome == "completed"
    assert "s3cr3t" not in str(turn.trace)
