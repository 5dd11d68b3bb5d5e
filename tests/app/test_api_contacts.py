"""The API's contacts and segments: found, changed, merged; nobody's address is taken, and every refusal says which."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from app.config import Settings
from app.contacts.merging import merge
from tests.app.api_client import Api, api
from tests.app.drawn import asks, drawn, sends, starts_with
from tests.app.house import Runtime

ANNA = {"name": "Anna Nowak", "phone": "+48 600 100 200", "email": "Anna@Example.com", "attributes": {"points": 3.5}}


@pytest.fixture
def asked(settings: Settings) -> Iterator[Api]:
    with api(settings) as made:
        yield made


def test_a_contact_is_created_read_changed_and_found(asked: Api) -> None:
    asked.post("/segments", 201, name="vip", title="Our best")
    asked.post("/segments", 201, name="new")
    made = asked.post("/contacts", 201, **ANNA, segments=["vip"], consent="given", language="pl", zone="Europe/Warsaw")
    assert [(one["kind"], one["value"]) for one in made["addresses"]] == [
        ("email", "anna@example.com"),  # as mails and forms find it
        ("phone", "+48600100200"),
    ]
    assert (made["consent"]["state"], made["consent"]["source"]) == ("given", "tests")
    assert asked.get(f"/contacts/{made['id']}") == made
    changed = asked.patch(
        f"/contacts/{made['id']}", attributes={"points": None, "city": "Łódź"}, segments=["new"], consent="withdrawn"
    )
    assert (changed["attributes"], changed["segments"]) == ({"city": "Łódź"}, ["new"])
    assert changed["consent"]["state"] == "withdrawn"
    assert (changed["name"], changed["zone"]) == ("Anna Nowak", "Europe/Warsaw")
    for query in ("search=nowak", "search=600100", "search=EXAMPLE.com", "segment=new", "consent=withdrawn"):
        assert [one["id"] for one in asked.get(f"/contacts?{query}")["items"]] == [made["id"]], query
    for query in ("search=100%25", "search=_", "segment=vip", "consent=given"):
        assert asked.get(f"/contacts?{query}")["items"] == [], query


REFUSED: list[tuple[dict[str, Any], int, str]] = [
    ({}, 422, "empty"),
    ({"name": ""}, 422, "empty"),
    ({"phone": "call me"}, 422, "field_invalid"),
    ({"phone": "600 100 200"}, 422, "field_invalid"),
    ({"email": "anna at home"}, 422, "field_invalid"),
    ({"name": "x", "language": "polish please"}, 422, "field_invalid"),
    ({"name": "x", "zone": "../etc/passwd"}, 422, "field_invalid"),
    ({"name": "x", "attributes": {"Bad Name": 1}}, 422, "field_invalid"),
    ({"name": "x", "attributes": {"big": "y" * 70_000}}, 422, "field_invalid"),
    ({"name": "x", "segments": ["nobody"]}, 404, "not_found"),
    ({"name": "x", "consent": "maybe"}, 422, "bad_body"),
    ({"name": "x" * 201}, 422, "bad_body"),
]


def test_what_does_not_fit_is_refused_and_nothing_is_written(asked: Api) -> None:
    for body, status, code in REFUSED:
        assert asked.post("/contacts", status, **body)["code"] == code, body
    assert asked.get("/contacts")["items"] == []


def test_another_contacts_address_is_refused_with_whose_it_is(asked: Api) -> None:
    anna = asked.post("/contacts", 201, **ANNA)
    refused = asked.post("/contacts", 409, name="Bob", phone="+48600100200")
    assert (refused["code"], refused["details"]["contact"]) == ("address_taken", anna["id"])
    assert [fault["path"] for fault in refused["details"]["faults"]] == ["phone"]
    bob = asked.post("/contacts", 201, name="Bob")
    assert asked.patch(f"/contacts/{bob['id']}", 409, email="Anna@example.com")["code"] == "address_taken"
    assert asked.patch(f"/contacts/{anna['id']}", phone="600100200", country="PL")["addresses"] == anna["addresses"]


def test_lists_go_on_by_their_cursor(asked: Api) -> None:
    for n in range(7):
        asked.post("/contacts", 201, name=f"c{n}", phone=f"+4860000000{n}")
    seen: list[str] = []
    after: int | None = 0
    while after is not None:
        found = asked.get(f"/contacts?limit=3&after={after}")
        seen += [one["name"] for one in found["items"]]
        after = found["next"]
    assert seen == [f"c{n}" for n in range(7)]
    assert asked.get("/contacts?limit=201", 422)["code"] == "bad_query"


def test_segments_have_members_and_stay_while_a_flow_names_them(asked: Api) -> None:
    made = asked.post("/contacts", 201, name="Anna")
    asked.post("/segments", 201, name="vip")
    assert asked.post("/segments", 409, name="vip")["code"] == "name_taken"
    for _ in range(2):
        assert asked.post("/segments/vip/members", contact=made["id"])["members"] == 1
    assert [one["id"] for one in asked.get("/segments/vip/members")["items"]] == [made["id"]]
    assert asked.post("/segments/vip/members", 404, contact=999)["code"] == "not_found"
    config = {"join": ["vip"]}
    steps = {
        "in": starts_with("web-chat", "join"),
        "join": {"type": "update_contact", "config": config, "exits": {"success": "end"}},
    }
    asked.post("/flows", 201, document=drawn("Joins", steps))
    assert asked.delete("/segments/vip", 409)["code"] == "in_use"
    assert asked.delete(f"/segments/vip/members/{made['id']}")["members"] == 0
    document = asked.get("/flows/Joins")
    steps["join"]["config"] = {"name": "x"}
    asked.put("/flows/Joins", document=drawn("Joins", steps), base=document["revision"])
    assert asked.delete("/segments/vip")["name"] == "vip"
    assert asked.get("/segments")["items"] == []


def test_merging_gives_one_everything_of_the_other_and_is_audited(asked: Api) -> None:
    for name in ("vip", "new"):
        asked.post("/segments", 201, name=name)
    one = asked.post("/contacts", 201, name="Anna", phone="+48600100200", attributes={"a": 1, "b": 1},
                     segments=["vip"], consent="given")  # fmt: skip
    other = asked.post("/contacts", 201, name="A. Nowak", email="a@example.com", language="pl",
                       attributes={"b": 2, "c": 2}, segments=["vip", "new"], consent="withdrawn")  # fmt: skip
    kept = asked.post(f"/contacts/{one['id']}/merge", contact=other["id"])
    assert [address["value"] for address in kept["addresses"]] == ["+48600100200", "a@example.com"]
    assert (kept["name"], kept["language"], kept["segments"]) == ("Anna", "pl", ["new", "vip"])
    assert kept["attributes"] == {"a": 1, "b": 1, "c": 2}
    assert kept["consent"]["state"] == "withdrawn"  # what either has withdrawn is withdrawn
    asked.get(f"/contacts/{other['id']}", 404)
    rows = asked.installation.rows("SELECT who, what FROM audit WHERE did = 'merge_contacts'")
    assert rows == [("tests", f"{other['id']} into {one['id']}")]


def test_a_contact_cannot_be_merged_into_itself_or_with_nobody(asked: Api) -> None:
    made = asked.post("/contacts", 201, name="Anna")
    assert asked.post(f"/contacts/{made['id']}/merge", 422, contact=made["id"])["code"] == "same_contact"
    assert asked.post(f"/contacts/{made['id']}/merge", 404, contact=999)["code"] == "not_found"
    assert asked.post("/contacts/999/merge", 404, contact=made["id"])["code"] == "not_found"


def test_a_merged_contacts_conversations_go_on(room: Runtime) -> None:
    room.publish(drawn("Ask", {"in": starts_with("keys", "ask"), "ask": asks("Name?", to="out"),
                               "out": sends("{{ answer }}, {{ conversation.count }}")}))  # fmt: skip
    first, second = room.write("hi"), room.write("hi", "lookup", contact="+48600300400")
    room.drive()
    keeps, goes = room.column("SELECT id FROM contacts ORDER BY id")
    with room.house.database.transaction() as session:
        merge(session, goes, keeps)
    room.write("Anna")
    room.drive()
    assert room.said(first.conversation_id)[-1] == "> Anna, 2"
    assert room.conversation(second.conversation_id)["contact_id"] == goes


def test_merging_beside_webhooks_and_commits_never_deadlocks_and_loses_nothing(postgresql_room: Runtime) -> None:
    room = postgresql_room
    note = {"variables": [{"name": "said", "value": "{{ message.text }}", "scope": "contact"}]}
    steps = {"in": starts_with("keys", "note"),
             "note": {"type": "set_variable", "config": note, "exits": {"next": "end"}}}  # fmt: skip
    room.publish(drawn("Notes", steps))
    victims: list[str] = []
    event.listen(room.house.database.engine, "handle_error", lambda context: victims.append(str(context)))
    numbers = [f"+4860010{n:04}" for n in range(12)]
    for number in numbers:
        room.write("hello", contact=number)
    room.drive()

    def write() -> None:
        for n in range(60):
            room.write(f"again {n}", contact=numbers[n % 12])

    room.start()
    writer = threading.Thread(target=write)
    writer.start()
    ids = room.column("SELECT id FROM contacts ORDER BY id")
    for one, other in zip(ids[::2], ids[1::2], strict=True):
        with room.house.database.transaction() as session:
            merge(session, one, other)
    writer.join(60)
    room.drive()
    assert victims == []
    assert len(room.rows("SELECT id FROM contacts")) == 6
    assert room.rows("SELECT id FROM inbound_events WHERE state <> 'done'") == []
    assert len(room.rows("SELECT id FROM messages WHERE direction = 'in'")) == 72
