"""Publishing: blocking findings stop it, versions never change, and a number has one flow for calls and messages."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from app import publishing
from app.config import Settings
from app.directory import seal_secrets
from app.errors import DomainError
from app.publishing import NotPublishable, NumberTaken, Order, Published
from flows import document
from tests.app.seeded import Seeded, seeded

REPLY = {
    "type": "send_message",
    "config": {"text": {"en": "Thank you."}},
    "exits": {"success": "end", "failure": "end"},
}


def messages(name: str, *numbers: str, words: tuple[str, ...] = (), **config: Any) -> dict[str, Any]:
    """A flow that answers messages, all or those with words."""
    trigger = {"numbers": list(numbers), **({"match": "keywords", "keywords": list(words)} if words else {}), **config}
    steps = {"begin": {"type": "incoming_message", "config": trigger, "exits": {"next": "reply"}}, "reply": REPLY}
    return {"format": 1, "name": name, "languages": ["en"], "steps": steps}


def publish(house: Seeded, data: dict[str, Any], author: str = "ada") -> Published:
    """Saves and publishes, committed."""
    with house.house.database.transaction() as session:
        flow = document.from_data(data)
        if publishing.flow_id_of(session, flow.name):
            row = publishing.find_flow(session, flow.name, locked=True)
            publishing.save(session, row, flow, row.latest_revision, author)
        else:
            publishing.create(session, flow, author)
            row = publishing.find_flow(session, flow.name, locked=True)
        return publishing.publish(session, house.house, row, 0, Order(author, "because"))


def roll_back(house: Seeded, flow: str, number: int, *, move_numbers: bool = False) -> Published:
    """Publishes an old version again, committed."""
    with house.house.database.transaction() as session:
        row = publishing.find_flow(session, flow, locked=True)
        return publishing.roll_back(session, house.house, row, number, Order("ada", move_numbers=move_numbers))


def live(house: Seeded) -> set[tuple[Any, ...]]:
    """number, kind, flow, version of every live number."""
    return set(
        house.rows(
            "SELECT n.name, l.kind, f.name, v.number FROM live_numbers l JOIN numbers n ON n.id = l.number_id"
            " JOIN flows f ON f.id = l.flow_id JOIN versions v ON v.id = l.version_id"
        )
    )


CHAT = ("web-chat", "messages", "VIP messages", 1)
CALLS = ("support-line", "calls", "VIP calls", 1)


def test_a_version_is_the_draft_byte_for_byte_with_author_and_note(settings: Settings) -> None:
    with seeded(settings) as house:
        published = publish(house, messages("Texts", "support-line"))
        assert (published.version.number, published.numbers.answered) == (1, ("support-line",))
        stored = house.rows(
            "SELECT v.document, r.document, v.author, v.note FROM versions v JOIN revisions r"
            " ON r.flow_id = v.flow_id AND r.number = v.revision_number JOIN flows f ON f.id = v.flow_id"
            " WHERE f.name = 'Texts'"
        )
        assert stored[0][0] == stored[0][1]
        assert stored[0][2:] == ("ada", "because")
        assert house.rows("SELECT who, did, what FROM audit ORDER BY id DESC LIMIT 1") == [
            ("ada", "publish", "Texts version 1")
        ]


def test_blocking_findings_stop_publishing_and_all_of_them_are_told(settings: Settings) -> None:
    broken = messages("Broken", "nowhere")
    broken["steps"]["reply"] = {**REPLY, "exits": {"failure": "end"}}
    with seeded(settings) as house, pytest.raises(NotPublishable) as refused:
        publish(house, broken)
    codes = {finding["code"] for finding in refused.value.details["findings"]}
    assert {"missing_reference", "open_exit"} <= codes


@pytest.mark.parametrize(
    ("mine", "holder", "says"),
    [
        (
            messages("Mine", "web-chat"),
            None,
            "Messages of the number “web-chat” are answered by the flow “VIP messages”.",
        ),
        (
            messages("Mine", "web-chat", words=("Track order",)),
            messages("Tracking", "web-chat", words=("track ORDER", "parcel")),
            "Messages with “track order” of the number “web-chat” are answered by the flow “Tracking”.",
        ),
    ],
)
def test_a_conflict_names_the_flow_that_holds_the_number(
    settings: Settings, mine: dict[str, Any], holder: dict[str, Any] | None, says: str
) -> None:
    with seeded(settings) as house:
        if holder is not None:
            publish(house, holder)
        before = live(house)
        with pytest.raises(NumberTaken) as taken:
            publish(house, mine)
        assert says in taken.value.sentence
        assert taken.value.details["taken"][0]["flow"] in says
        assert live(house) == before
        assert house.rows("SELECT count(*) FROM flows WHERE name = 'Mine'") == [(0,)]


def test_a_number_whose_connection_is_turned_off_is_published_with_a_warning(settings: Settings) -> None:
    with seeded(settings) as house:
        house.write("UPDATE connections SET enabled = :no WHERE name = 'simulated'", no=False)
        published = publish(house, messages("Texts", "support-line"))
        found = [(finding.code, finding.severity, finding.step) for finding in published.findings]
        assert ("channel_disconnected", "warning", "begin") in found


def test_a_number_has_further_flows_by_keyword_only(settings: Settings) -> None:
    with seeded(settings) as house:
        publish(house, messages("Tracking", "web-chat", words=("parcel",), priority=5, interrupts=True))
        publish(house, messages("Returns", "web-chat", words=("return",)))
        assert live(house) == {
            CHAT,
            CALLS,
            ("web-chat", "messages", "Tracking", 1),
            ("web-chat", "messages", "Returns", 1),
        }
        slots = house.rows("SELECT slot, step, priority, interrupts FROM live_numbers WHERE priority = 5")
        assert [(slot.startswith("keywords:"), step, bool(interrupts)) for slot, step, _, interrupts in slots] == [
            (True, "begin", True)
        ]


def test_publishing_again_moves_the_flows_own_numbers_and_frees_the_rest(settings: Settings) -> None:
    with seeded(settings) as house:
        publish(house, messages("Texts", "support-line"))
        second = publish(house, messages("Texts", "support-line", words=("hello",)))
        assert live(house) == {CHAT, CALLS, ("support-line", "messages", "Texts", 2)}
        assert second.numbers.freed == ()
        last = publish(house, messages("Texts", "support-line", words=("bye",)))
        assert last.version.number == 3
        publish(house, messages("Others", "support-line"))
        _add_number(house, "second", "+15005550001")
        freed = publish(house, messages("Others", "second"))
        assert freed.numbers.freed == ("support-line",)
        assert ("support-line", "messages", "Others", 1) not in live(house)


def test_a_roll_back_publishes_the_old_version_and_leaves_the_numbers(settings: Settings) -> None:
    with seeded(settings) as house:
        _add_number(house, "second", "+15005550001")
        publish(house, messages("Texts", "support-line"))
        publish(house, messages("Texts", "second"))
        back = roll_back(house, "Texts", 1)
        assert back.version.number == 3
        assert back.version.note == "Back to version 1"
        assert (back.numbers.answered, back.numbers.stayed) == ((), ("second",))
        assert ("second", "messages", "Texts", 2) in live(house)
        moved = roll_back(house, "Texts", 1, move_numbers=True)
        assert (moved.numbers.answered, moved.numbers.freed) == (("support-line",), ("second",))
        assert live(house) == {CHAT, CALLS, ("support-line", "messages", "Texts", 4)}


def test_a_roll_back_answers_with_the_old_version_where_the_flow_is_now(settings: Settings) -> None:
    with seeded(settings) as house:
        publish(house, messages("Texts", "support-line"))
        changed = messages("Texts", "support-line")
        changed["description"] = "Changed"
        publish(house, changed)
        assert roll_back(house, "Texts", 1).numbers.answered == ("support-line",)
        assert house.rows(
            "SELECT count(*) FROM versions a JOIN versions b ON a.document = b.document AND a.flow_id = b.flow_id"
            " WHERE a.number = 1 AND b.number = 3"
        ) == [(1,)]
        assert ("support-line", "messages", "Texts", 3) in live(house)


def test_a_roll_back_that_moves_numbers_still_respects_other_flows(settings: Settings) -> None:
    with seeded(settings) as house:
        _add_number(house, "second", "+15005550001")
        publish(house, messages("Texts", "support-line"))
        publish(house, messages("Texts", "second"))
        publish(house, messages("Others", "support-line"))
        with pytest.raises(NumberTaken, match="Others"):
            roll_back(house, "Texts", 1, move_numbers=True)
        assert roll_back(house, "Texts", 1).numbers.stayed == ("second",)


def test_a_roll_back_to_any_message_yields_to_the_flow_that_took_it_over(settings: Settings) -> None:
    with seeded(settings) as house:
        publish(house, messages("Texts", "support-line"))
        publish(house, messages("Texts", "support-line", words=("hello",)))
        publish(house, messages("Others", "support-line"))
        with pytest.raises(NumberTaken, match="Others"):
            roll_back(house, "Texts", 1)
        assert ("support-line", "messages", "Texts", 2) in live(house)


def test_two_flows_that_want_one_number_at_once_do_not_both_get_it(settings: Settings) -> None:
    with seeded(settings) as house:

        def attempt(name: str) -> str:
            try:
                publish(house, messages(name, "support-line", words=("parcel",)))
            except DomainError as refused:
                return refused.code
            return "published"

        with ThreadPoolExecutor(4) as pool:
            outcomes = sorted(pool.map(attempt, ["A", "B", "C", "D"]))
        assert outcomes == ["number_taken", "number_taken", "number_taken", "published"]


def test_one_flow_published_many_times_at_once_counts_its_versions_up(settings: Settings) -> None:
    with seeded(settings) as house:
        publish(house, messages("Texts", "support-line"))

        def again(_: int) -> int:
            with house.house.database.transaction() as session:
                row = publishing.find_flow(session, "Texts", locked=True)
                return publishing.publish(session, house.house, row, 0, Order("ada")).version.number

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(again, range(6))) == [2, 3, 4, 5, 6, 7]
        assert {row for row in live(house) if row[2] == "Texts"} == {("support-line", "messages", "Texts", 7)}


def test_a_carrier_is_told_the_webhook_addresses_after_the_commit(settings: Settings) -> None:
    with seeded(settings) as house:
        _add_number(house, "twilio-line", "+15005550001", kind="twilio")
        version = publish(house, messages("Texts", "twilio-line")).version
        (key, kind, conversation, payload), *others = house.rows(
            "SELECT key, kind, conversation_id, payload FROM effects"
        )
        assert others == []
        assert key.startswith(f"publish/{version.id}/")
        assert (kind, conversation) == ("set_webhooks", None)
        assert "/hooks/carrier/messages" in payload
        assert "+15005550001" in payload


def _add_number(house: Seeded, name: str, value: str, kind: str = "simulated") -> None:
    connection = "simulated"
    if kind != "simulated":
        connection = "carrier"
        sealed = seal_secrets(connection, {"account_sid": "AC1", "auth_token": "t"}, house.house.key)
        house.write(
            "INSERT INTO connections (name, kind, settings, sealed, enabled, created_at)"
            " VALUES (:name, :kind, '{}', :sealed, true, 0)",
            name=connection,
            kind=kind,
            sealed=sealed,
        )
    house.write(
        "INSERT INTO numbers (name, connection_id, value, answers_calls, answers_messages, country, language,"
        " fallback_number, rate_per_second, burst, settings, created_at)"
        " SELECT :name, id, :value, false, true, '', '', '', 0, 1, '{}', 0 FROM connections WHERE name = :connection",
        name=name,
        value=value,
        connection=connection,
    )
