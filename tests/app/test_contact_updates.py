"""What flows write about contacts: committed with their turn, read by the next one, never anybody else's."""

import json
from typing import Any

import pytest

from app.points import set_hook
from tests.app.drawn import Document, asks, drawn, placed, sends, starts_with
from tests.app.house import ANNA, Runtime
from tests.app.processes import die_at

BOB = "+48600300400"
FACTS = (
    "{{ contact.name }}|{{ contact.language }}|{{ contact.zone }}|{{ contact.account_manager }}|"
    "{{ contact.attributes.city }}|{{ contact.consent }}|{{ contact.segments | join(' ') }}|{{ contact.email }}"
)
COUNTED = "{{ (contact.attributes.n or 0) + 1 }}"


def segments(room: Runtime, *names: str) -> None:
    for name in names:
        room.execute("INSERT INTO segments (name, title, created_at) VALUES (:name, '', 1)", name=name)


def writing(**config: Any) -> Document:
    """Tells what is known, and then writes."""
    steps = {
        "in": starts_with("keys", "tell"),
        "tell": sends(FACTS, to="write"),
        "write": placed("update_contact", config, success="end", failure="failed"),
        "failed": sends("Failed: {{ error.kind }}"),
    }
    return drawn("Writing", steps)


def test_what_a_flow_writes_is_what_the_next_turn_reads(room: Runtime) -> None:
    segments(room, "vip", "newsletter", "old")
    room.publish(
        writing(
            name="Anna",
            language="pl",
            zone="Europe/Warsaw",
            account_manager="ola",
            email="anna@example.com",
            consent="given",
            join=["vip", "newsletter"],
            leave=["old"],
            fields=[{"name": "city", "value": "Łódź"}],
        )
    )
    room.write("hello")
    room.drive()
    room.write("again")
    room.drive()
    assert room.provider.texts == ["|||||||", "Anna|pl|Europe/Warsaw|ola|Łódź|true|newsletter vip|anna@example.com"]
    contact = room.one("SELECT consent, consent_at, consent_source FROM contacts")
    first = room.column("SELECT id FROM runs ORDER BY id")[0]
    assert (contact["consent"], contact["consent_source"]) == ("given", f"run {first}")
    assert contact["consent_at"] == room.one("SELECT ended_at FROM runs WHERE id = :id", id=first)["ended_at"]


def test_another_contacts_address_is_refused_and_nothing_of_the_step_is_written(room: Runtime) -> None:
    room.publish(writing(phone=BOB, name="Anna"))
    room.write("I am Bob", contact=BOB)
    room.drive()
    room.write("hello")
    room.drive()
    assert room.provider.texts[-1] == "Failed: address_taken"
    assert room.problems() == ["address_taken"]
    assert room.column("SELECT name FROM contacts ORDER BY id") == ["Anna", ""]  # Bob's own number was no other's


def test_an_address_that_becomes_anothers_between_question_and_commit_stays_theirs(room: Runtime) -> None:
    room.publish(writing(email="anna@example.com", name="Anna"))

    def race(name: str) -> None:
        if name == "commit:before":
            set_hook(None)
            room.execute("INSERT INTO contacts (first_seen_at, created_at, name, language, attributes, account_manager)"
                         " VALUES (1, 1, 'Other', '', '{}', '')")  # fmt: skip
            room.execute(
                "INSERT INTO addresses (contact_id, kind, value, last_seen_at, created_at)"
                " SELECT id, 'email', 'anna@example.com', 1, 1 FROM contacts WHERE name = 'Other'"
            )

    set_hook(race)
    room.write("hello")
    room.drive()
    owner = room.one("SELECT k.name FROM contacts k JOIN addresses a ON a.contact_id = k.id WHERE a.kind = 'email'")
    assert owner["name"] == "Other"
    assert room.problems() == ["address_taken"]


@pytest.mark.parametrize("place", ["commit:fenced", "commit:written"])
def test_a_process_killed_in_the_commit_writes_the_contact_once(room: Runtime, place: str) -> None:
    segments(room, "vip")
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": asks("Your name?", to="write", variable="name"),
        "write": placed(
            "update_contact",
            {"name": "{{ name }}", "join": ["vip"], "fields": [{"name": "n", "value": COUNTED}]},
            success="end",
            failure="end",
        ),
    }  # fmt: skip
    room.publish(drawn("Once", steps))
    room.write("hello")
    room.drive()
    die_at(place)
    room.write("Anna")
    room.processes[0].runner.wake()
    room.processes[0].wait_until_dead()
    room.drive()
    contact = room.one("SELECT name, attributes FROM contacts")
    assert (contact["name"], json.loads(contact["attributes"])) == ("Anna", {"n": {"$number": "1"}})
    assert len(room.rows("SELECT * FROM segment_members")) == 1
    assert room.rows("SELECT 1 FROM addresses WHERE value = :value", value=ANNA)
