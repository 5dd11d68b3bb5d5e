"""Whatever happens becomes one row with its place in the conversation, exactly once."""

import threading
from collections.abc import Callable, Sequence

import pytest

from app import inbox
from app.channels.arrival import Arrival
from app.inbox import Put, UnknownNumber
from flows.event import Attachment, CallStarted, MessageReceived
from tests.app.drawn import echo
from tests.app.house import ANNA, Runtime


def at_once(actions: Sequence[Callable[[], Put]]) -> list[Put]:
    """All of them in threads of their own, at the same moment."""
    ready, puts = threading.Barrier(len(actions)), []

    def act(action: Callable[[], Put]) -> None:
        ready.wait(10)
        puts.append(action())

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(puts) == len(actions)
    return puts


def test_the_same_webhook_three_times_in_parallel_is_one_row(room: Runtime) -> None:
    for n in range(8):
        puts = at_once([lambda n=n: room.write("hello", provider_id=f"SM{n}")] * 3)  # type: ignore[misc]  # mypy cannot infer a lambda with a default
        assert len({put.event_id for put in puts}) == 1
        assert sorted(put.duplicate for put in puts) == [False, True, True]
    assert len(room.rows("SELECT id FROM inbound_events")) == 8
    assert len(room.rows("SELECT id FROM messages")) == 8
    assert room.column("SELECT next_seq FROM conversations") == [9], "a repetition takes no place"


def test_the_same_report_three_times_in_parallel_is_one_row(room: Runtime) -> None:
    put = room.write("hello")
    place = room.numbers["keys"]
    room.execute(
        'INSERT INTO effects (id, key, kind, conversation_id, connection_id, number_id, payload, "to", state, attempts,'
        " next_attempt_at, provider_id, error, created_at)"
        " VALUES (7, 'k', 'send_message', :conversation, :connection, :number, '{}', '', 'sent', 1, 0, 'SM7', '', 0)",
        conversation=put.conversation_id,
        connection=place.connection_id,
        number=place.id,
    )
    for n in range(4, 8):
        puts = at_once([lambda n=n: _known(room.report(7, n))] * 3)  # type: ignore[misc]  # as above
        assert len({one.event_id for one in puts}) == 1
        assert sorted(one.duplicate for one in puts) == [False, True, True]
    assert room.column("SELECT next_seq FROM conversations") == [6]


def _known(put: Put | None) -> Put:
    assert put is not None
    return put


def test_a_repeated_webhook_is_ignored_and_answered_with_the_same_row(room: Runtime) -> None:
    first = room.write("hello", provider_id="SM1")
    again = room.write("something else", provider_id="SM1")
    assert again == Put(first.event_id, first.conversation_id, duplicate=True)
    assert room.column("SELECT text FROM messages") == ["hello"]
    assert room.column("SELECT next_seq FROM conversations") == [2], "it takes no place"


def test_the_same_id_on_another_connection_is_another_message(room: Runtime) -> None:
    assert not room.write("hello", "keys", provider_id="SM1").duplicate
    assert not room.write("hello", "lookup", provider_id="SM1").duplicate


def test_a_new_contact_who_writes_several_at_once_is_one_contact_with_one_conversation(room: Runtime) -> None:
    puts = at_once([lambda n=n: room.write(f"m{n}", provider_id=f"SM{n}") for n in range(6)])  # type: ignore[misc]  # as above
    assert len({put.conversation_id for put in puts}) == 1
    assert len(room.rows("SELECT id FROM contacts")) == 1
    assert len(room.rows("SELECT id FROM addresses")) == 1
    rows = room.rows("SELECT id, seq, at FROM inbound_events ORDER BY seq")
    assert [row["seq"] for row in rows] == list(range(1, 7))
    assert [row["at"] for row in rows] == sorted(row["at"] for row in rows)


def test_seq_is_the_order_of_commits_and_not_of_ids(room: Runtime) -> None:
    room.write("first")
    second = threading.Thread(target=lambda: room.write("third"))
    with room.house.database.transaction() as session:
        arrival = Arrival("SM2", MessageReceived("second"), "+48600100200", number=room.numbers["keys"].value)
        inbox.put(session, room.numbers["keys"].connection_id, arrival)
        second.start()  # waits for this commit
    second.join(10)
    texts = room.column("SELECT m.text FROM messages m JOIN inbound_events e ON e.id = m.event_id ORDER BY e.seq")
    assert texts == ["first", "second", "third"]


def test_no_event_stands_before_an_earlier_one_though_the_clock_is_set_back(room: Runtime) -> None:
    room.write("one")
    room.move_clock(-100)
    room.write("two")
    rows = room.rows("SELECT at, due_at FROM inbound_events ORDER BY seq")
    assert rows[0]["at"] <= rows[1]["at"]
    assert rows[1]["due_at"] < rows[1]["at"], "it is due all the same"


TEXTS = [
    ("emoji 👩‍👩‍👧‍👦 and flags 🇵🇱", "emoji 👩‍👩‍👧‍👦 and flags 🇵🇱"),
    ("מימין לשמאל \u202e and back", "מימין לשמאל \u202e and back"),
    ("nul \x00 and \ud800 alone", "nul \ufffd and \ufffd alone"),
    ("{{ 7*7 }} ' OR 1=1 -- \\u0000 :name %s", "{{ 7*7 }} ' OR 1=1 -- \\u0000 :name %s"),
    ("", ""),
]


@pytest.mark.parametrize(("written", "kept"), TEXTS)
def test_texts_are_kept_as_they_are_but_for_what_databases_refuse(room: Runtime, written: str, kept: str) -> None:
    room.write(written)
    assert room.column("SELECT text FROM messages") == [kept]


@pytest.mark.parametrize("bad", ["\x00", "\ud800"])
def test_whatever_a_provider_calls_a_file_or_an_outcome_is_stored(room: Runtime, bad: str) -> None:
    room.publish(echo("keys"))
    name = f"a{bad}\r\n\x1b\u202e.png"
    room.write("hi", media=(Attachment(f"image/{bad}", name, url=f"http://x.example/{bad}"),), choice=bad)
    room.drive()
    room.report(room.one("SELECT id FROM effects")["id"], 5, error=f"no {bad}", error_kind=bad, provider_id=bad)
    room.drive()
    assert "a\ufffd.png" in room.one("SELECT media FROM messages WHERE direction = 'in'")["media"]
    assert room.one("SELECT message FROM problems")["message"] == "no \ufffd"


@pytest.mark.parametrize(("length", "files"), [(20_000, 0), (20_001, 1)])
def test_a_text_of_twenty_thousand_characters_needs_no_file_and_one_more_does(
    room: Runtime, length: int, files: int
) -> None:
    room.write("ż" * length)
    assert len(room.column("SELECT text FROM messages")[0]) == 20_000
    assert len(room.rows("SELECT id FROM files")) == files


def test_of_a_very_long_text_the_beginning_is_read_and_the_whole_is_kept_as_a_file(room: Runtime) -> None:
    put = room.write("ż" * 100_000)
    row = room.one("SELECT text, media FROM messages WHERE event_id = :id", id=put.event_id)
    assert row["text"] == "ż" * 20_000
    assert "whole-message.txt" in row["media"]
    assert room.one("SELECT size_bytes, content FROM files") == {
        "size_bytes": 200_000,
        "content": ("ż" * 100_000).encode(),
    }


def test_an_unknown_number_is_refused_with_a_sentence_that_names_it(room: Runtime) -> None:
    arrival = Arrival("SM1", MessageReceived("hello"), "+48600100200", number="+48000000000")
    with pytest.raises(UnknownNumber, match=r"\+48000000000"), room.house.database.transaction() as session:
        inbox.put(session, room.numbers["keys"].connection_id, arrival)
    assert room.rows("SELECT id FROM contacts") == [], "nothing half-accepted"


def test_an_action_on_a_conversation_that_is_not_there_is_refused(room: Runtime) -> None:
    with pytest.raises(LookupError, match="4711"):
        room.act(4_711, "agent_closed")


def test_a_signed_visitor_whose_number_has_called_before_is_the_same_contact(room: Runtime) -> None:
    room.write("by telephone")
    place = room.numbers["chat"]
    arrival = Arrival(
        "v1", MessageReceived("by chat"), "user-17", number=place.value, address_kind="user", phone="+48600100200"
    )
    with room.house.database.transaction() as session:
        inbox.put(session, place.connection_id, arrival)
    assert len(room.rows("SELECT id FROM contacts")) == 1
    assert len(room.rows("SELECT id FROM addresses")) == 2
    assert len(room.rows("SELECT id FROM conversations")) == 2, "one on each number"


def test_a_call_is_a_conversation_of_its_own_and_its_repetition_is_not(room: Runtime) -> None:
    place = room.numbers["calls"]
    written = room.write("hello", "calls")
    with room.house.database.transaction() as session:
        puts = [
            inbox.put(
                session,
                place.connection_id,
                Arrival(f"{call}:0", CallStarted(call, ANNA, place.value), ANNA, number=place.value, call_id=call),
            )
            for call in ("CA1", "CA2", "CA1")
        ]
    assert puts[2] == Put(puts[0].event_id, puts[0].conversation_id, duplicate=True)
    assert len({written.conversation_id, puts[0].conversation_id, puts[1].conversation_id}) == 3
    assert room.write("again", "calls").conversation_id == written.conversation_id
    kinds = room.column("SELECT kind FROM conversations ORDER BY id")
    assert kinds == ["messages", "call", "call"]
    assert len(room.rows("SELECT id FROM contacts")) == 1
    assert len(room.rows("SELECT id FROM messages")) == 2, "a call is not a message"


def test_a_name_once_known_is_not_overwritten(room: Runtime) -> None:
    place = room.numbers["keys"]
    for n, name in enumerate(("", "Anna\r\nNowak", "Somebody")):
        arrival = Arrival(f"SM{n}", MessageReceived("hi"), "+48600100200", number=place.value, contact_name=name)
        with room.house.database.transaction() as session:
            inbox.put(session, place.connection_id, arrival)
    assert room.column("SELECT name FROM contacts") == ["Anna Nowak"], "and stands in one line"
