"""A run as the API shows it: by names, never by rows of tables, and without what is private."""

import json
import time
from typing import Any

import pytest

from app.accounts.roles import Right
from flows.event import KeysPressed
from tests.app import test_call_turns as carrier
from tests.app.drawn import asks, drawn, placed, sends, starts_with
from tests.app.house import ANNA, Runtime
from tests.app.test_api_mending import Asking
from tests.app.test_called_flows import greeting, runs
from tests.recorded_runs import RecordedRun, visit

PIN = "4711 Maple Street"
CALLER = drawn(
    "Caller",
    {
        "in": starts_with("keys", "ask"),
        "ask": {**asks("PIN?", to="copy", variable="pin"), "name": "Ask for the PIN"},
        "copy": placed(
            "set_variable", {"variables": [{"name": "copied", "value": "It is {{ pin }}.", "type": "text"}]}, next="run"
        ),
        "run": runs("Greeting", "tell", outputs=[{"output": "who", "variable": "who"}]),
        "tell": sends("Hello {{ who }}"),
    },
    variables={"pin": {"type": "text", "private": True}},
)


def test_a_run_and_its_turns_name_flows_versions_and_steps_and_hide_what_is_private(room: Runtime) -> None:
    for words in ("old", "one"):  # so that no version's row has its number
        room.publish(greeting(words))
    room.publish(CALLER)
    room.write("hello")
    room.drive()
    ask = Asking(room)
    [listed] = ask("GET", "/runs?status=waiting")["items"]
    assert (listed["step"], listed["title"], listed["number"]) == ("ask", "Ask for the PIN", "keys")
    assert listed["address"] == {"kind": "phone", "value": "+48600100200"}
    path = f"/runs/{listed['id']}"
    before = ask("GET", path)
    assert ("message" in before["waits_for"], before["until"] is not None) == (True, True)

    room.write(PIN)
    room.drive()
    inside = ask("GET", path)
    assert [(one["flow"], one["version"], one["title"]) for one in inside["stack"]] == [
        ("Caller", 1, "run"),
        ("Greeting", 2, "ask"),
    ]
    room.write("Ann")
    room.drive()
    ended = ask("GET", path)
    assert (ended["outcome"], ended["until"], ended["waits_for"]) == ("completed", None, [])
    assert ended["variables"] == {"pin": "(hidden)", "copied": "(hidden)", "who": "Ann one"}

    turns = ask("GET", f"{path}/trace")["items"]
    assert [turn["again"] for turn in turns if turn["event"] == "message_received"] == [
        {"message": "hello"},
        None,  # the PIN
        {"message": "Ann"},
    ]
    visits = [visit for turn in turns for visit in turn["steps"]]
    [entered] = [visit for visit in visits if "enters" in visit]
    assert entered["enters"] == {"flow": "Greeting", "version": 2}
    answer = entered["asks"][0]["answer"]
    assert (answer["flow"], answer["version"]) == ("Greeting", 2)
    assert {(visit["flow"], visit["version"]) for visit in visits} == {("Caller", 1), ("Greeting", 2)}
    sent = [effect for turn in turns for effect in turn["effects"]]
    assert [(one["kind"], one["state"], one["attempts"]) for one in sent] == [("send_message", "sent", 1)] * 3
    said = {one["id"]: one["text"] for one in ask("GET", f"/conversations/{listed['conversation']}/messages")["items"]}
    assert [said[one["message"]] for one in sent] == ["PIN?", "Name? (one)", "Hello Ann one"]

    number = next(turn["turn"] for turn in turns if any("enters" in visit for visit in turn["steps"]))
    replayed = ask("POST", f"{path}/turns/{number}/replay")
    assert (replayed["same"], replayed["trace"]) == (True, turns[number]["steps"])

    tried = ask("POST", "/flows/Caller/simulations", version=1, event=turns[0]["again"])
    tried = ask("POST", "/flows/Caller/simulations", version=1, state=tried["state"], event={"message": PIN})
    assert [(one["flow"], one["version"], one["step"]) for one in tried["run"]["stack"]] == [
        ("Caller", None, "run"),
        ("Greeting", None, "ask"),
    ]
    assert [step["enters"] for step in tried["turns"][0]["steps"] if "enters" in step] == [
        {"flow": "Greeting", "version": None}
    ]
    room.execute("UPDATE turns SET record = '{}'")
    (old, *_) = ask("GET", f"{path}/trace")["items"]
    assert (old["steps"], old["again"]) == (turns[0]["steps"], None), "what an older release wrote is read all the same"
    assert ask("POST", f"{path}/turns/0/replay", 409)["code"] == "not_replayable"
    room.execute("UPDATE runs SET state = '{}'")
    assert ask("GET", path) == {name: ended[name] if name in listed else None for name in ended}
    assert PIN not in json.dumps([listed, before, inside, ended, turns, replayed])


def test_what_is_typed_for_a_private_variable_is_never_told_again_before_it_is_taken_either(room: Runtime) -> None:
    card = {"prompt": {"en": "Your card?"}, "minimum_digits": 6, "maximum_digits": 6, "variable": "card"}
    card["read_back"] = {"text": {"en": "{{ entered }}. Press 1 if it is right, else 2."}}
    steps = {
        "in": placed("incoming_call", {"numbers": ["calls"]}, next="size"),
        "size": placed("gather_input", {"prompt": {"en": "Size?"}, "variable": "size"}, valid="ask"),
        "ask": placed("gather_input", card, valid="end"),
    }
    variables = {"card": {"type": "text", "private": True}, "size": {"type": "text"}}
    room.publish(drawn("Card", steps, variables=variables))
    run = carrier.calls(room).event_id
    room.drive()
    for turn, digits in enumerate(["42", "4711", "471181", "1"], 1):  # too short, read back, confirmed
        carrier.asks(room, turn, KeysPressed(digits))
        room.drive()
    turns = Asking(room)("GET", f"/runs/{run}/trace")["items"]
    again = [turn["again"] for turn in turns if turn["event"] == "keys_pressed"]
    assert again == [{"keys": "42"}, None, None, None]
    assert "4711" not in json.dumps(turns)
    assert room.outcomes() == ["completed"]


def test_a_trace_names_the_entered_version_though_a_private_value_has_its_digits(room: Runtime) -> None:
    row = room.publish(greeting("one"))
    room.publish(CALLER)
    run = room.write("hello").event_id
    room.drive()
    room.write(str(row))  # the PIN
    room.drive()
    ask = Asking(room)

    def answers() -> list[dict[str, Any]]:
        turns = ask("GET", f"/runs/{run}/trace")["items"]
        return [asked["answer"] for turn in turns for visit in turn["steps"] for asked in visit.get("asks", ())]

    assert [(one["flow"], one["version"]) for one in answers()] == [("Greeting", 1)]
    assert ask("POST", f"/runs/{run}/turns/1/replay")["same"]
    hidden = {"old": f'"message":"","version":"{row}"', "new": '"message":"","version":"(hidden)"'}
    room.execute("UPDATE turns SET trace = replace(trace, :old, :new)", **hidden)  # as an older release wrote it
    assert [(one.get("flow"), one["version"]) for one in answers()] == [(None, "(hidden)")]


def test_whose_a_run_is_is_for_those_who_may_read_conversations_or_contacts(room: Runtime) -> None:
    room.publish(greeting("one"))
    room.publish(CALLER)
    run = room.write("hello").event_id
    room.drive()
    who = {"contact": {"id": 1, "name": ""}, "address": {"kind": "phone", "value": ANNA}}
    nobody = {"contact": None, "address": None}
    for more, shown in [((), nobody), ((Right.READ_CONVERSATIONS,), who), ((Right.READ_CONTACTS,), who)]:
        ask = Asking(room, Right.READ_RUNS, *more)
        for one in (*ask("GET", "/runs")["items"], ask("GET", f"/runs/{run}")):
            assert {name: one[name] for name in who} == shown
            assert one["number"] == "keys"


def test_a_page_of_a_trace_is_short_and_others_are_served_between_its_records(
    room: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded = RecordedRun("Long", {"a": "A"}, turns=[[visit("a", "next")]] * 22, outcome="completed")
    with room.house.database.transaction() as session:
        run = recorded.write(session, room.numbers["keys"])
    ask, served = Asking(room), list[float]()
    with monkeypatch.context() as patch:
        patch.setattr(time, "sleep", served.append)
        first = ask("GET", f"/runs/{run}/trace")
    assert ([turn["turn"] for turn in first["items"]], first["next"]) == ([*range(20)], 19)
    assert served.count(0) >= 20
    rest = ask("GET", f"/runs/{run}/trace?after=19&limit=20")
    assert ([turn["turn"] for turn in rest["items"]], rest["next"]) == ([20, 21], None)
    assert ask("GET", f"/runs/{run}/trace?limit=21", 422)["code"] == "bad_query"
