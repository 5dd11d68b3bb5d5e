"""On PostgreSQL an arrival is one statement, which does nothing when somebody else was quicker than its snapshot."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app import inbox
from app.channels.arrival import Arrival, Report
from app.db import DatabaseUnavailable, Executor
from app.inbox import Put
from flows.event import Attachment, CallStarted, MessageReceived
from tests.app.house import ANNA, Runtime
from tests.app.processes import until
from tests.app.statements import heard, plan

OTHER = "+48600100299"
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


@pytest.fixture
def room(postgresql_room: Runtime) -> Runtime:
    """Only PostgreSQL does it at once."""
    return postgresql_room


def message(provider_id: str, address: str = ANNA, number: str = "keys", **more: Any) -> tuple[str, Arrival]:
    """Somebody writes on that number."""
    kind = more.pop("address_kind", "phone")
    return number, Arrival(provider_id, MessageReceived(provider_id), address, address_kind=kind, **more)


def call(provider_id: str) -> tuple[str, Arrival]:
    """Anna calls."""
    return "calls", Arrival(f"{provider_id}:0", CallStarted(provider_id, ANNA, ""), ANNA, call_id=provider_id)


def put(room: Runtime, session: Session, arrived: tuple[str, Arrival]) -> Put:
    number, arrival = arrived
    place = room.numbers[number]
    return inbox.put(session, place.connection_id, replace(arrival, number=place.value))


COUNTS = [
    ("a message of a known contact", message("SM2"), 1),
    ("a message that tells a name", message("SM2", contact_name="Anna", contact_language="pl"), 1),
    ("the same webhook again", message("SM1"), 1),
    ("a new contact's first message", message("SM2", OTHER), 1),
    ("a new visitor whose number is new", message("v1", "user-1", "chat", address_kind="user", phone=OTHER), 1),
    ("a call", call("CA1"), 1),
    ("a known contact's first message on another number", message("SM2", number="lookup"), 3),
    ("a new visitor who is a known contact", message("v1", "user-1", "chat", address_kind="user", phone=ANNA), 3),
]


@pytest.mark.parametrize(("arrived", "most"), [row[1:] for row in COUNTS], ids=[row[0] for row in COUNTS])
def test_an_arrival_is_one_statement_unless_it_opens_a_known_contacts_conversation(
    room: Runtime, arrived: tuple[str, Arrival], most: int
) -> None:
    room.write("hello", provider_id="SM1")
    with heard(room.house.database.engine) as statements, room.house.database.transaction() as session:
        put(room, session, arrived)
    assert len(statements) == most


def test_a_message_that_reopens_a_conversation_is_one_statement(room: Runtime) -> None:
    first = room.write("hello", provider_id="SM1")
    room.execute("UPDATE conversations SET state = 'closed', closed_at = last_at")
    with heard(room.house.database.engine) as statements, room.house.database.transaction() as session:
        assert put(room, session, message("SM2")).conversation_id == first.conversation_id
    assert len(statements) == 1
    assert room.column("SELECT state FROM conversations") == ["open"]


def put_at_once(room: Runtime, session: Executor, arrived: tuple[str, Arrival]) -> Put | None:
    number, arrival = arrived
    place = room.numbers[number]
    return inbox.put_at_once(session, place.connection_id, replace(arrival, number=place.value))


@pytest.mark.parametrize("arrived", [message("SM2"), message("SM2", OTHER), call("CA1")])
def test_one_statement_is_a_transaction_of_its_own(room: Runtime, arrived: tuple[str, Arrival]) -> None:
    room.write("hello", provider_id="SM1")
    with room.house.database.at_once() as session:
        with heard(session.engine) as statements:
            put = put_at_once(room, session, arrived)
        assert len(statements) == 1
        assert put is not None
        assert room.column("SELECT provider_id FROM inbound_events WHERE seq = 1 OR id > 1 ORDER BY id") == [
            "SM1",
            arrived[1].provider_id,
        ], "others see it already"
        assert put_at_once(room, session, arrived) == replace(put, duplicate=True)


LONG = ("keys", Arrival("SM2", MessageReceived("long " * 5_000), OTHER))
PICTURE = ("keys", Arrival("SM2", MessageReceived("", (Attachment("image/png", url="https://x.example/1"),)), OTHER))


@pytest.mark.parametrize("arrived", [LONG, PICTURE, message("SM2", number="lookup")], ids=["long", "media", "opens"])
def test_what_needs_more_than_one_statement_is_left_to_a_transaction(
    room: Runtime, arrived: tuple[str, Arrival]
) -> None:
    room.write("hello", provider_id="SM1")
    counts = "SELECT (SELECT count(*) FROM conversations) AS opened, (SELECT count(*) FROM inbound_events) AS kept"
    before = room.rows(counts)
    with room.house.database.at_once() as session:
        assert put_at_once(room, session, arrived) is None
    assert room.rows(counts) == before


def test_no_table_that_grows_is_read_whole(room: Runtime) -> None:
    room.write("hello", provider_id="SM1")
    with heard(room.house.database.engine) as statements, room.house.database.transaction() as session:
        for arrived in (message("SM2"), call("CA1"), message("v1", "user-1", "chat", address_kind="user", phone=OTHER)):
            put(room, session, arrived)
    for statement, values in statements:
        planned = plan(room.house.database.engine, statement, values, as_if_large=True)
        for table in ("addresses", "contacts", "conversations", "inbound_events", "messages"):
            assert f"Seq Scan on {table}" not in planned, planned


@dataclass(frozen=True)
class Race:
    """Two arrivals at once: the second one's statement begins before the first one's transaction ends."""

    first: tuple[str, Arrival]
    second: tuple[str, Arrival]
    known: tuple[tuple[str, Arrival], ...] = ()  # was there before


RACES = {
    "the same webhook of a new contact": Race(message("SM1"), message("SM1")),
    "the same webhook": Race(message("SM1"), message("SM1"), known=(message("SM0"),)),
    "two messages of a new contact": Race(message("SM1"), message("SM2")),
    "two messages": Race(message("SM1"), message("SM2"), known=(message("SM0"),)),
    "two on a number that is new to the contact": Race(
        message("SM1", number="lookup"), message("SM2", number="lookup"), known=(message("SM0"),)
    ),
    "two addresses of one contact": Race(
        message("SM1"),
        message("SM2", "+48600100300"),
        known=(
            message("v1", "user-1", "chat", address_kind="user", phone=ANNA),
            message("v2", "user-1", "chat", address_kind="user", phone="+48600100300"),
        ),
    ),
    "the same call": Race(call("CA1"), call("CA1")),
    "two calls of a new contact": Race(call("CA1"), call("CA2")),
}


@pytest.mark.parametrize("commits", [True, False], ids=["committed", "rolled back"])
@pytest.mark.parametrize("name", RACES)
def test_two_arrivals_at_once_end_as_if_one_came_after_the_other(room: Runtime, name: str, *, commits: bool) -> None:
    race = RACES[name]
    for arrived in race.known:
        with room.house.database.transaction() as session:
            put(room, session, arrived)
    before = len(room.rows("SELECT id FROM inbound_events"))
    ended, waited = _race(room, race, commits=commits)
    repeated = race.first[1].provider_id == race.second[1].provider_id
    assert waited.duplicate == (commits and repeated)
    if waited.duplicate:
        assert waited.event_id == ended.event_id
    if commits and not race.first[1].call_id:
        assert waited.conversation_id == ended.conversation_id
    assert len(room.rows("SELECT id FROM inbound_events")) == before + (2 if commits and not repeated else 1)
    assert len(room.rows("SELECT id FROM contacts")) == 1
    assert room.rows("SELECT conversation_id, count(*) AS n FROM inbound_events GROUP BY 1 ORDER BY 1") == room.rows(
        "SELECT id AS conversation_id, next_seq - 1 AS n FROM conversations ORDER BY id"
    ), "no place is taken twice, none without an event, and no conversation is empty"
    assert len(room.rows("SELECT DISTINCT conversation_id, seq FROM inbound_events")) == len(
        room.rows("SELECT id FROM inbound_events")
    )


def _race(room: Runtime, race: Race, *, commits: bool) -> tuple[Put, Put]:
    """What became of both."""
    results: list[Put] = []

    def act() -> None:
        with room.house.database.transaction() as session:
            results.append(put(room, session, race.second))

    second = threading.Thread(target=act)
    with _ending(room, commits=commits) as session:
        first = put(room, session, race.first)
        second.start()
        until(lambda: room.column(_WAITING) == [1], "the second waits for the first")
    second.join(15)
    (waited,) = results
    return first, waited


class _Undone(Exception):
    """The first one's transaction is rolled back."""


@contextmanager
def _ending(room: Runtime, *, commits: bool) -> Iterator[Session]:
    try:
        with room.house.database.transaction() as session:
            yield session
            if not commits:
                raise _Undone
    except _Undone:
        pass


@pytest.mark.parametrize("at_once", [False, True], ids=["transaction", "at once"])
def test_one_provider_id_of_two_contacts_at_once_is_rolled_back_and_then_a_duplicate(
    room: Runtime, *, at_once: bool
) -> None:
    refused: list[DatabaseUnavailable] = []

    def act() -> None:
        try:
            if at_once:
                with room.house.database.at_once() as connection:
                    put_at_once(room, connection, message("SM1", OTHER))
            else:
                with room.house.database.transaction() as session:
                    put(room, session, message("SM1", OTHER))
        except DatabaseUnavailable as error:
            refused.append(error)

    second = threading.Thread(target=act)
    with room.house.database.transaction() as session:
        first = put(room, session, message("SM1"))
        second.start()
        until(lambda: room.column(_WAITING) == [1], "the second waits for the first")
    second.join(15)
    assert len(refused) == 1
    assert len(room.rows("SELECT id FROM conversations")) == 1, "nothing half-accepted"
    with room.house.database.transaction() as session:
        again = put(room, session, message("SM1", OTHER))
    assert again == Put(first.event_id, first.conversation_id, duplicate=True)


ENDED = Report("CA1:status", "caller_hung_up", {"kind": "caller_hung_up"}, call_id="CA1")


def test_a_report_needs_no_transaction_either(room: Runtime) -> None:
    with room.house.database.transaction() as session:
        put(room, session, call("CA1"))
    connection_id = room.numbers["calls"].connection_id
    with room.house.database.at_once() as connection:
        first, again = [inbox.put_at_once(connection, connection_id, ENDED) for _ in range(2)]
        assert first is not None
        assert again == replace(first, duplicate=True)
        assert inbox.put_at_once(connection, connection_id, replace(ENDED, call_id="CA404")) is None
    assert room.column("SELECT kind FROM inbound_events ORDER BY seq") == ["call_started", "caller_hung_up"]


def _report(room: Runtime, session: Session) -> Put | None:
    return inbox.put_report(session, room.numbers["calls"].connection_id, ENDED)


def _action(room: Runtime, session: Session) -> Put:
    (id_,) = room.column("SELECT id FROM conversations")
    return inbox.put_action(session, id_, "agent_took_over", "once", {"by": "Ann"})


@pytest.mark.parametrize("acts", [_report, _action])
def test_a_report_or_action_that_waited_for_itself_takes_no_place(
    room: Runtime, acts: Callable[[Runtime, Session], Put | None]
) -> None:
    with room.house.database.transaction() as session:
        put(room, session, call("CA1"))
    results: list[Put | None] = []

    def act() -> None:
        with room.house.database.transaction() as session:
            results.append(acts(room, session))

    second = threading.Thread(target=act)
    with room.house.database.transaction() as session:
        results.append(acts(room, session))
        second.start()
        until(lambda: room.column(_WAITING) == [1], "the second waits for the first")
    second.join(15)
    assert [one and one.duplicate for one in results] == [False, True]
    assert room.column("SELECT next_seq FROM conversations") == [3]
