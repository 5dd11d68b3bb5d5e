"""The first start: everything is there and published, once; the key guards what is sealed with it."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from app.config import Settings
from app.directory import open_connection
from app.models import Connection
from app.schema import WrongSchema
from app.sealing import KeyUnusable
from app.seeding import prepare
from app.wiring import build_house
from tests.app.seeded import seeded


def test_the_first_start_makes_everything_and_publishes_two_flows(settings: Settings) -> None:
    with seeded(settings) as house:
        assert [name for (name,) in house.rows("SELECT name FROM queues ORDER BY id")] == [
            "standard",
            "gold",
            "platinum",
            "people",
        ]
        assert house.rows(
            "SELECT n.name, l.slot, f.name, v.number FROM live_numbers l JOIN numbers n ON n.id = l.number_id"
            " JOIN flows f ON f.id = l.flow_id JOIN versions v ON v.id = l.version_id ORDER BY l.id"
        ) == [("support-line", "calls", "VIP calls", 1), ("web-chat", "messages", "VIP messages", 1)]
        assert house.rows("SELECT count(*) FROM effects") == [(0,)]
        assert set(json.loads(house.rows("SELECT apology FROM installation")[0][0])) == {"en", "pl", "ru"}
        assert house.rows("SELECT name, value FROM constants") == [("customer_api", '"http://127.0.0.1:8001"')]


def test_the_simulated_connection_has_a_secret_of_its_own(settings: Settings) -> None:
    with seeded(settings) as house, house.house.database.reading() as session:
        row = session.query(Connection).filter_by(name="simulated").one()
        assert len(open_connection(row, house.house.key, "").secrets["secret"]) >= 32


def test_the_first_start_prints_one_link_and_the_second_changes_nothing(settings: Settings) -> None:
    with seeded(settings) as house:
        assert [bool(re.search(r"/first/[\w-]{32}$", line)) for line in house.lines] == [True, False, False]
        before = house.rows("SELECT id, name FROM flows")
        assert prepare(settings) == []
        assert house.rows("SELECT id, name FROM flows") == before
        assert house.rows("SELECT count(*) FROM first_links") == [(1,)]


@pytest.mark.parametrize(
    ("stored", "after"),
    [
        ('"http://127.0.0.1:8001"', '"http://127.0.0.1:9001"'),
        ('"https://crm.example.com"', '"https://crm.example.com"'),
        ('{"a":1}', '{"a":1}'),
    ],
)
def test_the_example_api_is_followed_to_another_port_and_nobody_elses(
    settings: Settings, stored: str, after: str
) -> None:
    with seeded(settings) as house:
        house.write("UPDATE constants SET value = :value", value=stored)
        prepare(dataclasses.replace(settings, port=9000))
        assert house.rows("SELECT value FROM constants") == [(after,)]


def test_a_missing_key_beside_a_filled_database_stops_the_start(settings: Settings) -> None:
    with seeded(settings):
        settings.secret_key_file.unlink()
    for start in (prepare, build_house):
        with pytest.raises(KeyUnusable, match=r"is missing, but the database already holds data"):
            start(settings)
    assert not settings.secret_key_file.exists()


def test_another_key_beside_a_filled_database_stops_the_start(settings: Settings, tmp_path: Path) -> None:
    with seeded(settings):
        settings.secret_key_file.write_bytes(b"k" * 32)
    for start in (prepare, build_house):
        with pytest.raises(KeyUnusable, match="is not the one this database was made with"):
            start(settings)


def test_a_house_is_not_built_over_a_database_that_was_never_started(settings: Settings) -> None:
    with pytest.raises(WrongSchema, match="run `patchbay migrate` once"):
        build_house(settings)
