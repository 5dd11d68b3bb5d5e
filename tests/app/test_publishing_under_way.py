"""A version published while 500 runs are under way: each stays on its own, none fails, and new ones take the newest."""

from collections import Counter, defaultdict

from app import publishing
from app.publishing import Order
from flows import document
from tests.app.drawn import Document, asks, drawn, sends, starts_with
from tests.app.house import Runtime

RUNS = 500
PUBLICATIONS = 5
EVERY = RUNS // PUBLICATIONS


def contact(n: int) -> str:
    return f"+486000{n:05}"


def survey(version: int) -> Document:
    """A question and an answer whose texts name the version."""
    steps = {
        "in": starts_with("keys", "ask"),
        "ask": asks(f"{version}: your name?", to="bye", variable="name"),
        "bye": sends(f"{version}: goodbye {{{{ name }}}}"),
    }
    return drawn("Survey", steps)


def publish(room: Runtime, version: int) -> None:
    """Saved and published as an author does it."""
    with room.house.database.transaction() as session:
        flow = document.from_data(survey(version))
        if version == 1:
            publishing.create(session, flow, "ada")
        row = publishing.find_flow(session, flow.name, locked=True)
        if version > 1:
            publishing.save(session, row, flow, row.latest_revision, "ada")
        publishing.publish(session, room.house, row, 0, Order("ada"))


def test_a_version_published_while_500_runs_are_under_way_mixes_and_fails_none(room: Runtime) -> None:
    publish(room, 1)
    for _ in range(2):
        room.start()
    for n in range(RUNS):
        if n % EVERY == EVERY - 1:
            publish(room, n // EVERY + 2)
        if n == EVERY // 2:
            room.drive()  # the first ones wait for their answers by now
        room.write("hello", contact=contact(n))
        if n >= RUNS // 2:  # the earlier ones answer meanwhile
            room.write("Anna", contact=contact(n - RUNS // 2))
    for n in range(RUNS // 2, RUNS):  # some before they are asked
        room.write("Anna", contact=contact(n))
    room.drive()
    said: dict[str, list[str]] = defaultdict(list)
    for one in room.provider.taken.values():
        said[one.to].append(one.message.text)
    versions = {to: {text.partition(":")[0] for text in texts} for to, texts in said.items()}
    assert [to for to, seen in versions.items() if len(seen) != 1] == [], "mixed"
    assert [texts for texts in said.values() if len(texts) != 2] == [], "not finished"
    assert Counter(room.outcomes()) == {"completed": RUNS}
    assert room.problems() == []
    assert versions[contact(0)] == {"1"}
    assert len(set.union(*versions.values())) > 1, "several versions had runs"
    numbers = {row["id"]: str(row["number"]) for row in room.rows("SELECT id, number FROM versions")}
    assert len(numbers) == PUBLICATIONS + 1
    query = (
        "SELECT r.version_id, a.value FROM runs r JOIN conversations c ON c.id = r.conversation_id"
        " JOIN addresses a ON a.id = c.address_id"
    )
    assert all(versions[row["value"]] == {numbers[row["version_id"]]} for row in room.rows(query))
    room.write("hello", contact=contact(RUNS))
    room.drive()
    assert room.provider.texts[-1] == f"{PUBLICATIONS + 1}: your name?"
