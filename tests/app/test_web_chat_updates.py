"""Event streams: tickets, what a stream tells and in which order, and that it holds nothing while it waits."""

import base64
import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event, update
from sqlalchemy.exc import OperationalError

from app.config import Settings
from app.models import Message
from app.web.chat_feed import Place
from app.web.updates import Stream
from tests.app.processes import until
from tests.chat_house import ChatHouse, Visit, chat_house


class TheEnd(Exception):
    """The prepared actions are used up."""


class Turns:
    """Stands in for the waiting: each wait runs the next prepared action, and the last one ends the stream."""

    def __init__(self, *actions: Any, up: bool = True) -> None:
        self.actions = list(actions)
        self.up = up
        self.waits: list[tuple[int, float]] = []

    def hears(self) -> bool:
        return self.up

    def heard(self) -> int:
        return 0

    def wait(self, conversation_id: int, timeout_seconds: float, since: int) -> bool:
        self.waits.append((conversation_id, timeout_seconds))
        if not self.actions:
            raise TheEnd
        return bool(self.actions.pop(0)())


@pytest.fixture
def chat(settings: Settings) -> Iterator[ChatHouse]:
    with chat_house(settings) as house:
        yield house


def stream_of(chat: ChatHouse, visit: Visit, *actions: Any, after: int = 0) -> list[tuple[str, str, Any]]:
    """(event, id, data) of everything the stream tells until the actions are used up."""
    place = Place(chat.number_id, "visitor", json.loads(_decoded(visit.token))["address"])
    stream = Stream(chat.house.database, Turns(*actions), chat.house.key, place, after)
    return [_read(part) for part in until_the_end(stream)]


def until_the_end(stream: Stream) -> list[str]:
    parts = []
    with suppress(TheEnd):
        for part in stream.events():
            parts.append(part)  # noqa: PERF402 - a comprehension would lose what came before the end
    return parts


def _decoded(token: str) -> bytes:
    data = token.partition(".")[0]
    return base64.urlsafe_b64decode(data + "=" * (-len(data) % 4))


def _read(part: str) -> tuple[str, str, Any]:
    assert part.endswith("\n\n")
    fields = dict(line.split(": ", 1) for line in part.strip().split("\n"))
    return fields.get("event", ""), fields.get("id", ""), json.loads(fields.get("data", "null"))


@pytest.mark.inconsistent  # what is handled by hand here is answered by nobody
def test_messages_come_once_in_order_with_their_states(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    told = stream_of(chat, visit, lambda: chat.answer("one"), lambda: None, lambda: chat.answer("two"), chat.handle_all)
    messages = [(data["text"], data["state"]) for name, _, data in told if name == "message"]
    assert messages == [("hello", "received"), ("one", "sent"), ("two", "sent"), ("hello", "read")]
    ids = [int(identity) for name, identity, _ in told if name == "message"]
    assert ids == sorted(ids)
    typing = [data["typing"] for name, _, data in told if name == "conversation"]
    assert typing == [True, False]


def test_a_stream_that_comes_back_gets_all_that_it_missed(chat: ChatHouse) -> None:
    visit = chat.visit()
    last = visit.send("hello").get_json()["id"]
    for n in range(130):
        chat.answer(f"message {n}")
    told = stream_of(chat, visit, after=last)
    assert [data["text"] for name, _, data in told if name == "message"][-130:] == [f"message {n}" for n in range(130)]


def test_a_message_that_was_held_back_still_comes_after_later_ones(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    held = chat.answer("held", rank=1)

    def release() -> None:
        with chat.house.database.transaction() as session:
            session.execute(update(Message).where(Message.id == held).values(rank=4))

    told = stream_of(chat, visit, lambda: visit.send("later"), release)
    assert [data["text"] for name, _, data in told if name == "message"] == ["hello", "later", "held"]


def test_a_stream_of_a_visitor_who_has_not_written_waits_for_the_first_message(chat: ChatHouse) -> None:
    visit = chat.visit()
    told = stream_of(chat, visit, lambda: visit.send("hello"))
    assert [data["text"] for name, _, data in told if name == "message"] == ["hello"]


def test_a_stream_never_tells_of_other_visitors(chat: ChatHouse) -> None:
    mine, other = chat.visit(), chat.visit()
    told = stream_of(chat, mine, lambda: other.send("secret"), lambda: None)
    assert [name for name, _, _ in told if name == "message"] == []


def test_no_connection_is_held_while_a_stream_waits(chat: ChatHouse) -> None:
    visit = chat.visit()
    visit.send("hello")
    open_now: set[int] = set()
    event.listen(chat.house.database.engine, "checkout", lambda _, record, __: open_now.add(id(record)))
    event.listen(chat.house.database.engine, "checkin", lambda _, record: open_now.discard(id(record)))
    held: list[int] = []
    stream_of(chat, visit, *[lambda: held.append(len(open_now))] * 3)
    assert held == [0, 0, 0]


def test_a_silent_stream_sends_a_comment_before_proxies_close_it(
    chat: ChatHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter(range(0, 10_000, 5))
    monkeypatch.setattr("app.web.updates.time.monotonic", lambda: float(next(seconds)))
    place = Place(chat.number_id, "visitor", "nobody")
    parts = until_the_end(Stream(chat.house.database, Turns(*[lambda: None] * 9), chat.house.key, place, 0))
    assert sum(part.startswith(": still here\n") for part in parts) >= 2


@pytest.mark.parametrize(("up", "seconds"), [(True, 5.0), (False, 1.0)], ids=["with Redis", "without"])
def test_a_quiet_stream_relies_on_announcements_only_while_they_are_heard(
    chat: ChatHouse, up: bool, seconds: float
) -> None:
    visit = chat.visit()
    visit.send("hello")
    turns = Turns(*[lambda: False] * 6, lambda: chat.answer("news"), lambda: False, up=up)
    place = Place(chat.number_id, "visitor", json.loads(_decoded(visit.token))["address"])
    until_the_end(Stream(chat.house.database, turns, chat.house.key, place, 0))
    assert [wait for _, wait in turns.waits] == [1.0] * 4 + [seconds] * 3 + [1.0, 1.0]
    assert len({conversation for conversation, _ in turns.waits}) == 1


def test_an_announcement_between_a_look_and_the_wait_is_not_missed(
    chat: ChatHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = chat.visit()
    visit.send("hello")
    lanes = chat.house.lanes
    before = lanes.heard()
    until(lanes.hears, "the subscription stands")
    monkeypatch.setattr("app.web.updates._LOOK_SECONDS", 20.0)
    place = Place(chat.number_id, "visitor", json.loads(_decoded(visit.token))["address"])
    stream = Stream(chat.house.database, lanes, chat.house.key, place, 0).events()
    next(part for part in stream if part.startswith("event: conversation"))  # it has looked, and does not wait yet
    chat.answer("news")
    until(lambda: lanes.heard() >= before + 2, "the announcement has come")
    started = time.monotonic()
    assert '"text":"news"' in next(stream)
    assert time.monotonic() - started < 10


def test_a_stream_outlives_a_database_that_is_away(chat: ChatHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    visit = chat.visit()
    visit.send("hello")
    reading = chat.house.database.reading

    def away() -> None:
        raise OperationalError("BEGIN", {}, OSError("connection refused"))

    def leave() -> None:
        chat.answer("kept")
        monkeypatch.setattr(chat.house.database, "reading", away)

    def back() -> None:
        monkeypatch.setattr(chat.house.database, "reading", reading)

    told = stream_of(chat, visit, leave, lambda: None, back, lambda: None)
    assert [data["text"] for name, _, data in told if name == "message"] == ["hello", "kept"]


def test_a_ticket_opens_a_stream_for_a_minute(chat: ChatHouse) -> None:
    visit = chat.visit()
    ticket = visit.post("tickets").get_json()["ticket"]
    answer = chat.client.get(f"/updates?ticket={ticket}")
    assert (answer.status_code, answer.mimetype) == (200, "text/event-stream")
    assert answer.headers["Cache-Control"] == "no-store"
    answer.close()
    chat.move_clock(61)
    late = chat.client.get(f"/updates?ticket={ticket}")
    assert (late.status_code, late.get_json()["code"]) == (403, "ticket_refused")


@pytest.mark.parametrize("ticket", ["", "x", "e30.x", "é", "x" * 5_000])
def test_a_ticket_that_is_not_ours_is_refused(chat: ChatHouse, ticket: str) -> None:
    answer = chat.client.get("/updates", query_string={"ticket": ticket})
    assert (answer.status_code, answer.get_json()["code"]) == (403, "ticket_refused")


def test_a_visitors_token_is_no_ticket(chat: ChatHouse) -> None:
    assert chat.client.get("/updates", query_string={"ticket": chat.visit().token}).status_code == 403


@pytest.mark.parametrize("after", ["-1", "x", "9" * 40, "١"])
def test_a_strange_position_counts_as_none(chat: ChatHouse, after: str) -> None:
    ticket = chat.visit().post("tickets").get_json()["ticket"]
    answer = chat.client.get("/updates", query_string={"ticket": ticket, "after": after})
    assert answer.status_code == 200
    answer.close()
