"""Webhooks and commits take the same rows in the same order, so that neither ever waits for the other in a circle."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import event, text
from sqlalchemy.orm import Session

from app import inbox
from app.channels.arrival import Arrival
from app.directory import Directory
from app.scene import set_scene
from app.store.commits import commit
from app.store.loading import begin, load
from app.turns import TurnUnderWay
from flows.effect import UpdateContact
from flows.event import MessageReceived
from tests.app.drawn import drawn, placed, starts_with
from tests.app.house import ANNA, Runtime
from tests.app.processes import until

NOTES = {
    "in": starts_with("keys", "note"),
    "note": placed(
        "set_variable",
        {"variables": [{"name": "said", "value": "{{ message.text }}", "scope": "contact"}]},
        next="end",
    ),
}
_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"

_SOMEBODY = """
    INSERT INTO contacts (first_seen_at, created_at, name, language, attributes, account_manager)
    VALUES (1, 1, 'Somebody', '', '{}', '')
"""
_TAKES = """
    INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)
    SELECT id, 'email', :value, 1, 1 FROM contacts WHERE name = 'Somebody'
"""


def finished(room: Runtime, conversation_id: int) -> TurnUnderWay:
    """A turn that is ready to be committed."""
    with room.house.database.transaction() as session:
        (held,) = load(session, [conversation_id], 0)
        begin(session, [held], alone=True)
        turn = TurnUnderWay(
            set_scene(session, held, Directory(room.house.key, "")), room.house.steps, room.house.limits
        )
    assert turn.start() is None
    return turn


@pytest.mark.parametrize("first", ["webhook", "commit"])
@pytest.mark.parametrize("words", ["STOP", "remember me"])
def test_a_webhook_and_a_commit_about_one_contact_never_deadlock(
    postgresql_room: Runtime, words: str, first: str
) -> None:
    room = postgresql_room
    room.publish(drawn("Notes", NOTES))
    put = room.write(words)
    room.execute("UPDATE contacts SET name = ''")
    turn = finished(room, put.conversation_id)
    failed: list[BaseException] = []

    def act(action: Callable[[Session], object]) -> None:
        try:
            with room.house.database.transaction() as session:
                action(session)
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            failed.append(error)

    place = room.numbers["keys"]
    arrival = Arrival("SM9", MessageReceived("hi"), ANNA, number=place.value, contact_name="Anna")
    actions: dict[str, Callable[[Session], object]] = {
        "webhook": lambda session: inbox.put(session, place.connection_id, arrival),
        "commit": lambda session: commit(session, [turn.handled]),
    }
    threads = [threading.Thread(target=act, args=(actions[name],)) for name in sorted(actions, key=first.__ne__)]
    with room.house.database.transaction() as session:  # both come as far as they can without the conversation
        session.execute(text("SELECT id FROM conversations FOR UPDATE"))
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            until(lambda waiting=waiting: room.column(_WAITING) == [waiting], "it waits")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    for thread in threads:
        thread.join(10)
    assert failed == []
    room.drive()
    assert set(room.column("SELECT state FROM inbound_events")) == {"done"}


def test_groups_that_add_the_same_addresses_wait_in_one_order(postgresql_room: Runtime) -> None:
    room = postgresql_room
    room.publish(drawn("Notes", NOTES))
    turns = [finished(room, room.write("hi", contact=f"+4860010020{n}").conversation_id) for n in range(4)]
    for turn, letter in zip(turns, "abba", strict=True):
        turn.handled.updates.append(UpdateContact(addresses={"email": f"{letter}@example.com"}))
    failed: list[BaseException] = []

    def act(*group: TurnUnderWay) -> None:
        try:
            with room.house.database.transaction() as session:
                commit(session, [turn.handled for turn in group])
        except BaseException as error:  # noqa: BLE001 - the test looks at it
            failed.append(error)

    threads = [threading.Thread(target=act, args=turns[first : first + 2]) for first in (0, 2)]
    with room.house.database.transaction() as session:  # somebody adds the one address, which both groups want
        session.execute(text(_SOMEBODY))
        session.execute(text(_TAKES), {"value": "a@example.com"})
        for waiting, thread in enumerate(threads, 1):
            thread.start()
            until(lambda waiting=waiting: room.column(_WAITING) == [waiting], "it waits")  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        session.execute(text("SET LOCAL lock_timeout = 500"))
        session.execute(text(_TAKES), {"value": "b@example.com"})  # and neither holds the other one meanwhile
    for thread in threads:
        thread.join(10)
    assert (failed, room.problems()) == ([], ["address_taken"] * 4)


def test_two_hundred_webhooks_beside_commits_never_deadlock(postgresql_room: Runtime) -> None:
    room = postgresql_room
    room.publish(drawn("Notes", NOTES))
    victims: list[str] = []
    event.listen(room.house.database.engine, "handle_error", lambda context: victims.append(str(context)))
    contacts = [f"+4860010020{n}" for n in range(4)]

    def write(contact: str) -> None:
        for n in range(50):
            words = ("STOP", "START", "remember me", "hello")[n % 4]
            place = room.numbers["keys"]
            arrival = Arrival(
                f"{contact}/{n}", MessageReceived(words), contact, number=place.value, contact_name="Anna"
            )
            with room.house.database.transaction() as session:
                inbox.put(session, place.connection_id, arrival)
            room.execute("UPDATE contacts SET name = '' WHERE id % 4 = :n", n=n % 4)

    for _ in range(2):
        room.start()
    threads = [threading.Thread(target=write, args=(contact,)) for contact in contacts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    room.drive()
    assert victims == []
    assert len(room.rows("SELECT id FROM messages WHERE direction = 'in'")) == 200
    counted = "SELECT conversation_id, count(*) AS n FROM inbound_events WHERE seq > 0 GROUP BY 1 ORDER BY 1"
    taken = "SELECT id AS conversation_id, next_seq - 1 AS n FROM conversations ORDER BY id"
    assert room.rows(counted) == room.rows(taken)


def test_an_opt_out_cancels_what_other_conversations_of_the_address_have_queued(room: Runtime) -> None:
    room.publish(drawn("Out", {"in": starts_with("lookup", "out"), "out": _says()}))
    room.provider.plans.append("unreachable")
    room.write("hello", "lookup")
    room.drive()
    room.write("STOP", "keys")
    room.drive()
    room.move_clock(60)
    room.drive()
    assert room.provider.texts == ["You will get no more messages from us. Write START to get them again."]


def _says() -> dict[str, object]:
    return placed("send_message", {"text": {"en": "news"}, "wait_for": "nothing"}, success="end")
