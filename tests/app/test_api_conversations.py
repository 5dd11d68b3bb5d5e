"""The API's conversations and runs: read, answered, taken over and closed, each action exactly once."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app.config import Settings
from app.store import claims
from tests.app.api_client import Api, api
from tests.app.processes import Process, until
from tests.app.statements import heard, plan


@dataclass
class Talk:
    """One visitor's conversation on the example chat, and the API."""

    client: Api
    process: Process
    token: str

    def say(self, text: str) -> str:
        """The visitor writes; everything due is handled; the conversation's reference."""
        answer = self.client.client.post(
            "/chat/web-chat/messages",
            json={"key": str(uuid.uuid4()), "text": text},
            headers={"Authorization": f"Bearer {self.token}"},
        )
        assert answer.status_code == 200, answer.text
        reference = str(answer.get_json()["conversation"])
        self.work()
        return reference

    def work(self) -> None:
        """Until nothing is due and nothing under way."""

        def idle() -> bool:
            if self.process.locks.held:
                return False
            with self.client.installation.house.database.reading() as session:
                due = claims.due(session)
            self.process.runner.wake()
            return not due and not self.process.locks.held

        until(idle, "nothing was due any more")

    def texts(self, reference: str) -> list[tuple[str, str]]:
        """Author and text of each message."""
        return [
            (one["author"], one["text"]) for one in self.client.get(f"/conversations/{reference}/messages")["items"]
        ]


@pytest.fixture
def talk(settings: Settings) -> Iterator[Talk]:
    with api(settings) as client:
        visit = client.client.post("/chat/web-chat/visits", json={})
        process = Process(client.installation.house).start()
        yield Talk(client, process, visit.get_json()["token"])
        process.stop()


def test_a_conversation_is_listed_with_all_that_people_want_to_see(talk: Talk) -> None:
    reference = talk.say("hello")
    (listed,) = talk.client.get("/conversations")["items"]
    assert listed == talk.client.get(f"/conversations/{reference}")
    assert (listed["reference"], listed["state"], listed["owner"]) == (reference, "open", "flow")
    assert (listed["number"], listed["connection"], listed["kind"]) == ("web-chat", "web-chat", "messages")
    assert (listed["queue"], listed["contact"]["id"]) == (None, 1)
    assert talk.texts(reference)[0] == ("contact", "hello")
    assert "telephone number" in talk.texts(reference)[1][1]


TAKEN_OVER = "SELECT did, what FROM audit WHERE who = 'tests' AND did = 'take_over'"
FILTERS = [
    ("state=open", 1),
    ("state=closed", 0),
    ("owner=flow", 1),
    ("owner=people", 0),
    ("kind=call", 0),
    ("number=web-chat", 1),
    ("number=support-line", 0),
    ("queue=people", 0),
    ("address=nobody", 0),
    ("contact=1", 1),
    ("contact=2", 0),
    ("since=2020-01-01T00:00:00Z", 1),
    ("until=2020-01-01T00:00:00Z", 0),
    ("after=1", 0),
]


def test_conversations_are_filtered(talk: Talk) -> None:
    talk.say("hello")
    for query, found in FILTERS:
        assert len(talk.client.get(f"/conversations?{query}")["items"]) == found, query


MANY = """
    INSERT INTO conversations (contact_id, address_id, connection_id, number_id, kind, state, owner, next_seq, last_at,
                               fence, call_turn, pending_verbs, opened_at, created_at)
    SELECT contact_id, address_id, connection_id, number_id, kind, 'closed', 'none', 1, n, 0, 0, '[]', n, n
    FROM conversations, generate_series(1, 5000) AS n WHERE id = 1"""
OLD_PROBLEMS = """
    INSERT INTO problems (version_id, step, kind, message, created_at)
    SELECT n % 500, 'ask', 'odd', '', n FROM generate_series(1, 5000) AS n"""
BY_INDEX = [
    ("/conversations?since=2100-01-01T00:00:00Z", "ix_conversations_opened_at"),
    ("/problems?flow=VIP%20messages&version=1", "ix_problems_version_id"),
]


def test_the_few_that_were_opened_lately_or_belong_to_a_version_are_found_by_an_index(
    postgresql_url: str, redis_url: str
) -> None:
    with api(Settings.from_environment({"DATABASE_URL": postgresql_url, "REDIS_URL": redis_url})) as client:
        database = client.installation.house.database
        visit = client.client.post("/chat/web-chat/visits", json={}).get_json()
        headers = {"Authorization": f"Bearer {visit['token']}"}
        client.client.post("/chat/web-chat/messages", json={"key": str(uuid.uuid4()), "text": "hello"}, headers=headers)
        for statement in (MANY, OLD_PROBLEMS, "ANALYZE"):
            client.installation.write(statement)
        for address, index in BY_INDEX:
            with heard(database.engine) as statements:
                client.get(address)
            plans = [plan(database.engine, *one) for one in statements if one[0].startswith("SELECT")]
            assert index in "\n".join(plans), address


def test_a_reply_while_the_flow_has_it_takes_over_and_is_sent_once(talk: Talk) -> None:
    reference = talk.say("hello")
    key = {"Idempotency-Key": "one"}
    first = talk.client.post(f"/conversations/{reference}/reply", 202, key, text="Ada here.")
    again = talk.client.post(f"/conversations/{reference}/reply", 202, key, text="Ada here.")
    assert (first["duplicate"], again["duplicate"], first["event"] == again["event"]) == (False, True, True)
    talk.work()
    assert [text for author, text in talk.texts(reference) if author == "agent"] == ["Ada here."]
    messages = talk.client.get(f"/conversations/{reference}/messages")["items"]
    assert [one["by"] for one in messages] == [None, None, "tests"]
    shown = talk.client.get(f"/conversations/{reference}")
    assert (shown["owner"], shown["queue"]["name"], shown["run"]) == ("people", "people", None)
    (run,) = talk.client.get(f"/runs?conversation={reference}")["items"]
    assert (run["flow"], run["status"], run["outcome"]) == ("VIP messages", "ended", "taken_over")
    talk.client.post(f"/conversations/{reference}/reply", 202, text="Still here.")
    assert talk.client.installation.rows(TAKEN_OVER) == [("take_over", reference)]


def test_one_key_is_one_action_for_each_conversation_and_kind(talk: Talk) -> None:
    reference = talk.say("hello")
    key = {"Idempotency-Key": "one"}
    assert talk.client.post(f"/conversations/{reference}/take-over", 202, key)["duplicate"] is False
    assert talk.client.post(f"/conversations/{reference}/close", 202, key)["duplicate"] is False
    assert talk.client.post(f"/conversations/{reference}/reply", 202, key, text="x")["duplicate"] is False
    # No worker has ended the run yet, so that the reply would take over too.
    assert talk.client.installation.rows(TAKEN_OVER) == [("take_over", reference)] * 2


def test_without_a_key_every_action_is_its_own(talk: Talk) -> None:
    reference = talk.say("hello")
    keys = {talk.client.post(f"/conversations/{reference}/reply", 202, text="x")["key"] for _ in range(2)}
    assert len(keys) == 2
    talk.work()
    assert [author for author, _ in talk.texts(reference)].count("agent") == 2


def test_closing_lets_a_run_that_waits_in_a_queue_go_on_at_closed(talk: Talk) -> None:
    talk.say("hello")
    reference = talk.say("+48 222 333 444")
    shown = talk.client.get(f"/conversations/{reference}")
    assert (shown["owner"], shown["queue"]["name"]) == ("people", "standard")
    assert talk.client.get("/queues/standard")["waiting"] == 1
    talk.client.post(f"/conversations/{reference}/close", 202, result="solved")
    talk.work()
    assert talk.client.get(f"/conversations/{reference}")["state"] == "closed"
    (run,) = talk.client.get("/runs?status=ended")["items"]
    assert run["outcome"] == "completed"
    exits = [(step["step"], step["exit"]) for turn in _trace(talk, run["id"]) for step in turn["steps"]]
    assert exits[-1][0] == "standard" or ("standard", "closed") in exits


def test_a_trace_says_for_each_turn_what_the_steps_did(talk: Talk) -> None:
    reference = talk.say("hello")
    (run,) = talk.client.get(f"/runs?conversation={reference}")["items"]
    turns = _trace(talk, run["id"])
    assert [(turn["turn"], turn["event"]) for turn in turns[:1]] == [(0, "message_received")]
    assert {step["step"] for step in turns[0]["steps"]} >= {"message", "known", "ask"}
    called = {(step["flow"], step["version"]) for turn in turns for step in turn["steps"]}
    assert called == {(run["flow"], run["version"])}, "a visit's version is called as in the list of runs"
    assert talk.client.get(f"/runs/{run['id']}")["status"] == "waiting"


NOT_THERE = [
    ("GET", "/conversations/PB-99999"),
    ("GET", "/conversations/PB-1"),
    ("GET", "/conversations/x"),
    ("GET", "/conversations/PB-999999999999999999999/messages"),
    ("POST", "/conversations/PB-99999/close"),
    ("GET", "/runs/123"),
    ("GET", "/runs/123/trace"),
    ("GET", "/runs/99999999999999999999999"),
    ("GET", "/runs?conversation=PB-77777"),
    ("GET", "/problems?conversation=PB-77777"),
]


def test_what_is_not_there_is_said_so(talk: Talk) -> None:
    for method, path in NOT_THERE:
        assert talk.client.ask(method, path, 404)["code"] == "not_found"


BAD_REPLIES: list[tuple[dict[str, Any], dict[str, str]]] = [
    ({}, {}),
    ({"text": ""}, {}),
    ({"text": " \n\t"}, {}),
    ({"text": "x" * 10_001}, {}),
    ({"text": "x"}, {"Idempotency-Key": "k" * 201}),
]


def test_a_reply_that_cannot_be_sent_is_refused(talk: Talk) -> None:
    reference = talk.say("hello")
    for body, headers in BAD_REPLIES:
        talk.client.post(f"/conversations/{reference}/reply", 422, headers, **body)
    assert [author for author, _ in talk.texts(reference)] == ["contact", "flow"]


def test_problems_are_listed_the_newest_first(talk: Talk) -> None:
    talk.client.installation.write(
        "INSERT INTO problems (step, kind, message, created_at)"
        " VALUES ('a', 'timeout', 'One.', 1), ('b', 'dns', 'Two.', 2)"
    )
    assert [one["kind"] for one in talk.client.get("/problems")["items"]] == ["dns", "timeout"]
    assert [one["message"] for one in talk.client.get("/problems?kind=timeout")["items"]] == ["One."]


def _trace(talk: Talk, run: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = talk.client.get(f"/runs/{run}/trace")["items"]
    return items
