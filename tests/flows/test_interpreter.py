from dataclasses import replace
from typing import Any

import pytest

from flows.ask import HttpAnswer, QueueStateAnswer
from flows.document import Flow
from flows.effect import EnterQueue, LeaveQueue, Say, SendMessage
from flows.errors import FlowError
from flows.event import (
    Answered,
    CallerHungUp,
    CallPolled,
    CallStarted,
    DialEnded,
    FlowEnded,
    Happening,
    KeysPressed,
    MessageDelivered,
    MessageReceived,
    QueueLeft,
    TimerFired,
)
from flows.facts import Facts
from flows.interpreter import accepts, advance, begin
from flows.limits import Limits
from flows.run import Frame, Run
from tests.flows.toys import IN_CHAT, NOW, ON_CALL, TOYS, Conversation, event_of, flow_of, stored

HELLO = MessageReceived("hello")
CALL = CallStarted("CA1", "+48600100200", "+48221002003")


def chat() -> Flow:
    return flow_of(
        {
            "start": ("begin", {"next": "greet"}),
            "greet": ("note", {"next": "ask"}, {"text": "What is it?", "sets": {"asked": True}}),
            "ask": ("listen", {"reply": "thanks", "timed_out": "end"}, {"limit": 60, "keep": {"tries": 1}}),
            "thanks": ("note", {"next": "stop"}, {"text": "Thank you."}),
            "stop": ("stop", {}, {"outcome": "happy", "outputs": {"mark": 5}}),
        }
    )


def test_a_message_is_walked_to_the_next_wait_and_the_answer_to_the_end() -> None:
    talk = Conversation(chat())
    first = talk.feed(HELLO)
    assert first.effects == (SendMessage("What is it?"),)
    assert first.run.status == "waiting"
    assert first.run.turn == 1
    waiting = first.run.waiting
    assert waiting is not None
    assert (waiting.turn, waiting.limit_seconds, waiting.keep) == (0, 60, {"turn": 0, "tries": 1})
    second = talk.feed(MessageReceived("a bill"))
    assert second.effects == (SendMessage("Thank you."),)
    assert (second.run.status, second.run.outcome, second.run.outputs) == ("ended", "happy", {"mark": 5})
    assert second.run.variables == {"asked": True, "heard": "a bill"}
    assert second.run.turn == 2
    assert second.run.message["text"] == "a bill"
    assert [entry["step"] for entry in second.trace] == ["ask", "thanks", "stop"]


def test_the_trace_says_what_each_step_did() -> None:
    talk = Conversation(chat())
    start, greet, ask = talk.feed(HELLO).trace
    assert (start["type"], start["exit"], start["version"]) == ("begin", "next", "v1")
    assert (greet["exit"], greet["set"], greet["effects"]) == ("next", {"asked": True}, 1)
    assert ask["exit"] is None
    assert ask["waits"]["accepts"] == ["message"]
    resumed = talk.feed(TimerFired()).trace[0]
    assert (resumed["came_by"], resumed["exit"]) == ("timer_fired", "timed_out")
    assert resumed["why"] == {"kept": {"turn": 0, "tries": 1}}


def test_an_exit_to_end_completes_the_run() -> None:
    talk = Conversation(chat())
    talk.feed(HELLO)
    assert talk.feed(TimerFired()).run.outcome == "completed"


def fetching(times: int = 1) -> Flow:
    return flow_of(
        {
            "start": ("begin", {"next": "before"}),
            "before": ("note", {"next": "fetch"}, {"text": "One moment."}),
            "fetch": ("fetch", {"success": "after", "failure": "sorry"}, {"times": times}),
            "after": ("note", {"next": "end"}, {"text": "Done."}),
            "sorry": ("note", {"next": "end"}, {"text": "Sorry."}),
        }
    )


def test_an_ask_stops_the_turn_and_each_call_returns_the_turn_so_far() -> None:
    flow, event = fetching(2), event_of(HELLO)
    asked = advance({"v1": flow}, begin("v1", flow, "start", event, "7"), event, Limits(), TOYS)
    opened = asked.run.open_turn
    assert opened is not None
    assert (asked.ask, opened.n, asked.run.turn) == (opened.request, 0, 0)
    assert asked.effects == (SendMessage("One moment."),) == opened.effects
    first, second = (replace(event, happened=Answered(n, HttpAnswer(200, body=body))) for n, body in enumerate("ab"))
    again = advance({"v1": flow}, asked.run, first, Limits(), TOYS)
    assert again.run.open_turn is not None
    assert again.run.open_turn.n == 1
    assert len(asked.trace[-1]["asks"]) == 1  # the turn handed out before keeps its trace
    again = advance({"v1": flow}, stored(asked.run), first, Limits(), TOYS)  # as after a crash
    done = advance({"v1": flow}, stored(again.run), second, Limits(), TOYS)
    assert done.ask is None
    assert done.run.open_turn is None
    assert done.run.turn == 1
    assert done.effects == (SendMessage("One moment."), SendMessage("Done."))
    assert done.run.variables == {"body": "b", "key": "7/0/1"}
    assert [entry["step"] for entry in done.trace] == ["start", "before", "fetch", "after"]


def test_the_trace_of_an_ask_tells_the_request_without_secrets_and_the_answer_without_its_body() -> None:
    talk = Conversation(fetching(), answers=[HttpAnswer(200, body="secret body", size_bytes=11, seconds=0.25)])
    turn = talk.feed(HELLO)
    asked = turn.trace[2]["asks"][0]
    assert asked["request"]["url"] == "https://crm.example.com/1"
    assert asked["request"]["headers"] == {"X-Api-Key": "(hidden)", "Accept": "*/*"}
    assert {key: asked["answer"][key] for key in ("status", "size_bytes", "seconds", "attempts", "from_cache")} == {
        "status": 200,
        "size_bytes": 11,
        "seconds": 0.25,
        "attempts": 1,
        "from_cache": False,
    }
    assert "body" not in asked["answer"]


def test_a_failed_ask_takes_the_wired_failure_exit_and_tells_why() -> None:
    talk = Conversation(fetching(), answers=[HttpAnswer(503)])
    turn = talk.feed(HELLO)
    assert turn.effects == (SendMessage("One moment."), SendMessage("Sorry."))
    assert turn.run.error == {
        "kind": "http_5xx",
        "message": "The address answered 503.",
        "retryable": True,
        "step": "fetch",
    }
    assert turn.trace[2]["failure"]["kind"] == "http_5xx"


@pytest.mark.parametrize(
    ("happened", "why"),
    [
        (Answered(1, HttpAnswer(200)), "waits for Ask 0"),
        (Answered(0, QueueStateAnswer(True)), "needs a HttpAnswer"),
        (HELLO, "open turn"),
    ],
)
def test_an_open_turn_takes_nothing_but_its_answer(happened: Happening, why: str) -> None:
    flow, event = fetching(), event_of(HELLO)
    asked = advance({"v1": flow}, begin("v1", flow, "start", event, "7"), event, Limits(), TOYS)
    assert not accepts(asked.run, happened) or isinstance(happened, Answered)
    with pytest.raises(FlowError, match=why):
        advance({"v1": flow}, stored(asked.run), replace(event, happened=happened), Limits(), TOYS)


def test_an_answer_nobody_asked_for_and_a_missing_flow_are_errors_of_the_host() -> None:
    flow, event = chat(), event_of(HELLO)
    run = begin("v1", flow, "start", event, "7")
    with pytest.raises(FlowError, match="waits for nothing"):
        advance({"v1": flow}, run, replace(event, happened=Answered(0, HttpAnswer())), Limits(), TOYS)
    with pytest.raises(FlowError, match="version v1"):
        advance({}, run, event, Limits(), TOYS)
    with pytest.raises(FlowError, match="no step “nowhere”"):
        begin("v1", flow, "nowhere", event, "7")


def listening(config: dict[str, Any], **exits: str) -> Flow:
    return flow_of({"start": ("begin", {"next": "wait"}), "wait": ("listen", exits, config), "heard": ("listen", {})})


@pytest.mark.parametrize(
    ("config", "exits", "happened", "accepted", "stands_on"),
    [
        ({"accepts": ["message"]}, {"reply": "heard"}, HELLO, True, "heard"),
        ({"accepts": ["keys"]}, {"key_1": "heard"}, KeysPressed("1"), True, "heard"),
        ({"accepts": ["keys"]}, {"reply": "heard"}, HELLO, False, "wait"),
        ({"accepts": ["keys"]}, {"message": "heard"}, HELLO, True, "heard"),  # the wait is left by its exit `message`
        ({"accepts": ["keys"]}, {"message": "heard"}, KeysPressed("1"), True, "start"),  # key_1 leads nowhere: failed
        ({"accepts": ["keys"]}, {"message": "heard"}, CallPolled(), False, "wait"),
        ({"accepts": ["keys"]}, {"timed_out": "heard"}, TimerFired(), True, "heard"),
        ({"accepts": ["queue"]}, {"other": "heard"}, QueueLeft("closed"), True, "heard"),
        ({"accepts": ["delivered"]}, {"other": "heard"}, MessageDelivered("7/0/0"), True, "heard"),
        ({"accepts": ["dial"]}, {"other": "heard"}, DialEnded("busy"), True, "heard"),
        ({"accepts": ["dial"]}, {"other": "heard"}, CallPolled(), False, "wait"),
        ({"accepts": ["message"]}, {"other": "heard"}, FlowEnded("done"), False, "wait"),
    ],
)
def test_a_wait_takes_what_it_accepts_and_nothing_else(
    config: dict[str, Any], exits: dict[str, str], happened: Happening, accepted: bool, stands_on: str
) -> None:
    talk = Conversation(listening(config, **exits))
    before = talk.feed(MessageReceived("first")).run
    assert accepts(before, happened) is accepted
    turn = talk.feed(happened)
    assert turn.run.stack[-1].step == stands_on or turn.run.outcome == "failed"
    assert (turn.run.turn == 2) is accepted
    if not accepted:
        assert (turn.effects, turn.trace) == ((), ())
        assert replace(turn.run, message={}, call={}) == replace(before, message={}, call={})


def test_an_event_that_is_not_accepted_still_tells_what_was_said() -> None:
    talk = Conversation(listening({"accepts": ["dial"]}))
    talk.feed(MessageReceived("first"))
    assert talk.feed(MessageReceived("second")).run.message["text"] == "second"
    assert talk.feed(KeysPressed("12", "twelve")).run.call == {"digits": "12", "speech": "twelve"}


def test_an_ended_run_takes_nothing() -> None:
    talk = Conversation(flow_of({"start": ("begin", {"next": "end"})}))
    ended = talk.feed(HELLO).run
    for happened in (HELLO, TimerFired(), CallerHungUp(), QueueLeft("closed")):
        assert not accepts(ended, happened)
        assert talk.feed(happened).run == ended


def test_a_call_is_known_by_its_numbers_keys_and_end() -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "menu"}),
            "menu": ("speak", {"next": "wait"}, {"gather": True}),
            "wait": ("listen", {}, {"accepts": ["keys"]}),
        }
    )
    talk = Conversation(flow, facts=ON_CALL)
    assert talk.feed(CALL).run.call == {
        "from": "+48600100200",
        "to": "+48221002003",
        "digits": "",
        "speech": "",
        "ended": False,
    }
    assert talk.feed(KeysPressed("1")).run.call["digits"] == "1"
    ended = talk.feed(CallerHungUp()).run
    assert (ended.call["ended"], ended.call_ended, ended.outcome) == (True, True, "caller_hung_up")


@pytest.mark.parametrize(("on_hang_up", "status"), [("", "ended"), ("text", "waiting"), ("gone", "ended")])
def test_a_caller_who_hangs_up_in_the_queue_leaves_it_and_goes_where_the_flow_says(
    on_hang_up: str, status: str
) -> None:
    flow = flow_of(
        {
            "start": ("begin", {"next": "people"}),
            "people": ("queue", {"closed": "end", "timed_out": "end"}),
            "text": ("note", {"next": "listen"}, {"text": "We missed you."}),
            "listen": ("listen", {"reply": "end"}),
        },
        on_hang_up=on_hang_up,
    )
    talk = Conversation(flow, facts=ON_CALL)
    assert talk.feed(CALL).run.in_queue
    turn = talk.feed(CallerHungUp())
    assert turn.effects[0] == LeaveQueue("abandoned")
    assert turn.effects[1:] == ((SendMessage("We missed you."),) if status == "waiting" else ())
    assert (turn.run.status, turn.run.in_queue) == (status, False)
    assert turn.trace[0]["came_by"] == "caller_hung_up"
    if status == "waiting":
        assert not accepts(turn.run, CallerHungUp())  # a second notice of the same end changes nothing
        assert talk.feed(HELLO).run.outcome == "completed"


@pytest.mark.parametrize(
    ("happened", "in_queue", "effects"),
    [
        (QueueLeft("closed"), False, ()),
        (QueueLeft("assigned"), True, ()),  # the step waits on for the closing
        (QueueLeft("callback_requested"), False, ()),
        (TimerFired(), False, (LeaveQueue("timed_out"),)),
        (HELLO, True, ()),
    ],
)
def test_a_run_is_in_the_queue_from_entering_it_to_leaving_it(
    happened: Happening, in_queue: bool, effects: tuple[Any, ...]
) -> None:
    flow = flow_of(
        {"start": ("begin", {"next": "q"}), "q": ("queue", {"closed": "w", "timed_out": "w"}), "w": ("listen",)}
    )
    talk = Conversation(flow)
    first = talk.feed(HELLO)
    assert first.effects == (EnterQueue("gold"),)
    assert first.run.in_queue
    second = talk.feed(happened)
    assert (second.run.in_queue, second.effects) == (in_queue, effects)


def test_an_older_config_is_upgraded_before_the_step_runs() -> None:
    flow = flow_of({"start": ("begin", {"next": "note"}), "note": ("note", {"next": "end"}, {"old_sets": {"a": "b"}})})
    old = replace(flow.steps["note"], format=1)
    talk = Conversation(replace(flow, steps={**flow.steps, "note": old}))
    assert talk.feed(HELLO).run.variables == {"a": "b"}


def test_the_end_of_a_called_flow_resumes_the_step_that_called_it() -> None:
    inner = flow_of({"start": ("begin", {"next": "stop"}), "stop": ("stop", {}, {"outcome": "found"})})
    outer = flow_of({"caller": ("listen", {"other": "after"}), "after": ("note", {"next": "end"}, {"text": "Back."})})
    run = Run("7", (Frame("v1", "caller"), Frame("v2", "start")), NOW)
    talk = Conversation(outer, flows={"v2": inner}, run=run)
    turn = talk.feed(HELLO)
    assert turn.effects == (SendMessage("Back."),)
    assert (turn.run.outcome, turn.run.stack) == ("completed", (Frame("v1", "after"),))
    assert [(entry["version"], entry["step"]) for entry in turn.trace] == [
        ("v2", "start"),
        ("v2", "stop"),
        ("v1", "caller"),
        ("v1", "after"),
    ]
    assert turn.trace[2]["came_by"] == "flow_ended"


def test_a_hang_up_in_a_called_flow_is_answered_by_the_flow_that_called_it() -> None:
    inner = flow_of({"wait": ("listen",)})
    outer = flow_of({"caller": ("listen",), "text": ("note", {"next": "end"}, {"text": "Bye."})}, on_hang_up="text")
    run = Run("7", (Frame("v1", "caller"), Frame("v2", "wait")), NOW)
    talk = Conversation(outer, flows={"v2": inner}, run=run, facts=ON_CALL)
    talk.feed(CALL)
    turn = talk.feed(CallerHungUp())
    assert (turn.effects, turn.run.outcome) == ((SendMessage("Bye."),), "completed")


def test_values_are_stored_as_a_run_holds_them() -> None:
    flow = flow_of(
        {"start": ("begin", {"next": "note"}), "note": ("note", {"next": "end"}, {"sets": {"n": 3, "t": "\x00"}})}
    )
    assert Conversation(flow).feed(HELLO).run.variables == {"n": 3, "t": "\ufffd"}


def test_private_variables_stay_out_of_the_trace() -> None:
    flow = flow_of(
        {"start": ("begin", {"next": "note"}), "note": ("note", {"next": "end"}, {"sets": {"pin": "1234", "n": "5"}})},
        variables={"pin": {"type": "text", "private": True}},
    )
    assert Conversation(flow).feed(HELLO).trace[1]["set"] == {"pin": "(hidden)", "n": "5"}


def test_a_private_value_is_hidden_wherever_else_it_stands_in_the_trace() -> None:
    pin = 'a/b "c"'
    flow = flow_of(
        {
            "start": ("begin", {"next": "note"}),
            "note": ("note", {"next": "fetch"}, {"sets": {"pin": pin, "n": 4711}}),
            "fetch": (
                "fetch",
                {"success": "break"},
                {"url": "https://crm.example.com/{{ pin }}/{{ n }}", "body": "{{ pin | json }} {{ pin }}"},
            ),
            "break": ("break", {"failure": "end"}, {"message": f"It is {pin} and 4711."}),
        },
        variables={name: {"type": "text", "private": True} for name in ("pin", "n")},
    )
    turn = Conversation(flow, answers=[HttpAnswer(200, message=f"No {pin}.")]).feed(HELLO)
    asked = turn.trace[2]["asks"][0]
    assert asked["request"]["url"] == "https://crm.example.com/(hidden)/(hidden)"
    assert asked["request"]["body"] == '"(hidden)" (hidden)'
    assert asked["answer"]["message"] == "No (hidden)."
    assert turn.trace[3]["failure"]["message"] == "It is (hidden) and (hidden)."
    assert turn.trace[2]["inputs"] == {"pin": "(hidden)", "n": "(hidden)"}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://user:hunter2@e.com/1", "https://e.com/1"),
        (
            "https://e.com/?q=1&api_key=hunter2&Token=hunter2#hunter",
            "https://e.com/?q=1&api_key=(hidden)&Token=(hidden)#hunter",
        ),
        ("https://[e.com/?secret=hunter2", "https://[e.com/?secret=(hidden)"),
        ("https://e.com/?at=a@b&page=2", "https://e.com/?at=a@b&page=2"),
    ],
)
def test_the_trace_shows_an_address_without_its_secrets(url: str, shown: str) -> None:
    flow = flow_of({"start": ("begin", {"next": "f"}), "f": ("fetch", {"success": "end"}, {"url": url})})
    turn = Conversation(flow, answers=[HttpAnswer(200)]).feed(HELLO)
    assert turn.trace[1]["asks"][0]["request"]["url"] == shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ('{"user":"a","password":"hun\\"ter2","x":1}', '{"user":"a","password":(hidden),"x":1}'),
        ('{"auth" : {"token": 123456}, "x": 1}', '{"auth" : {"token": (hidden)}, "x": 1}'),
        ("user=a&client_secret=hunter2&x=1", "user=a&client_secret=(hidden)&x=1"),
        ("nothing to hide", "nothing to hide"),
        ("", ""),
    ],
)
def test_the_trace_shows_a_content_without_its_secrets(body: str, shown: str) -> None:
    flow = flow_of({"start": ("begin", {"next": "f"}), "f": ("fetch", {"success": "end"}, {"body": body})})
    turn = Conversation(flow, answers=[HttpAnswer(200)]).feed(HELLO)
    assert turn.trace[1]["asks"][0]["request"]["body"] == shown


def test_a_long_text_is_cut_in_the_trace_only() -> None:
    flow = flow_of({"start": ("begin", {"next": "n"}), "n": ("note", {"next": "end"}, {"sets": {"t": "x" * 9_000}})})
    turn = Conversation(flow).feed(HELLO)
    assert turn.run.variables["t"] == "x" * 9_000
    assert turn.trace[1]["set"]["t"] == "x" * 500 + "… (9000 characters)"


def test_a_caller_hears_the_steps_of_a_call() -> None:
    flow = flow_of({"start": ("begin", {"next": "hi"}), "hi": ("speak", {"next": "end"})})
    assert Conversation(flow, facts=ON_CALL).feed(CALL).effects == (Say("Hello."),)
    assert Conversation(flow, facts=Facts()).feed(HELLO).effects == (Say("Hello."),)  # the player may not say


def test_the_trace_says_what_the_templates_read_and_what_had_no_value() -> None:
    text = "Hello {{ contact.name }} from {{ city }}, {{ nick | default('friend') }}: {{ message.text }}"
    flow = flow_of({"start": ("begin", {"next": "note"}), "note": ("note", {"next": "end"}, {"text": text})})
    talk = Conversation(flow, facts=replace(IN_CHAT, contact={"name": "Ann"}))
    turn = talk.feed(HELLO)
    assert turn.effects == (SendMessage("Hello Ann from , friend: hello"),)
    entry = turn.trace[1]
    assert entry["inputs"] == {"contact.name": "Ann", "city": None, "nick": None, "message.text": "hello"}
    assert entry["missing"] == ["city"]


def test_what_a_contact_writes_is_never_a_template() -> None:
    flow = flow_of({"start": ("begin", {"next": "n"}), "n": ("note", {"next": "end"}, {"text": "{{ message.text }}"})})
    assert Conversation(flow).feed(MessageReceived("{{ 7 * 7 }}")).effects == (SendMessage("{{ 7 * 7 }}"),)
