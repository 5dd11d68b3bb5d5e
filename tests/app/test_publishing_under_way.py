"""Publishing while the flow is answering: runs stay on the version they began with, and nobody is lost."""

from typing import Any

from app import publishing
from app.publishing import Order
from flows import document
from tests.app.drawn import asks, drawn, sends, starts_with
from tests.app.house import Runtime

CONTACTS = 500
AT_ONCE = 50


def greeting(words: str) -> dict[str, Any]:
    """Asks for a name and greets with these words."""
    steps = {"in": starts_with("keys", "ask"), "ask": asks("Your name?", to="greet", variable="name")}
    return drawn("Greeting", {**steps, "greet": sends(f"{words} {{{{ name }}}}")})


def publish(room: Runtime, drawing: dict[str, Any]) -> int:
    """Saves and publishes as the API does; the version's number."""
    flow = document.from_data(drawing)
    with room.house.database.transaction() as session:
        if not publishing.flow_id_of(session, flow.name):
            publishing.create(session, flow, "ada")
        row = publishing.find_flow(session, flow.name, locked=True)
        publishing.save(session, row, flow, row.latest_revision, "ada")
        return publishing.publish(session, room.house, row, 0, Order("ada")).version.number


def test_a_version_published_while_500_runs_are_under_way_meets_only_new_ones(room: Runtime) -> None:
    assert publish(room, greeting("Good morning")) == 1
    contacts = [f"+48601{n:06}" for n in range(CONTACTS)]
    for first in range(0, CONTACTS, AT_ONCE):
        for contact in contacts[first : first + AT_ONCE]:
            room.write("hi", contact=contact)
        room.drive()
    for first in range(0, CONTACTS, AT_ONCE):
        for n, contact in enumerate(contacts[first : first + AT_ONCE]):
            room.write(f"Anna {first + n}", contact=contact)
            if first + n == CONTACTS // 2:
                assert publish(room, greeting("Good evening")) == 2
        room.drive()
    newcomer = room.write("hi", contact="+48602000000").conversation_id
    room.drive()
    room.write("Ada", contact="+48602000000")
    room.drive()
    versions = room.column("SELECT v.number FROM runs r JOIN versions v ON v.id = r.version_id ORDER BY r.id")
    assert versions == [1] * CONTACTS + [2]
    assert set(room.outcomes()) == {"completed"}
    greeted = room.column("SELECT text FROM messages WHERE direction = 'out' AND text LIKE 'Good%'")
    assert sorted(greeted) == sorted([*(f"Good morning Anna {n}" for n in range(CONTACTS)), "Good evening Ada"])
    assert room.said(newcomer)[-1] == "> Good evening Ada"
    room.assert_consistent()
