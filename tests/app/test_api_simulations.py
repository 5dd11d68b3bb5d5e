"""Simulated conversations, tests of a flow, comparisons and transfers by the API: all that an editor needs, unsent."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.accounts.tokens import create_token
from app.config import Settings
from app.seeding import EXAMPLES
from tests.app.api_client import Api, api

GOLD = {"status": 200, "body": {"status": "gold", "name": "Ann"}}
TESTED = {
    "id": "gold",
    "name": "Gold",
    "answers": {"loyalty": [GOLD]},
    "turns": [{"event": {"message": "hi"}, "expect": [{"queue": "gold"}]}],
}


@pytest.fixture
def client(settings: Settings) -> Iterator[Api]:
    with api(settings) as made:
        yield made


def simulated(client: Api, state: Any = None, **more: Any) -> dict[str, Any]:
    """One event with the VIP flow."""
    return client.post("/flows/VIP messages/simulations", **({"state": state} if state else {}), **more)


def test_an_empty_state_begins_a_conversation(client: Api) -> None:
    begun = client.post("/flows/VIP messages/simulations", state={}, event={"message": "hi"})
    assert begun["turns"][0]["begins"] is True


def places(data: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in JSON data below the whole."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*place, key)
        yield from places(value, (*place, key))


def damaged(data: Any, place: tuple[Any, ...], value: Any) -> Any:
    """The data with another value at a place, or with nothing there for the value ...."""
    whole = inside = json.loads(json.dumps(data))
    for key in place[:-1]:
        inside = inside[key]
    if value is ...:
        del inside[place[-1]]
    else:
        inside[place[-1]] = value
    return whole


_DAMAGES: tuple[Any, ...] = (..., None, [])


def test_a_state_that_was_changed_on_its_way_is_refused_or_taken_and_never_breaks(client: Api) -> None:
    opened = simulated(client, contact={"name": "Ann", "phone": "+48500100100"})
    state = simulated(client, opened["state"], event={"message": "hi"})["state"]
    trace, broken = state["run"]["open_turn"]["trace"], []
    asking = {"run": {"stack": state["run"]["stack"], "open_turn": {"trace": [{}] * (len(trace) - 1) + [trace[-1]]}}}
    for place in places(asking):
        for value in _DAMAGES:
            body = {"state": damaged(state, place, value), "event": {"answer": GOLD}}
            answer = client.client.post(
                "/api/v1/flows/VIP messages/simulations", json=body, headers=client.installation.headers
            )
            if answer.status_code not in (200, 422):
                broken.append((place, value, answer.status_code))
    assert broken == []


def world(client: Api) -> list[tuple[Any, ...]]:
    """How much of everything there is that a conversation in earnest makes."""
    tables = ("conversations", "messages", "inbound_events", "effects", "runs", "turns", "queue_entries", "contacts")
    return [client.installation.rows(f"SELECT count(*) FROM {table}")[0] for table in tables]  # noqa: S608  ours


def test_a_simulation_goes_on_from_its_state_and_touches_nothing(client: Api) -> None:
    before = world(client)
    opened = simulated(client, at="2026-03-01T09:00:00Z", contact={"name": "Ann", "phone": "+48500100100"})
    assert (opened["run"], opened["turns"], opened["clock"]) == (None, [], "2026-03-01T09:00:00+00:00")
    asks = simulated(client, opened["state"], event={"message": "hi"})
    assert asks["asks"]["step"] == "loyalty"
    assert asks["asks"]["lines"][0].startswith("? GET http")
    assert asks["run"]["status"] == "asks"
    answered = simulated(client, asks["state"], event={"answer": GOLD})
    steps = answered["turns"][0]["steps"]
    assert [(step["step"], step["exit"]) for step in steps][:2] == [("loyalty", "success"), ("tier", "gold")]
    assert steps[0]["set"] == {"loyalty_status": "gold", "customer_name": "Ann"}
    assert answered["run"]["variables"]["loyalty_status"] == "gold"
    assert answered["expect"][-1] == {"queue": "gold"}
    assert any("Ann" in line for effect in answered["turns"][0]["effects"] for line in effect["lines"])
    again = simulated(client, asks["state"], event={"answer": "404"})  # the author may go back and try another way
    assert again["expect"][-1] == {"queue": "standard"}
    closed = simulated(client, answered["state"], event={"agent_closes": "sold"})
    assert (closed["turns"][0]["ended"], closed["run"]["status"]) == ("completed", "ended")
    assert world(client) == before


@pytest.mark.parametrize(
    ("way", "expected"), [("slow", {"fails": "loyalty.timeout"}), ("broken", {"fails": "loyalty.http_5xx"})]
)
def test_other_systems_are_played(client: Api, way: str, expected: dict[str, str]) -> None:
    told = simulated(client, event={"message": "hi"}, fetches={"loyalty": way})
    assert expected in told["expect"]
    assert simulated(client, event={"message": "hi"}, fetches={"": way})["asks"] is None


def test_answers_are_prepared_for_the_steps_that_will_ask(client: Api) -> None:
    told = simulated(client, event={"message": "hi"}, answers={"loyalty": [GOLD]})
    assert (told["asks"], told["expect"][-1]) == (None, {"queue": "gold"})
    assert simulated(client, event={"message": "hi"}, answers={"tier": [GOLD]})["asks"]["step"] == "loyalty"


def test_time_passes_only_when_it_is_said(client: Api) -> None:
    told = simulated(client, event={"message": "hi"}, fetches={"": "broken"}, at="2026-03-01T09:00:00Z")
    assert told["run"]["waits_for"] == ["queue"]
    later = simulated(client, told["state"], event={"passes": "1h"})
    assert later["clock"] == "2026-03-01T10:00:00+00:00"
    limit = simulated(client, told["state"], event={"passes": "to the time limit"})
    assert [note["word"] for note in limit["notes"]] == ["time_up"]
    nothing = simulated(client, event={"keys": "1"})
    assert [note["word"] for note in nothing["notes"]] == ["starts_nothing"]


def test_a_draft_that_is_not_saved_is_simulated(client: Api) -> None:
    draft = client.get("/flows/VIP messages")["document"]
    draft["steps"]["standard"]["config"]["target"] = {"queue": "no_such_queue"}
    told = simulated(client, document=draft, event={"message": "hi"}, fetches={"": "broken"})
    assert {"fails": "standard.queue_missing"} in told["expect"]


def test_only_who_may_publish_lets_a_draft_change_something_elsewhere(client: Api) -> None:
    draft = client.get("/flows/VIP messages")["document"]
    draft["steps"]["loyalty"]["config"]["method"] = "POST"
    asks = {"document": draft, "event": {"message": "hi"}, "fetches": {"loyalty": "real"}}
    assert simulated(client, **asks)["asks"] is None
    with client.installation.house.database.transaction() as session:
        author = create_token(session, "author", "tests", ("read_flows", "edit_flows"))
    headers = {"Authorization": f"Bearer {author}"}
    refused = client.post("/flows/VIP messages/simulations", 422, headers, **asks)
    assert (refused["code"], refused["details"]) == ("needs_right_to_publish", {"step": "loyalty"})
    draft["steps"]["loyalty"]["config"]["method"] = "GET"
    assert client.post("/flows/VIP messages/simulations", headers=headers, **asks)["asks"] is None


def test_a_step_that_is_not_filled_in_says_so_when_it_is_tried(client: Api) -> None:
    draft = client.get("/flows/VIP messages")["document"]
    draft["steps"]["loyalty"] = {"type": "set_variable", "config": {}, "exits": {"next": "standard"}}
    went = simulated(client, document=draft, contact={"phone": "+48500100100"}, event={"message": "hi"})
    said = [line for step in went["turns"][0]["steps"] for line in step["failed"]]
    assert said == ["! loyalty: “loyalty” is not filled in: Variables is missing. (step_error)"]


def test_a_flow_that_others_run_is_simulated_alone(client: Api) -> None:
    draft = json.loads((EXAMPLES / "find_customer.json").read_text(encoding="utf-8"))
    begin: dict[str, Any] = {"document": draft, "contact": {"phone": "+48500100100"}}
    asks = simulated(client, event={"called": {"reason": "the return"}}, **begin)
    assert asks["turns"][0]["came_by"]["kind"] == "flow_called"
    told = simulated(client, asks["state"], document=draft, event={"answer": GOLD})
    assert told["run"]["outputs"] == {"customer_name": "Ann", "status": "gold"}
    assert told["expect"][-2:] == [{"ends": "completed"}, {"outputs": told["run"]["outputs"]}]
    refused = client.post("/flows/VIP messages/simulations", 422, event={"called": {"colour": "red"}}, **begin)
    assert "event.called.colour: The flow has no such input; it takes reason." in refused["error"]
    draft["variables"]["name"]["private"] = True
    hidden = simulated(client, asks["state"], document=draft, event={"answer": GOLD})
    assert hidden["run"]["outputs"] == {"customer_name": "(hidden)", "status": "gold"}
    assert hidden["expect"][-1] == {"outputs": {"status": "gold"}}


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"event": {"dance": True}}, "An event has exactly one of these words"),
    ({"state": {"clock": "now"}}, "This is no state of a simulated conversation: send that"),
    ({"at": "soon"}, "An instant is written with its zone"),
    ({"contact": {"shoe": 42}}, "A contact has no such field"),
    ({"fetches": {"loyalty": "maybe"}}, "needs to be one of"),
    ({"answers": {"loyalty": GOLD}}, "for each step that asks, a list"),
    ({"document": {"format": 1}}, "This key is missing"),
    ({"document": {"format": 1}, "event": 5}, "needs to be a group of settings"),
]


def test_what_cannot_be_simulated_is_a_sentence(client: Api) -> None:
    for body, sentence in REFUSED:
        assert sentence in client.post("/flows/VIP messages/simulations", 422, **body)["error"]
    big = simulated(client, event={"message": "hi"})["state"]
    big["next_answers"] = [{"kind": "http_answer", "status": 200, "body": "x" * 450_000}]
    refused = client.post("/flows/VIP messages/simulations", 422, state=big, event={"keys": "1"})
    assert refused["code"] == "simulation_too_large"
    assert client.post("/flows/No such flow/simulations", 404)["code"] == "not_found"


def test_a_state_cannot_lead_into_another_flow(client: Api) -> None:
    asks = simulated(client, event={"message": "hi"})["state"]
    asks["run"]["stack"][0]["version"] = "elsewhere"
    refused = client.post("/flows/VIP messages/simulations", 422, state=asks, event={"answer": GOLD})
    assert refused["code"] == "cannot_simulate"
    asks["run"]["stack"][0] |= {"version": "draft", "step": "gone"}
    client.post("/flows/VIP messages/simulations", 200, state=asks, event={"answer": GOLD})


def test_the_tests_of_a_flow_are_run(client: Api) -> None:
    assert client.post("/flows/VIP messages/tests")["passed"] is True
    draft = client.get("/flows/VIP messages")["document"]
    wrong = {**TESTED, "id": "wrong", "turns": [{"event": {"message": "hi"}, "expect": [{"queue": "standard"}]}]}
    told = client.post("/flows/VIP messages/tests", document={**draft, "tests": [TESTED, wrong]})
    assert (told["passed"], [one["passed"] for one in told["results"]]) == (False, [True, False])
    difference = told["results"][1]["difference"]
    assert (difference["path"], difference["got"]) == ("tests.1.turns.0.expect.0", {"queue": ["gold"]})


def test_two_states_of_a_flow_are_compared(client: Api) -> None:
    draft = client.get("/flows/VIP messages")["document"]
    draft["steps"]["tier"]["exits"]["gold"] = "standard"
    client.put("/flows/VIP messages", document=draft, base=1)
    sides: dict[str, Any] = {"from": {"version": 1}, "to": {}}
    told = client.post("/flows/VIP messages/compare", **sides)
    assert [(one["does"], one["place"]) for one in told["changes"]] == [("rewired", "steps.tier.exits.gold")]
    sides = {"from": {"revision": 1}, "to": {"version": 1}}
    same = client.post("/flows/VIP messages/compare", **sides)
    assert same["same"] is True
    sides = {"from": {"revision": 9}}
    assert client.post("/flows/VIP messages/compare", 404, **sides)["code"] == "not_found"
    assert client.get("/flows/VIP messages?revision=1")["revision"] == 1


def test_flows_travel_by_the_api(client: Api) -> None:
    file = client.post("/exports", flows=["VIP calls"])
    assert [one["name"] for one in file["flows"]] == ["VIP calls"]
    renamed: dict[str, Any] = {"file": file, "names": {"VIP calls": "Copy"}}
    plan = client.post("/imports/plan", **renamed)
    assert (plan["complete"], plan["flows"][0]["does"]) == (True, "create")
    assert client.post("/imports", 201, **renamed)["drafts"][0]["name"] == "Copy"
    file["needs"]["queues"] = ["night"]
    undecided = client.post("/imports", 409, file=file)
    assert (undecided["code"], undecided["details"]["complete"]) == ("import_undecided", False)
    assert client.post("/imports", 201, file=file, needs={"queues": {"night": {"create": {"title": "Night"}}}})
    assert client.get("/queues/night")["title"] == "Night"
    assert client.post("/imports", 422, file={"format": 2, "flows": []})["code"] == "unknown_format"


def test_an_import_may_be_as_large_as_an_export(client: Api) -> None:
    notes = [{"id": f"n{number}", "text": "x" * 2_000, "at": [0, 0]} for number in range(150)]
    flows = [
        {**client.get("/flows/VIP calls")["document"], "name": f"Large {number}", "notes": notes} for number in range(4)
    ]
    file = {"format": 1, "flows": flows, "needs": {}}
    assert len(json.dumps(file)) > 1_200_000
    assert len(client.post("/imports/plan", file=file)["flows"]) == 4
    longest = client.post("/imports/plan", 413, file={"format": "x" * 17_000_000})
    assert longest["details"] == {"limit_bytes": 16_777_216}
    assert client.post("/flows", 413, name="x" * 1_100_000)["details"] == {"limit_bytes": 1_000_000}


def test_an_editor_is_told_all_kinds_and_words(client: Api) -> None:
    kinds = {kind["type"]: kind for kind in client.get("/step-kinds")["items"]}
    assert kinds["branch"]["exits"][-1] == {"id": "failure", "title": "failure"}
    assert kinds["menu"]["examples"][0]["exits"][0]["id"] == "key_1"
    assert client.get("/step-kinds/menu") == kinds["menu"]
    assert client.get("/step-kinds/no_such", 404)["code"] == "not_found"
    words = client.get("/vocabulary")
    assert {"filters", "tests", "names", "limits", "test_events", "test_expectations"} <= set(words)
    told = client.post("/flows/VIP messages/check")
    assert told["steps"]["gold"]["surely"] == ["customer_name", "loyalty_status", "phone"]
    assert told["steps"]["message"]["surely"] == []
    assert [way["id"] for way in told["steps"]["tier"]["exits"]] == ["platinum", "gold", "otherwise", "failure"]
