"""Webhooks and commits take the same rows in the same order, so that neither ever waits for the other in a circle."""

import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from app.channels.arrival import Arrival
from app.config import Settings
from app.contacts import reach
from app.db import now_microseconds
from app.directory import Directory
from app.scene import set_scene
from app.store.commits import commit
from app.store.events import NewEvent, append
from app.store.loading import begin, load
from app.turns import TurnUnderWay
from flows.event import MessageReceived
from tests.app.drawn import drawn, placed, starts_with
from tests.app.house import ANNA, Runtime, runtime
from tests.app.processes import until

_WAITING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"


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


@pytest.mark.parametrize("words", ["STOP", "remember me"])
def test_a_webhook_and_a_commit_about_one_contact_never_deadlock(
    postgresql_url: str, data_folder: Path, doubles: None, words: str
) -> None:
    note = {"variables": [{"name": "said", "value": "{{ message.text }}", "scope": "contact"}]}
    steps = {"in": starts_with("keys", "note"), "note": placed("set_variable", note, next="end")}
    with runtime(Settings(data_folder=data_folder, database_url=postgresql_url)) as room:
        room.publish(drawn("Notes", steps))
        room.execute("UPDATE contacts SET name = ''")
        put = room.write(words)
        turn = finished(room, put.conversation_id)
        failed: list[BaseException] = []

        def commit_it() -> None:
            try:
                with room.house.database.transaction() as session:
                    session.execute(text("SET LOCAL deadlock_timeout = '100ms'"))
                    commit(session, [turn.handled])
            except BaseException as error:  # noqa: BLE001 - the test looks at it
                failed.append(error)

        thread = threading.Thread(target=commit_it)
        place = room.numbers["keys"]
        arrival = Arrival("SM9", MessageReceived("hi"), ANNA, number=place.value, contact_name="Anna")
        with room.house.database.transaction() as session:  # as inbox.put does, one half after the other
            session.execute(text("SET LOCAL deadlock_timeout = '100ms'"))
            reach(session, arrival, now_microseconds(session))
            thread.start()
            until(lambda: not thread.is_alive() or room.column(_WAITING) == [1], "the commit waits for the contact")
            append(session, NewEvent(put.conversation_id, "late", "message_received", "{}", reopens=True))
            session.execute(text("DELETE FROM inbound_events WHERE provider_id = 'late'"))
        thread.join(10)
        assert failed == []
        room.drive()
        assert room.column("SELECT state FROM inbound_events ORDER BY id") == ["done"]


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
