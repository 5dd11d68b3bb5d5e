"""What a turn asked of the world is not asked twice, unless it may be (RELIABILITY §2, "Turn")."""

from dataclasses import dataclass
from typing import Any

import pytest

from app.asking import Asking, fingerprint_of
from flows import wire
from flows.ask import HttpAnswer, HttpRequest
from tests.app.api import Api
from tests.app.drawn import Document, drawn, fetches, sends, starts_with
from tests.app.house import Runtime
from tests.app.processes import die_at, until

MAPPING = [{"path": "word", "variable": "word", "type": "text", "default": "none"}]


def asking(api: Api, *requests: tuple[str, str], **config: Any) -> Document:
    """Asks one after the other, then says the last word and whether anything failed."""
    steps = {"in": starts_with("keys", "a0"), "out": sends("word {{ word }}"), "bad": sends("failed {{ error.kind }}")}
    for n, (method, path) in enumerate(requests):
        to = f"a{n + 1}" if n + 1 < len(requests) else "out"
        own = {**config, "may_be_repeated": config.get("may_be_repeated", False)} if method in {"POST", "PATCH"} else {}
        steps[f"a{n}"] = fetches(api.url(path), to, method=method, mapping=MAPPING, **own)
        steps[f"a{n}"]["exits"]["failure"] = "bad"
    return drawn("Asking", steps)


def kill_while_asked(room: Runtime, api: Api) -> None:
    process = room.start()
    room.write("hello")
    process.runner.wake()
    until(lambda: api.requests, "the request is under way")
    process.kill()
    api.released.set()


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_request_that_may_be_repeated_is_repeated_after_a_kill(room: Runtime, api: Api, method: str) -> None:
    room.publish(asking(api, (method, "/slow")))
    kill_while_asked(room, api)
    api.answers.extend([{"word": "one"}, {"word": "one"}])
    room.drive()
    assert api.methods() == [method] * 2
    assert room.provider.texts[0].startswith("word")


@pytest.mark.parametrize("method", ["POST", "PATCH"])
def test_one_that_may_not_is_not_and_the_flow_hears_that_its_outcome_is_unknown(
    room: Runtime, api: Api, method: str
) -> None:
    room.publish(asking(api, (method, "/slow")))
    kill_while_asked(room, api)
    room.drive()
    assert api.methods() == [method]
    assert room.provider.texts == ["failed outcome_unknown"]


def test_one_the_author_lets_repeat_carries_the_same_key(room: Runtime, api: Api) -> None:
    room.publish(asking(api, ("POST", "/slow"), may_be_repeated=True))
    kill_while_asked(room, api)
    room.drive()
    first, again = api.requests
    run_id = room.one("SELECT id FROM runs")["id"]
    assert first.key == again.key == f"{run_id}-0-0"
    assert len(room.provider.texts) == 1


def test_answers_already_given_come_from_the_journal_after_a_kill(room: Runtime, api: Api) -> None:
    room.publish(asking(api, ("GET", "/a"), ("POST", "/b")))
    api.answers.extend([{"word": "looked up"}, {"word": "posted"}])
    die_at("commit:before")
    process = room.start()
    room.write("hello")
    process.runner.wake()
    process.wait_until_dead()
    assert api.methods() == ["GET", "POST"]
    room.drive()
    assert api.methods() == ["GET", "POST"], "nobody was asked again"
    assert room.provider.texts == ["word posted"]


def test_a_turn_that_asks_only_safely_writes_no_journal(room: Runtime, api: Api) -> None:
    room.publish(asking(api, ("GET", "/a"), ("GET", "/b")))
    room.write("hello")
    room.drive()
    assert room.rows("SELECT n FROM journal") == []


def test_the_journal_holds_an_unsafe_request_before_it_leaves(room: Runtime, api: Api) -> None:
    room.publish(asking(api, ("POST", "/slow")))
    process = room.start()
    room.write("hello")
    process.runner.wake()
    until(lambda: api.requests, "the request is under way")
    assert room.rows("SELECT turn, n, state FROM journal") == [{"turn": 0, "n": 0, "state": "sending"}]
    api.released.set()
    room.drive()
    assert room.column("SELECT state FROM journal") == ["answered"]


# the decisions, without a database

GET = HttpRequest("GET", "https://api.example/a")
POST = HttpRequest("POST", "https://api.example/a", body="{}")
KEY = (1, 0, 0)


@dataclass
class Row:
    fingerprint: str
    state: str
    answer: str = ""


def answered(request: HttpRequest) -> Row:
    return Row(fingerprint_of(request), "answered", wire.write(HttpAnswer(200)))


def test_a_repeated_get_that_differs_drops_the_journal_from_there_on() -> None:
    asking_ = Asking({KEY: answered(HttpRequest("GET", "https://api.example/other")), (1, 0, 1): answered(POST)})
    assert asking_.decide(KEY, GET).forgets
    assert asking_.decide((1, 0, 1), POST).answer is None, "what followed is forgotten too"


def test_a_repeated_post_that_differs_has_an_unknown_outcome() -> None:
    decision = Asking({KEY: answered(HttpRequest("POST", "https://api.example/other"))}).decide(KEY, POST)
    assert isinstance(decision.answer, HttpAnswer)
    assert decision.answer.error == "outcome_unknown"


def test_the_words_a_caller_hears_meanwhile_do_not_make_another_request() -> None:
    assert fingerprint_of(GET) == fingerprint_of(HttpRequest("GET", GET.url, hold_prompt="One moment"))
    assert fingerprint_of(GET) != fingerprint_of(HttpRequest("GET", GET.url, headers={"x": "y"}))
