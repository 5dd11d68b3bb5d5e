"""Runs that other systems start by the API: checked first, exactly once, and what happens beside another run."""

import json
import threading
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import starts as starting
from app.accounts.tokens import create_token
from app.sweeper import Sweeper
from app.web import create_app
from app.web.api import starts
from app.web.rates import Rates
from tests.app.drawn import Document, asks, desk, drawn, placed, sends, starts_with
from tests.app.house import ANNA, Runtime
from tests.app.processes import die_at

SCHEMA = {"type": "object", "required": ["order"], "properties": {"order": {"type": "string"}}}


def shipping(*, to: str = "tell", **config: Any) -> Document:
    """Tells that an order was shipped."""
    start = placed("api_call", {"numbers": ["keys"], "schema": SCHEMA, **config}, next=to)
    steps = {"api": start, "tell": sends("Order {{ input.order }} was shipped")}
    if to == "ask":
        steps["ask"] = asks("Did {{ input.order }} arrive?", to="tell")
    return drawn("Shipping", steps)


class Caller:
    """Another system with a token."""

    def __init__(self, room: Runtime) -> None:
        self.app = create_app(room.house)
        self.client: FlaskClient = self.app.test_client(use_cookies=False)
        with room.house.database.transaction() as session:
            self.token = create_token(session, "shop", "shop")

    def start(self, order: Any = "A-17", key: str = "k1", expect: int = 202, **body: Any) -> dict[str, Any]:
        full = {"number": "keys", "address": ANNA, "input": {"order": order}, **body}
        headers = {"Authorization": f"Bearer {self.token}", "Idempotency-Key": key}
        answer = self.client.post("/api/v1/flows/Shipping/runs", json=full, headers=headers)
        assert answer.status_code == expect, answer.text
        data: dict[str, Any] = answer.get_json()
        return data


@pytest.fixture
def shop(room: Runtime, monkeypatch: pytest.MonkeyPatch) -> Caller:
    monkeypatch.setattr(starts, "_RATES", Rates(per_second=50, burst=200))
    return Caller(room)


def test_a_run_begins_with_its_input_for_a_contact_nobody_knew(room: Runtime, shop: Caller) -> None:
    room.publish(shipping())
    told = shop.start(name="Anna", address="+48 600 100 200")
    room.drive()
    assert room.provider.texts == ["Order A-17 was shipped"]
    run = room.one("SELECT id, outcome, conversation_id FROM runs")
    assert (run["id"], run["outcome"]) == (told["run"], "completed")
    contact = room.one("SELECT k.name, a.value FROM contacts k JOIN addresses a ON a.contact_id = k.id")
    assert (contact["name"], contact["value"]) == ("Anna", ANNA)
    assert room.conversation(run["conversation_id"])["last_message_at"] is None  # they have not written


def test_it_goes_on_in_the_conversation_that_is_there(room: Runtime, shop: Caller) -> None:
    room.publish(drawn("Hello", {"in": starts_with("keys", "out"), "out": sends("hello")}))
    room.publish(shipping())
    put = room.write("hi")
    room.drive()
    shop.start()
    room.drive()
    assert room.said(put.conversation_id) == ["hi", "> hello", "> Order A-17 was shipped"]


def test_the_same_key_and_request_is_one_run_and_the_same_answer(room: Runtime, shop: Caller) -> None:
    room.publish(shipping(to="ask"))
    first = shop.start()
    room.drive()
    assert shop.start() == first  # also while it is under way
    room.write("yes")
    room.drive()
    assert shop.start() == first
    room.drive()
    assert room.provider.texts == ["Did A-17 arrive?", "Order A-17 was shipped"]


@pytest.mark.parametrize("other", [{"order": "B-1"}, {"address": "+48600300400"}, {"number": "lookup"}])
def test_the_same_key_with_another_request_is_refused(room: Runtime, shop: Caller, other: dict[str, Any]) -> None:
    room.publish(shipping(numbers=["keys", "lookup"]))
    shop.start()
    assert shop.start(expect=422, **other)["code"] == "key_reused"
    room.drive()
    assert len(room.provider.texts) == 1


def test_the_same_key_with_another_request_at_the_same_moment_is_refused(
    room: Runtime, shop: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.publish(shipping())
    shop.start()
    room.drive()
    real, looked = starting._started, list[int]()

    def started(*arguments: Any) -> Any:
        looked.append(1)
        return real(*arguments) if len(looked) > 1 else None  # it was not there yet when this one looked first

    monkeypatch.setattr(starting, "_started", started)
    assert shop.start(expect=422, order="B-1")["code"] == "key_reused"


def test_twenty_calls_with_one_key_at_once_are_one_run(room: Runtime, shop: Caller) -> None:
    room.publish(shipping())
    answers: list[dict[str, Any]] = []

    def call() -> None:
        mine = Caller.__new__(Caller)
        mine.client, mine.token = shop.app.test_client(use_cookies=False), shop.token
        headers = {"Authorization": f"Bearer {mine.token}", "Idempotency-Key": "k1"}
        body = {"number": "keys", "address": ANNA, "input": {"order": "A-17"}}
        answer = mine.client.post("/api/v1/flows/Shipping/runs", json=body, headers=headers)
        answers.append({"status": answer.status_code, **answer.get_json()})

    threads = [threading.Thread(target=call) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    taken = [one for one in answers if one["status"] == 202]
    assert len({one["run"] for one in taken}) == 1
    assert {one["status"] for one in answers} <= {202, 503}  # whoever meets another at that very moment tries again
    room.drive()
    assert room.provider.texts == ["Order A-17 was shipped"]


def test_beside_another_run_it_is_refused_with_that_run(room: Runtime, shop: Caller) -> None:
    room.publish(shipping(to="ask"))
    first = shop.start(key="k1")
    refused = shop.start("B-2", key="k2", expect=409)  # not begun yet, and on its way all the same
    assert (refused["code"], refused["details"]) == ("already_running", {"run": first["run"]})
    room.drive()
    refused = shop.start("B-2", key="k2", expect=409)
    assert refused["details"] == {"run": first["run"]}
    room.write("yes")
    room.drive()
    shop.start("B-2", key="k2")  # a refused call has used nothing up
    room.drive()
    assert room.provider.texts[-1] == "Did B-2 arrive?"


def test_a_run_that_began_in_between_refuses_it_and_people_are_told(room: Runtime, shop: Caller) -> None:
    room.publish(drawn("Ask", {"in": starts_with("keys", "ask"), "ask": asks("Your name?")}))
    room.publish(shipping())
    room.write("hi")
    shop.start()
    room.drive()
    assert room.provider.texts == ["Your name?"]
    assert room.problems() == ["already_running"]


def test_queued_ones_begin_one_after_another_when_the_contact_is_free(room: Runtime, shop: Caller) -> None:
    room.publish(shipping(to="ask", when_busy="queue"))
    for n in range(3):
        shop.start(f"A-{n}", key=f"k{n}")
    room.drive()
    assert room.provider.texts == ["Did A-0 arrive?"]
    room.write("yes")
    room.drive()
    assert room.provider.texts[1:] == ["Order A-0 was shipped", "Did A-1 arrive?"]
    for _ in range(2):
        room.write("yes")
        room.drive()
    assert room.provider.texts[-1] == "Order A-2 was shipped"
    assert room.outcomes() == ["completed"] * 3


def test_a_queued_one_waits_until_people_have_closed(room: Runtime, shop: Caller) -> None:
    room.publish(desk("keys"))
    room.publish(shipping(when_busy="queue"))
    put = room.write("help")
    room.drive()
    shop.start()
    room.drive()
    assert room.provider.texts == []
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    assert room.provider.texts == ["Goodbye", "Order A-17 was shipped"]


def test_one_that_replaces_ends_the_run_under_way_and_takes_nothing_from_people(room: Runtime, shop: Caller) -> None:
    room.publish(drawn("Ask", {"in": starts_with("keys", "ask"), "ask": asks("Your name?")}))
    room.publish(shipping(when_busy="replace"))
    put = room.write("hi")
    room.drive()
    shop.start()
    room.drive()
    assert room.outcomes() == ["interrupted", "completed"]
    room.act(put.conversation_id, "agent_took_over")
    room.drive()
    shop.start(key="k2")
    room.drive()
    assert len(room.provider.texts) == 2
    room.act(put.conversation_id, "agent_closed")
    room.drive()
    assert room.provider.texts == ["Your name?", *["Order A-17 was shipped"] * 2]


@pytest.mark.parametrize("place", ["begin:counted", "commit:fenced", "commit:after"])
def test_a_process_killed_at_the_beginning_starts_it_once(room: Runtime, shop: Caller, place: str) -> None:
    room.publish(shipping())
    process = room.start()
    die_at(place)
    shop.start()
    process.runner.wake()
    process.wait_until_dead()
    room.drive()
    room.move_clock(60)
    room.drive()
    assert room.provider.texts == ["Order A-17 was shipped"]
    assert room.outcomes() == ["completed"]


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({"order": 17}, 422, "schema_invalid"),
    ({"input": {}}, 422, "schema_invalid"),
    ({"input": {"order": "x" * 70_000}}, 422, "too_large"),
    ({"number": "nowhere"}, 404, "not_found"),
    ({"number": "lookup"}, 422, "not_live"),
    ({"number": "chat"}, 422, "bad_address"),
    ({"address": "call me"}, 422, "bad_address"),
    ({"key": "k" * 201}, 422, "bad_key"),
    ({"flow": "x"}, 422, "bad_body"),
]


@pytest.mark.parametrize(("more", "status", "code"), REFUSED)
def test_what_cannot_begin_is_refused_with_a_sentence_and_nothing_is_kept(
    room: Runtime, shop: Caller, more: dict[str, Any], status: int, code: str
) -> None:
    room.publish(shipping())
    refused = shop.start(**{"expect": status, **more})
    assert refused["code"] == code
    assert refused["error"].endswith(".")
    assert room.rows("SELECT id FROM inbound_events") == []
    assert room.rows("SELECT id FROM contacts") == []


def test_a_caller_who_starts_too_many_at_once_is_told_when_to_try_again(
    room: Runtime, shop: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starts, "_RATES", Rates(per_second=0.1, burst=1))
    room.publish(shipping())
    shop.start()
    assert shop.start(key="k2", expect=429)["code"] == "rate_limited"
    room.drive()


def test_what_the_flow_does_not_take_any_more_when_its_turn_comes_is_a_problem(room: Runtime, shop: Caller) -> None:
    room.publish(shipping())
    shop.start()
    room.publish(shipping(schema={"type": "object", "required": ["parcel"]}))
    room.drive()
    assert (room.provider.texts, room.problems()) == ([], ["not_started"])
    state = room.one("SELECT state, owner FROM conversations")
    assert (state["state"], state["owner"]) == ("closed", "none")


def test_the_times_of_a_flows_schedules_are_listed_with_how_many_they_started(room: Runtime, shop: Caller) -> None:
    schedule = {
        "number": "keys",
        "when": {"by": "cron", "expression": "* * * * *"},
        "audience": {"by": "list", "addresses": [ANNA]},
        "quiet_from": 1,
        "quiet_to": 2,
    }
    room.publish(drawn("Shipping", {"due": placed("schedule", schedule, next="tell"), "tell": sends("News")}))
    sweeper = Sweeper(room.house)
    sweeper.sweep()
    room.move_clock(61)
    sweeper.sweep()
    answer = shop.client.get("/api/v1/flows/Shipping/occurrences", headers={"Authorization": f"Bearer {shop.token}"})
    rows = answer.get_json()["items"]
    assert [row["state"] for row in rows] == ["empty"]
    assert (rows[0]["step"], rows[0]["started"], rows[0]["passed_over"]) == ("due", 0, 0)


def test_the_run_reads_its_input_and_the_record_can_be_told_again(room: Runtime, shop: Caller) -> None:
    room.publish(shipping(variable="order_data"))
    shop.start()
    room.drive()
    state = json.loads(room.one("SELECT state FROM runs")["state"])
    assert state["variables"]["order_data"] == {"order": "A-17"}
