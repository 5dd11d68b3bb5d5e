"""Runs that failed by the API: found, counted, replayed from what was recorded, and begun again once."""

from base64 import urlsafe_b64decode
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from app.accounts.roles import SCOPES, Right
from app.accounts.tokens import create_token
from app.web import create_app
from tests.app.api import Api
from tests.app.drawn import drawn, echo, starts_with
from tests.app.house import Runtime


class Asking:
    """A client of the API over a furnished house."""

    def __init__(self, room: Runtime, *scopes: Right) -> None:
        with room.house.database.transaction() as session:
            token = create_token(session, "-".join(["tests", *scopes]), "tests", scopes or SCOPES)
        self.headers = {"Authorization": f"Bearer {token}"}
        self.client: FlaskClient = create_app(room.house).test_client(use_cookies=False)

    def __call__(self, method: str, path: str, expect: int = 200, **body: Any) -> dict[str, Any]:
        more: dict[str, Any] = {"json": body} if method == "POST" else {}
        answer = self.client.open(f"/api/v1{path}", method=method, headers=self.headers, **more)
        assert answer.status_code == expect, answer.text
        data: dict[str, Any] = answer.get_json()
        return data


def failing(api: Api, method: str = "GET") -> dict[str, Any]:
    """A flow that fails where the API answers no JSON object with what it needs."""
    mapping = [{"path": "status", "variable": "status", "type": "text", "required": True}]
    config = {"url": api.url("/x"), "method": method, "mapping": mapping, "retries": {"count": 0}}
    steps = {
        "begin": starts_with("keys", "look"),
        "look": {
            "type": "fetch_variable",
            "name": "Look",
            "config": config,
            "exits": {"success": "answer", "not_found": "end"},
        },
        "answer": {
            "type": "send_message",
            "config": {"text": {"en": "It is {{ status }}"}},
            "exits": {"success": "end"},
        },
    }
    return drawn("Failing", steps)


def test_a_failed_run_is_found_replayed_and_begun_again(room: Runtime, api: Api) -> None:
    room.publish(failing(api))
    put = room.write("hello")
    room.drive()
    ask = Asking(room)
    [run] = ask("GET", "/runs?outcome=failed")["items"]
    assert (run["flow"], run["step"], run["outcome"]) == ("Failing", "look", "failed")
    for query, count in [
        ("step=look", 1),
        ("step=answer", 0),
        ("problem=any", 1),
        ("problem=mapping_missing", 1),
        ("problem=timeout", 0),
        ("version=1&flow=Failing", 1),
        ("version=2", 0),
        ("since=2100-01-01T00:00:00Z", 0),
        ("until=2100-01-01T00:00:00%2B01:00", 1),
        ("contact=%2B48600100200", 1),
        ("contact=nobody", 0),
        ("status=waiting", 0),
    ]:
        assert len(ask("GET", f"/runs?{query}")["items"]) == count, query
    assert ask("GET", "/runs?since=yesterday", 422)["code"] == "bad_query"

    [group] = [one for one in ask("GET", "/errors")["items"] if one["step"] == "look"]
    assert (group["flow"], group["kind"], group["count"]) == ("Failing", "mapping_missing", 1)
    assert group["examples"][0]["run"] == run["id"]
    assert group["title"] == "Look"
    assert ask("GET", "/errors?kind=no_such")["items"] == []
    for query, titles in [
        ("flow=Failing&version=1&step=look&kind=mapping_missing&since=2020-01-01T00:00:00Z", ["Look"]),
        ("flow=Other", []),
        ("version=2", []),
        ("step=answer", []),
        ("since=2100-01-01T00:00:00Z", []),
        ("until=2020-01-01T00:00:00Z", []),
    ]:
        assert [one["title"] for one in ask("GET", f"/problems?{query}")["items"]] == titles, query
    counts = {(one["step"], one["exit"]): one for one in ask("GET", "/flows/Failing/counts")["items"]}
    assert counts["look", "failure"]["failed"] == 1
    assert counts["begin", "next"]["taken"] == 1
    for query in ("by=all", "by=quarter&version=1"):
        paged, path = [], f"/flows/Failing/counts?{query}&limit=1"
        while path:
            told = ask("GET", path)
            paged += [(one["step"], one["exit"]) for one in told["items"]]
            path = told["next"] and f"/flows/Failing/counts?{query}&limit=1&after={told['next']}"
        assert paged == sorted(counts), query
    assert ask("GET", "/flows/Failing/counts?by=quarter&after=1/look/failure", 422)["code"] == "bad_query"
    assert ask("GET", "/flows/Failing/counts?after=nowhere", 422)["code"] == "bad_query"

    replayed = ask("POST", f"/runs/{run['id']}/turns/0/replay")
    assert replayed["same"] is True, replayed["sentence"]
    assert [entry["step"] for entry in replayed["trace"]] == ["begin", "look"]
    assert ask("POST", f"/runs/{run['id']}/turns/9/replay", 404)["code"] == "not_found"

    retry = f"/runs/{run['id']}/retry"
    assert ask("POST", retry, 409)["code"] in {"with_people", "would_repeat"}
    api.answers.append({"status": "gold"})
    again = ask("POST", retry, 202, anyway=True, take_back=True)
    assert again["duplicate"] is False
    assert ask("POST", retry, 202, anyway=True, take_back=True) == {"run": again["run"], "duplicate": True}
    room.drive()
    assert "It is gold" in room.provider.texts
    assert room.provider.texts.count("It is gold") == 1
    assert ask("GET", f"/runs/{again['run']}")["outcome"] == "completed"
    assert ask("POST", f"/runs/{again['run']}/retry", 409)["code"] == "not_failed"
    assert ask("POST", "/runs/999/retry", 404)["code"] == "not_found"
    assert room.one("SELECT count(*) AS n FROM runs")["n"] == 2
    assert put.event_id == run["id"]


def test_pages_of_errors_skip_none_while_more_come(room: Runtime) -> None:
    def note(*kinds: str) -> None:
        for kind in kinds:
            room.execute(
                "INSERT INTO problems (step, kind, message, created_at) VALUES ('a', :kind, 'x', 1)", kind=kind
            )

    note("one", "two", "three")
    ask = Asking(room)
    first = ask("GET", "/errors?limit=1")
    note("four", "three")
    second = ask("GET", f"/errors?limit=1&after={first['next']}")
    third = ask("GET", f"/errors?limit=1&after={second['next']}")
    assert [page["items"][0]["kind"] for page in (first, second, third)] == ["three", "two", "one"]
    assert third["next"] is None


def test_what_cannot_be_undone_is_told_before_it_is_done_again(room: Runtime, api: Api) -> None:
    room.publish(failing(api, "POST"))
    room.write("hello")
    room.drive()
    ask = Asking(room)
    [run] = ask("GET", "/runs?outcome=failed")["items"]
    refused = ask("POST", f"/runs/{run['id']}/retry", 409, take_back=True)
    assert refused["code"] == "would_repeat"
    assert any(one.startswith("POST http") for one in refused["details"]["done"])


def test_a_conversation_that_has_a_run_begins_none_again(room: Runtime, api: Api) -> None:
    room.publish(failing(api))
    first = room.write("hello")
    room.drive()
    room.act(first.conversation_id, "agent_closed", result="")
    room.drive()
    room.publish(failing(api) | {"steps": {**failing(api)["steps"], "look": _question()}})
    room.write("again")
    room.drive()
    ask = Asking(room)
    refused = ask("POST", f"/runs/{first.event_id}/retry", 409, anyway=True, take_back=True)
    assert refused["code"] == "already_running"


def _question() -> dict[str, Any]:
    config = {"text": {"en": "Yes?"}, "answer": {"kind": "text"}, "variable": "x", "time_limit_seconds": 600}
    return {
        "type": "ask_question",
        "config": config,
        "exits": {"reply": "answer", "invalid": "end", "timed_out": "end"},
    }


@pytest.mark.parametrize("limit", [1, 50])
def test_changes_are_listed_once_and_in_order(room: Runtime, limit: int) -> None:
    ask = Asking(room)
    room.publish(echo("keys"))
    assert ask("GET", "/changes")["items"] == []  # not yet: what commits late must not be missed
    room.move_clock(10)
    room.publish(echo("keys"))
    room.move_clock(10)
    seen: list[tuple[str, Any]] = []
    after = 0
    for _ in range(10):
        told = ask("GET", f"/changes?after={after}&limit={limit}")
        seen += [(one["kind"], one["version"]) for one in told["items"]]
        after = told["next"]
    assert seen == [("published", 1), ("published", 2)]


def test_drafts_and_problems_are_changes_too(room: Runtime) -> None:
    ask = Asking(room)
    ask("POST", "/flows", 201, name="Orders")
    room.execute("INSERT INTO problems (step, kind, message, created_at) VALUES ('a', 'timeout', 'x', 2)")
    room.move_clock(10)
    problem, draft = ask("GET", "/changes")["items"]
    assert (problem["kind"], problem["step"], problem["error"], problem["run"]) == ("problem", "a", "timeout", None)
    assert (draft["kind"], draft["flow"], draft["revision"], draft["by"]) == ("draft_saved", "Orders", 1, "tests")


@pytest.mark.parametrize("ends", ["DELETE FROM tokens", "UPDATE tokens SET scopes = '[\"read_runs\"]'"])
def test_a_stream_ends_with_the_right_to_read_it(room: Runtime, monkeypatch: pytest.MonkeyPatch, ends: str) -> None:
    monkeypatch.setattr("app.web.changes._LOOK_SECONDS", 0.0)
    ask = Asking(room)
    address = ask("POST", "/changes/tickets", 201)["address"]
    with ask.client.get(address) as answer:
        told = iter(answer.response)
        assert [next(told), next(told)] != []
        with room.house.database.transaction() as session:
            session.execute(text(ends))
        assert [chunk for chunk in told if "changes" in str(chunk)] == []
    assert "".join(ask.client.get(address).text.split("\n")) == "retry: 2000"


def test_changes_come_as_a_stream_by_a_ticket(room: Runtime) -> None:
    ask = Asking(room)
    room.publish(echo("keys"))
    room.move_clock(10)
    address = ask("POST", "/changes/tickets", 201)["address"]
    with ask.client.get(f"{address}&after=1") as answer:
        assert answer.mimetype == "text/event-stream"
        told = (chunk.decode() if isinstance(chunk, bytes) else chunk for chunk in answer.response)
        news = next(chunk for chunk in told if chunk.startswith("event: changes"))
    assert '"kind":"published","flow":"Echo","version":1' in news
    ticket = address.partition("ticket=changes.")[2]
    assert b"tests" not in urlsafe_b64decode(ticket + "==="), "an address stands in logs"
    for bad in ("x.y", "", "żółw", "x", ticket[:-4], f"{ticket[:20]}A{ticket[21:]}B"):
        assert ask.client.get(f"/updates?ticket=changes.{bad}").status_code == 403, bad
    room.move_clock(61)
    assert ask.client.get(address).status_code == 403
