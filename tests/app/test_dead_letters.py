"""Messages that failed for good, or whose fate is unknown: people see them and decide, each exactly once."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask

from app.accounts.tokens import create_token
from app.web import create_app
from tests.app.api_client import Api
from tests.app.drawn import drawn, echo, sends, starts_with
from tests.app.house import Runtime
from tests.app.provider import Plan
from tests.app.seeded import Seeded


@pytest.fixture
def client(room: Runtime) -> Api:
    """The API of the room's house."""
    with room.house.database.transaction() as session:
        token = create_token(session, "Eva", "tests")
    house = Seeded(room.house, [], token, {"Authorization": f"Bearer {token}"})
    return Api(house, create_app(room.house).test_client(use_cookies=False))


def lost(room: Runtime, number: str = "keys", plan: Plan = "refuse", flow: dict[str, Any] | None = None) -> int:
    """A message that has failed, or whose fate is unknown; its number."""
    room.publish(flow or echo(number))
    room.provider.plans.append(plan)
    room.write("hello", number)
    room.drive()
    return int(room.one("SELECT id FROM effects WHERE state IN ('dead', 'unknown')")["id"])


def outgoing(room: Runtime) -> list[tuple[str, int]]:
    """Author and rank of each message of ours."""
    rows = room.rows("SELECT author, rank FROM messages WHERE direction = 'out' ORDER BY id")
    return [(row["author"], row["rank"]) for row in rows]


@pytest.mark.parametrize(
    ("number", "plan", "state", "question"),
    [
        ("keys", "refuse", "dead", None),
        ("neither", "drop", "unknown", "It is unknown whether this message arrived. Send it again?"),
    ],
)
def test_it_is_listed_with_what_people_need_to_decide(
    room: Runtime, client: Api, number: str, plan: Plan, state: str, question: str | None
) -> None:
    id_ = lost(room, number, plan)
    (listed,) = client.get("/dead-letters")["items"]
    assert listed == client.get(f"/dead-letters/{id_}")
    expected = {"id": id_, "state": state, "question": question, "text": "echo hello", "to": "+48600100200"}
    assert {name: listed[name] for name in expected} == expected
    assert (listed["number"], listed["connection"], listed["author"], listed["attempts"]) == (number, number, "flow", 1)
    assert listed["error"]
    reference = listed["conversation"]
    for query, count in [(f"state={state}", 1), (f"conversation={reference}", 1), (f"after={id_}", 0)]:
        assert len(client.get(f"/dead-letters?{query}")["items"]) == count, query
    other = {"dead": "unknown", "unknown": "dead"}[state]
    assert client.get(f"/dead-letters?state={other}")["items"] == []
    assert client.ask("GET", "/dead-letters?state=sent", 422)["code"] == "bad_query"


@pytest.mark.parametrize(("number", "plan"), [("keys", "refuse"), ("neither", "lose_answer")])
def test_retry_sends_it_again_with_its_own_key(room: Runtime, client: Api, number: str, plan: Plan) -> None:
    id_ = lost(room, number, plan)
    answer = client.post(f"/dead-letters/{id_}/retry", 202)
    assert answer == {"id": id_, "conversation": "PB-10001", "did": "retry_message"}
    assert outgoing(room) == [("flow", 1)]
    room.drive()
    assert outgoing(room) == [("flow", 4)]
    assert [one.key for one in room.provider.attempts] == [room.provider.attempts[0].key] * 2
    assert client.get("/dead-letters")["items"] == []
    assert room.rows("SELECT who, did, what FROM audit WHERE did LIKE '%message'") == [
        {"who": "Eva", "did": "retry_message", "what": f"PB-10001 message {id_}"}
    ]


def test_a_message_that_dies_again_is_listed_and_shown_again(room: Runtime, client: Api) -> None:
    id_ = lost(room)
    room.act(1, "agent_closed")
    room.drive()
    assert room.problems() == ["invalid_recipient"]
    plans: list[Plan] = ["later"] * 7
    room.provider.plans.extend([*plans, "refuse"])
    client.post(f"/dead-letters/{id_}/retry", 202)
    for _ in range(8):
        room.drive()
        room.move_clock(90_000)
    assert len(room.provider.attempts) == 9, "it has all its attempts again"
    assert [one["id"] for one in client.get("/dead-letters")["items"]] == [id_]
    assert room.problems() == ["invalid_recipient"] * 2
    assert room.entries() == [("people", "done"), ("people", "waiting")]


def test_a_run_that_waits_for_an_unknown_message_goes_on_when_it_was_sent_again(room: Runtime, client: Api) -> None:
    steps = {
        "in": starts_with("neither", "out"),
        "out": sends("news", to="thanks", wait_for="accepted", failure="end"),
        "thanks": sends("Thank you"),
    }
    id_ = lost(room, "neither", "drop", drawn("Waits", steps))
    client.post(f"/dead-letters/{id_}/retry", 202)
    room.drive()
    assert room.provider.texts == ["news", "Thank you"]


def test_edit_sends_another_text_in_its_place(room: Runtime, client: Api) -> None:
    id_ = lost(room)
    client.post(f"/dead-letters/{id_}/edit", 202, text="Dear Anna")
    room.drive()
    assert room.provider.texts == ["Dear Anna"]
    assert outgoing(room) == [("flow", 5), ("agent", 4)]
    messages = client.get("/conversations/PB-10001/messages")["items"]
    assert [one["by"] for one in messages] == [None, None, "Eva"]
    first, second = room.provider.attempts
    assert first.key != second.key, "a provider that knows the old key would not take the new text"
    assert client.get("/dead-letters")["items"] == []
    assert room.column("SELECT state FROM effects ORDER BY id") == ["cancelled", "sent"]


def test_an_edited_message_may_fail_and_be_edited_again(room: Runtime, client: Api) -> None:
    id_ = lost(room)
    for words in ("Dear Anna", "Hello Anna"):
        room.provider.plans.append("refuse")
        client.post(f"/dead-letters/{id_}/edit", 202, text=words)
        room.drive()
        (listed,) = client.get("/dead-letters")["items"]
        assert (listed["text"], listed["author"]) == (words, "agent")
        id_ = listed["id"]
    messages = client.get("/conversations/PB-10001/messages")["items"]
    assert [one["by"] for one in messages] == [None, None, "Eva", "Eva"]


def test_skip_leaves_it_as_it_is(room: Runtime, client: Api) -> None:
    id_ = lost(room)
    client.post(f"/dead-letters/{id_}/skip", 202)
    room.drive()
    assert client.get("/dead-letters")["items"] == []
    assert (outgoing(room), len(room.provider.attempts)) == ([("flow", 5)], 1)


def press(app: Flask, client: Api, id_: int, what: str) -> int:
    """One person presses; the answer's status."""
    body = {"text": "Dear Anna"} if what == "edit" else {}
    answer = app.test_client(use_cookies=False).post(
        f"/api/v1/dead-letters/{id_}/{what}", json=body, headers=client.installation.headers
    )
    return answer.status_code


@pytest.mark.parametrize("others", ["retry", "edit", "skip"])
@pytest.mark.parametrize("what", ["retry", "edit", "skip"])
def test_of_two_people_who_press_at_once_one_decides(room: Runtime, client: Api, what: str, others: str) -> None:
    id_ = lost(room)
    app = create_app(room.house)
    with ThreadPoolExecutor(4) as people:
        presses = [people.submit(press, app, client, id_, one) for one in (what, others, what, others)]
    assert sorted(one.result() for one in presses) == [202, 409, 409, 409]
    assert len(room.rows("SELECT id FROM audit WHERE did LIKE '%message'")) == 1
    room.drive()
    assert len(room.provider.texts) <= 1


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("99/retry", {}, 404, "not_found"),
    ("99/skip", {}, 404, "not_found"),
    ("{id}/edit", {}, 422, "bad_body"),
    ("{id}/edit", {"text": ""}, 422, "bad_body"),
    ("{id}/retry", {"text": "?"}, 422, "bad_body"),
]


@pytest.mark.parametrize(("path", "body", "status", "code"), REFUSED)
def test_what_makes_no_sense_is_refused(
    room: Runtime, client: Api, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    id_ = lost(room)
    assert client.post(f"/dead-letters/{path.format(id=id_)}", status, **body)["code"] == code


@pytest.mark.parametrize("what", ["retry", "edit"])
def test_nobody_can_send_again_what_no_message_may_do(room: Runtime, client: Api, what: str) -> None:
    id_ = lost(room)
    room.execute("UPDATE addresses SET opted_out_at = created_at")
    assert client.post(f"/dead-letters/{id_}/{what}", 409, **({"text": "x"} if what == "edit" else {}))["code"] == (
        "opted_out"
    )
    room.drive()
    assert len(room.provider.attempts) == 1
    client.post(f"/dead-letters/{id_}/skip", 202)


def test_one_that_was_settled_meanwhile_is_told_so(room: Runtime, client: Api) -> None:
    id_ = lost(room, "neither", "lose_answer")
    room.report(id_, 6, "neither")
    room.drive()
    refused = client.post(f"/dead-letters/{id_}/retry", 409)
    assert (refused["code"], refused["details"]) == ("decided_already", {"state": "sent"})


@pytest.mark.parametrize("change", ["numbers SET answers_messages = false", "connections SET enabled = false"])
def test_a_number_that_is_turned_off_is_named(room: Runtime, client: Api, change: str) -> None:
    id_ = lost(room)
    room.execute(f"UPDATE {change}")
    refused = client.post(f"/dead-letters/{id_}/retry", 409)
    assert refused["error"] == "The number “keys” sends no messages now: let it, or skip this one."
